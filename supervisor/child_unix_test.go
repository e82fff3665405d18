//go:build unix

package supervisor

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// endSignals are what Terminate sends, and what the kernel sends for a parent that died.
var endSignals = []os.Signal{syscall.SIGTERM}

// killedExit is how Kill ends a process.
var killedExit = Exit{Code: -1, Signal: "SIGKILL"}

func setUp() {}

// M2: a gateway that outlives its clawtray, because it drains, is adopted by the
// next one: its output is read on, its end is noticed, it can be ended.
func TestM2_Adoption(t *testing.T) {
	dir, pid := orphaned(t, "stubborn")
	m := &Machine{StateDir: dir, Log: slog.New(slog.DiscardHandler)}
	c, err := m.Orphan(t.Context())
	if err != nil || c == nil {
		syscall.Kill(pid, syscall.SIGKILL)
		t.Fatalf("adopted %v, %v", c, err)
	}
	t.Cleanup(func() { endChild(t, c) })
	if c.PID() != pid || !c.Owns(pid) || c.StartedAt().IsZero() || !slices.Contains(c.Remains(), pid) {
		t.Errorf("adopted pid %d, which began %v, for %d; there is %v", c.PID(), c.StartedAt(), pid, c.Remains())
	}
	hears(t, c, "ready")
	if cpu, stopped, err := c.Activity(); err != nil || stopped || cpu < 0 {
		t.Errorf("activity: %v, %v, %v", cpu, stopped, err)
	}
	if err := c.Terminate(); err != nil {
		t.Fatal(err)
	}
	hears(t, c, "still working after terminated")
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	if exit := ended(t, c); alive(pid) || exit.String() != "exit code unknown" {
		t.Errorf("its end is told as %v", exit)
	}
	c.Release()
	if _, err := os.Lstat(filepath.Join(dir, runFileName)); !os.IsNotExist(err) {
		t.Errorf("the run file stays: %v", err)
	}
	if again, err := m.Orphan(t.Context()); again != nil || err != nil {
		t.Errorf("adopted again: %v, %v", again, err)
	}
}
