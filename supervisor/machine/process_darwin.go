package machine

import (
	"errors"

	"golang.org/x/sys/unix"
)

const zombieState = 5 // SZOMB of <sys/proc.h>

// inspect looks at a process. The start time is in microseconds since 1970. The kernel
// noted it at the start, so it does not change when the clock is set.
func inspect(pid int) (processInfo, error) {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if errors.Is(err, unix.EIO) || errors.Is(err, unix.ESRCH) { // no answer: no process
		return processInfo{}, errGone
	} else if err != nil {
		return processInfo{}, err
	}
	if int(k.Proc.P_pid) != pid {
		return processInfo{}, errGone
	}
	return infoOf(k), nil
}

func infoOf(k *unix.KinfoProc) processInfo {
	start := k.Proc.P_starttime
	return processInfo{
		identity: identity{int(k.Proc.P_pid), start.Sec*1_000_000 + int64(start.Usec)},
		parent:   int(k.Eproc.Ppid),
		ended:    k.Proc.P_stat == zombieState,
	}
}

// table looks at every process, with one question to the kernel.
func table() ([]processInfo, error) {
	list, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil, err
	}
	all := make([]processInfo, len(list))
	for i := range list {
		all[i] = infoOf(&list[i])
	}
	return all, nil
}

// environ returns the arguments and the environment that a process was started with, with
// zero bytes between them. It returns both, because we cannot tell where the environment
// begins: the number of arguments is wrong for a program that sets its title, as the
// gateway does. The error says that the system does not show them.
func environ(pid int) ([]byte, error) {
	args, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil {
		return nil, err
	}
	return args, nil
}
