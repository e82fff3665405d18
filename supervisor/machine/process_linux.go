package machine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxStat is more than /proc/PID/stat ever holds, in bytes: 52 numbers and a name of 64.
const maxStat = 2 << 10

// inspect looks at a process. The start time is in clock ticks since boot. A time of the
// wall clock would be wrong after that clock is set.
func inspect(pid int) (processInfo, error) {
	var buf [maxStat]byte
	stat, err := readProc(fmt.Sprintf("/proc/%d/stat", pid), buf[:])
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return processInfo{}, errGone
	} else if err != nil {
		return processInfo{}, err
	}
	// The name in parentheses may contain anything. In proc(5) the state after it is field 3.
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) < 20 {
		return processInfo{}, fmt.Errorf("/proc/%d/stat is not understood: %q", pid, stat)
	}
	parent, _ := strconv.Atoi(string(f[4-3]))
	start, err := strconv.ParseInt(string(f[22-3]), 10, 64)
	return processInfo{identity: identity{pid, start}, parent: parent, ended: f[0][0] == 'Z' || f[0][0] == 'X'}, err
}

// readProc reads a small file of /proc. It is called for every process on the machine, so
// it does without what package os does for files that may block.
func readProc(path string, buf []byte) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: path, Err: err}
	}
	return buf[:n], nil
}

// table looks at every process.
func table() ([]processInfo, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	all := make([]processInfo, 0, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		info, err := inspect(pid)
		if errors.Is(err, errGone) {
			continue
		} else if err != nil {
			return nil, err
		}
		all = append(all, info)
	}
	return all, nil
}

// environ returns the environment that a process was started with, with a zero byte before
// and after each variable. The error says that the system does not show it.
func environ(pid int) ([]byte, error) {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return nil, err
	}
	return append([]byte{0}, env...), nil
}
