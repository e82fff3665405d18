//go:build unix

package machine

import (
	"context"
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminate sends SIGTERM to the leader alone, because OpenClaw needs its children until
// its work is done. systemd calls this KillMode=mixed.
func (c *child) terminate(context.Context) error { return sendSignal(c.leader, syscall.SIGTERM) }

// guard ends many processes of a child at once. Here that is the leader's process group;
// processes that have left the group are found by their mark.
type guard struct{}

func newGuard(*os.Process) (guard, error) { return guard{}, nil }

func (guard) kill(leader *os.Process) error {
	return errors.Join(ignoreGone(syscall.Kill(-leader.Pid, syscall.SIGKILL)), sendSignal(leader, syscall.SIGKILL))
}

// members is empty, because a process group cannot be listed here.
func (guard) members() ([]processInfo, error) { return nil, nil }

func (guard) close() {}

func ignoreGone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// exitOf is how a process ended.
func exitOf(s *os.ProcessState) Exit {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return Exit{Code: -1, Signal: unix.SignalName(w.Signal())}
	}
	return Exit{Code: s.ExitCode()}
}

// tellsGrowth says whether the system tells of a file's growth while its writer holds it
// open.
const tellsGrowth = true
