package machine

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/windows"
)

// endSignals are what Go makes of the Ctrl-C that Terminate sends.
var endSignals = []os.Signal{os.Interrupt}

// killedExit is how Kill ends a process.
var killedExit = Exit{Code: 1}

// setUp does the work of clawtray's hidden command when this binary is run for
// it. Otherwise it asks for the desktop: wine starts that with the first process
// that needs one and gives it that process's environment, run id included.
func setUp() {
	if len(os.Args) != 3 || os.Args[1] != CtrlCCommand {
		windows.NewLazySystemDLL("user32.dll").NewProc("GetDesktopWindow").Call()
		return
	}
	pid, err := strconv.Atoi(os.Args[2])
	if err != nil || SendCtrlC(pid) != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

func init() { roles["family"] = familyRole }

// familyRole is a gateway with a helper.
func familyRole() {
	helper := asCommand(self("stubborn", ""))
	if err := helper.Start(); err != nil {
		panic(err)
	}
	fmt.Println("started", helper.Process.Pid)
	stubbornRole()
}

// M3: the gateway and its helpers end with us when we are killed, also those
// whose environment does not tell whose they are.
func TestM3_JobObject(t *testing.T) {
	dir, pid := orphaned(t, "family")
	f, err := os.Open(filepath.Join(dir, stdoutName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var helper int
	if _, err := fmt.Fscanf(bufio.NewReader(f), "started %d", &helper); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{pid, helper} {
		eventually(t, fmt.Sprintf("the end of %d", pid), func() bool { return !alive(pid) })
	}
}
