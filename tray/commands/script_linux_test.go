package commands

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"clawtray/supervisor/control"
)

// TestScripts runs commands as people type them, in testdata/*.txtar. Each script has its
// own home, in which no Node is found, so that a clawtray runs without a gateway. In
// addition to the commands of package testscript, there are:
//
//	exits CODE PROGRAM ARGS…  run it; it has to exit with this code
//	until PROGRAM ARGS…       run it again and again until it exits with 0
//	settled                   wait until a clawtray runs here and has found no Node
//	signal NAME               send a signal to the clawtray that runs in this home
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:         "testdata",
		WorkdirRoot: shortFolder(t),
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("PATH", filepath.Dir(binary)+":"+os.Getenv("PATH"))
			e.Setenv("PORT", strconv.Itoa(freePort(t)))
			config := filepath.Join(e.WorkDir, "home/.config/clawtray")
			if err := os.MkdirAll(config, 0o700); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(config, "clawtray.toml"), fmt.Appendf(nil, "port = %s\nnode = \"/no/such/node\"\n", e.Getenv("PORT")), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": endsWith, "until": until, "settled": settled, "signal": signalIt},
	})
}

// shortFolder returns a folder whose path is short enough for a socket in it.
func shortFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ct-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func endsWith(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v: %v", args[1:], err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("%v: exit %d, want %d", args[1:], code, want)
	}
}

func until(ts *testscript.TestScript, _ bool, args []string) {
	keepLooking(func() bool { return ts.Exec(args[0], args[1:]...) == nil }, func() { ts.Fatalf("%v never succeeded", args) })
}

func settled(ts *testscript.TestScript, _ bool, _ []string) {
	until(ts, false, []string{"sh", "-c", `clawtray status --json 2>/dev/null | grep -q '"state":"error"'`})
}

func signalIt(ts *testscript.TestScript, _ bool, args []string) {
	numbers := map[string]syscall.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}
	owner, running, err := control.Look(filepath.Join(ts.Getenv("HOME"), ".local/state/clawtray"))
	ts.Check(err)
	if !running {
		ts.Fatalf("no clawtray runs here")
	}
	ts.Check(syscall.Kill(owner.PID, numbers[args[0]]))
}
