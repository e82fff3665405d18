package supervisor

import "syscall"

// sysProcAttr puts the child into a process group of its own and has the kernel
// end it gently when we die, however we die (BEHAVIOUR M3).
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
