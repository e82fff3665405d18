package supervisor

import (
	"os"
	"strconv"
)

// endSignals are what Go makes of the Ctrl-C that Terminate sends.
var endSignals = []os.Signal{os.Interrupt}

// killedExit is how Kill ends a process.
var killedExit = Exit{Code: 1}

// sentCtrlC is the hidden command of clawtray, for this binary.
func sentCtrlC() {
	if len(os.Args) != 3 || os.Args[1] != CtrlCCommand {
		return
	}
	pid, err := strconv.Atoi(os.Args[2])
	if err != nil || SendCtrlC(pid) != nil {
		os.Exit(1)
	}
	os.Exit(0)
}
