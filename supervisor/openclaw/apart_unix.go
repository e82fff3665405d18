//go:build unix

package openclaw

import (
	"os/exec"
	"syscall"
)

// apart starts cmd in a session of its own, so that an interactive shell cannot reach for our
// terminal, and ends all of it when its context does.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
