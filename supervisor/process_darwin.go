package supervisor

import "golang.org/x/sys/unix"

const zombieState = 5 // SZOMB of <sys/proc.h>

// inspect looks at a process. The start time is in microseconds since 1970 as
// the kernel noted it then, so it does not move with the clock.
func inspect(pid int) (processInfo, bool) {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || int(k.Proc.P_pid) != pid {
		return processInfo{}, false
	}
	start := k.Proc.P_starttime
	return processInfo{
		pid:    pid,
		parent: int(k.Eproc.Ppid),
		start:  start.Sec*1_000_000 + int64(start.Usec),
		ended:  k.Proc.P_stat == zombieState,
	}, true
}

// environ returns the arguments and the environment a process was started with,
// each between zero bytes; nil when the system does not tell. Where the
// environment begins is not known: counting the arguments goes wrong for a
// program that sets its title, and the gateway does.
func environ(pid int) []byte {
	args, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil {
		return nil
	}
	return args
}
