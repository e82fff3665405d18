package machine

import "syscall"

// sysProcAttr puts the child into a process group of its own, and lets the kernel send it
// SIGTERM when we die, however we die.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
