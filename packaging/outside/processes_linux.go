package outside

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	gopsnet "github.com/shirou/gopsutil/v4/net"

	"clawtray/supervisor/openclaw"
)

// Marked lists the processes that have a run id of a clawtray whose user has this home.
func Marked(home string) (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		env, err := os.ReadFile(filepath.Join(d, "environ"))
		if err != nil || !bytes.Contains(env, []byte(openclaw.RunIDVar+"=")) || !bytes.Contains(env, []byte("HOME="+home+"\x00")) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(d))
		pids = append(pids, pid)
	}
	return pids
}

// Gateways lists the marked processes that are gateways and not their helpers.
func Gateways(home string) []int {
	return slices.DeleteFunc(Marked(home), func(pid int) bool {
		title, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		return !strings.HasPrefix(string(title), "openclaw-gateway")
	})
}

// Listens reports whether a process listens on a TCP port.
func Listens(pid, port int) bool {
	conns, _ := gopsnet.ConnectionsPid("tcp", int32(pid)) // empty when the process has just ended
	return slices.ContainsFunc(conns, func(c gopsnet.ConnectionStat) bool {
		return c.Status == "LISTEN" && int(c.Laddr.Port) == port
	})
}
