package supervisor

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// inspect looks at a process. The start time is in clock ticks since boot: what
// is derived from it by the wall clock moves when that clock is set.
func inspect(pid int) (processInfo, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return processInfo{}, false
	}
	// The name in parentheses may hold anything; proc(5) counts the state behind it as field 3.
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) < 20 {
		return processInfo{}, false
	}
	parent, _ := strconv.Atoi(string(f[4-3]))
	start, err := strconv.ParseInt(string(f[22-3]), 10, 64)
	return processInfo{pid: pid, parent: parent, start: start, ended: f[0][0] == 'Z' || f[0][0] == 'X'}, err == nil
}

// environ returns the environment a process was started with, each variable
// between zero bytes; nil when the system does not tell.
func environ(pid int) []byte {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return nil
	}
	return append([]byte{0}, env...)
}
