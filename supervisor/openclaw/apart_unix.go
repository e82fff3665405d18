//go:build unix

package openclaw

import (
	"os/exec"
	"syscall"
)

// apart starts cmd in a new session, so that an interactive shell cannot use our terminal.
// When the context of cmd ends, its whole process group is killed.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
