package supervisor

import (
	"fmt"
	"os"
	"time"
)

// waited is how long a process's main thread wanted a processor and got none.
// On a busy machine that is most of what a blocked event loop does; an idle one
// does not wait (BEHAVIOUR F2). Zero where the kernel does not tell.
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
