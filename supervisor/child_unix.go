//go:build unix

package supervisor

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminate asks the leader alone to end: its children have to survive the
// drain (OpenClaw wants what systemd calls KillMode=mixed).
func (c *child) terminate() error { return sendTo(c.pid, syscall.SIGTERM, c.leads) }

// guard ends everything of a child at once. Here it is the process group; what
// left it is found by its run id.
type guard struct{}

func newGuard(*os.Process) (guard, error) { return guard{}, nil }

func (guard) kill(pid int) error {
	return errors.Join(ignoreGone(syscall.Kill(-pid, syscall.SIGKILL)), ignoreGone(syscall.Kill(pid, syscall.SIGKILL)))
}

func (guard) close() {}

func ignoreGone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// exitOf reads how a process ended.
func exitOf(s *os.ProcessState) Exit {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return Exit{Code: -1, Signal: unix.SignalName(w.Signal())}
	}
	return Exit{Code: s.ExitCode()}
}

// tellsGrowth: the system tells when a file that is held open grows.
const tellsGrowth = true
