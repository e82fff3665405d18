package machine

import (
	"errors"
	"strings"

	"github.com/shirou/gopsutil/v4/process"
	"golang.org/x/sys/windows"
)

// stillActive is the exit code of a process that has not ended, STILL_ACTIVE.
const stillActive = 259

// inspect looks at a process. The start time is in nanoseconds since 1970, as the kernel
// noted it at the start. It leaves out the parent: Windows keeps the parent's pid after the
// parent has ended, and by then it may be the pid of another process.
func inspect(pid int) (processInfo, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return processInfo{}, errGone
	} else if err != nil {
		return processInfo{}, err
	}
	defer windows.CloseHandle(h)
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &created, &exited, &kernel, &user); err != nil {
		return processInfo{}, err
	}
	var code uint32
	if err := windows.GetExitCodeProcess(h, &code); err != nil {
		return processInfo{}, err
	}
	return processInfo{identity: identity{pid, created.Nanoseconds()}, ended: code != stillActive}, nil
}

// table looks at every process that the system shows to us. Those of our own user are
// always among them.
func table() ([]processInfo, error) {
	pids, err := process.Pids()
	if err != nil {
		return nil, err
	}
	all := make([]processInfo, 0, len(pids))
	for _, pid := range pids {
		if info, err := inspect(int(pid)); err == nil {
			all = append(all, info)
		}
	}
	return all, nil
}

// environ returns the environment of a process, with a zero byte before and after each
// variable. The error says that the system does not show it.
func environ(pid int) ([]byte, error) {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return nil, err
	}
	env, err := p.Environ()
	if err != nil {
		return nil, err
	}
	return []byte("\x00" + strings.Join(env, "\x00") + "\x00"), nil
}
