package machine

import (
	"fmt"
	"os"
	"time"
)

// waited is how long the main thread of a process was ready to run but had no processor.
// On a busy machine a blocked event loop spends most of its time so, while an idle one
// does not wait. It is 0 when the kernel does not tell.
func waited(pid int) time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		return 0
	}
	var ran, waited time.Duration // nanoseconds (Linux, Documentation/scheduler/sched-stats.rst)
	if _, err := fmt.Sscan(string(data), &ran, &waited); err != nil {
		return 0
	}
	return waited
}
