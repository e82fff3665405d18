//go:build unix

package supervisor

import (
	"os"
	"syscall"
)

// endSignals are what Terminate sends, and what the kernel sends for a parent that died.
var endSignals = []os.Signal{syscall.SIGTERM}

// killedExit is how Kill ends a process.
var killedExit = Exit{Code: -1, Signal: "SIGKILL"}

func setUp() {}
