package supervisor

import (
	"strings"

	"github.com/shirou/gopsutil/v4/process"
	"golang.org/x/sys/windows"
)

// stillActive is the exit code of a process that has not ended, STILL_ACTIVE.
const stillActive = 259

// inspect looks at a process. The start time is in nanoseconds since 1970 as the
// kernel noted it then. Who started it is not told: Windows does not change that
// when the parent ends, so the pid may be somebody else's by now.
func inspect(pid int) (processInfo, bool) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return processInfo{}, false
	}
	defer windows.CloseHandle(h)
	var created, exited, kernel, user windows.Filetime
	var code uint32
	if windows.GetProcessTimes(h, &created, &exited, &kernel, &user) != nil || windows.GetExitCodeProcess(h, &code) != nil {
		return processInfo{}, false
	}
	return processInfo{pid: pid, start: created.Nanoseconds(), ended: code != stillActive}, true
}

// environ returns the environment of a process, each variable between zero
// bytes; nil when the system does not tell.
func environ(pid int) []byte {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return nil
	}
	env, err := p.Environ()
	if err != nil {
		return nil
	}
	return []byte("\x00" + strings.Join(env, "\x00") + "\x00")
}
