package supervisor

import "syscall"

// sysProcAttr puts the child into a process group of its own. macOS
// cannot tie its life to ours: the next start adopts it (BEHAVIOUR M3).
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
