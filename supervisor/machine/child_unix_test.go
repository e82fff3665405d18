//go:build unix

package machine

import (
	"context"
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

// M2: a gateway that outlives its clawtray, because it finishes its work, is taken over by
// the next clawtray, which reads its output, notices its end, and can end it.
func TestM2_Adoption(t *testing.T) {
	dir, pid := orphaned(t, "stubborn")
	m := &Machine{StateDir: dir, Log: slog.New(slog.DiscardHandler)}
	c, err := m.Orphan(t.Context())
	if err != nil || c == nil {
		syscall.Kill(pid, syscall.SIGKILL)
		t.Fatalf("adopted %v, %v", c, err)
	}
	t.Cleanup(func() { endChild(t, c) })
	if c.PID() != pid || !c.Owns(t.Context(), pid) || c.StartedAt().IsZero() || !slices.Contains(remains(t, c), pid) {
		t.Errorf("adopted pid %d, which began %v, for %d; there is %v", c.PID(), c.StartedAt(), pid, remains(t, c))
	}
	if cpu, stopped, err := c.Activity(t.Context()); err != nil || stopped || cpu < 0 {
		t.Errorf("activity: %v, %v, %v", cpu, stopped, err)
	}
	if err := c.Terminate(t.Context()); err != nil {
		t.Fatal(err)
	}
	// XH8: its output begins with the adoption.
	if l := <-c.Lines(); l.Text != "still working after terminated" {
		t.Errorf("it begins with %q", l.Text)
	}
	if err := c.Kill(context.Background()); err != nil {
		t.Fatal(err)
	}
	if exit := ended(t, c); alive(pid) || exit != (Exit{Code: -1}) {
		t.Errorf("its end is told as %v", exit)
	}
	c.Release(context.Background())
	if _, err := os.Lstat(filepath.Join(dir, runFileName)); !os.IsNotExist(err) {
		t.Errorf("the run file stays: %v", err)
	}
	if again, err := m.Orphan(t.Context()); again != nil || err != nil {
		t.Errorf("adopted again: %v, %v", again, err)
	}
}
