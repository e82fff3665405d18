package openclaw

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// apart starts cmd without a console window.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NO_WINDOW}
}
