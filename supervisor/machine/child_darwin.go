package machine

import "syscall"

// sysProcAttr puts the child into a process group of its own. macOS cannot end the child
// when we die; the next start of clawtray takes it over.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
