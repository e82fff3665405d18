package autostart

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// sandbox moves the user's folders to an empty place. The registry of Windows
// is the real one; the test leaves it as it was.
func sandbox(t *testing.T) {
	if runtime.GOOS == "windows" {
		if on, err := enabled(); err != nil || on {
			t.Fatalf("clawtray starts at login on this machine (%v, %v): not touching it", on, err)
		}
		t.Cleanup(func() { _ = remove() })
		return
	}
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
}

func TestL6_OnOffRepeated(t *testing.T) {
	sandbox(t)
	l := Login{Program: "/opt/claw tray/clawtray", Args: []string{"--autostart"}}
	for _, on := range []bool{false, true, true, false, false, true} {
		if err := l.Set(on); err != nil {
			t.Fatal(err)
		}
		if got, err := l.Enabled(); err != nil || got != on {
			t.Fatalf("after Set(%v): %v, %v", on, got, err)
		}
	}
}

func TestL6_RepairedWhenTheBinaryMoved(t *testing.T) {
	sandbox(t)
	old, moved := Login{Program: "/old/clawtray"}, Login{Program: "/new/clawtray"}
	if done, err := moved.Repair(); done || err != nil {
		t.Errorf("repaired what is off: %v, %v", done, err)
	}
	if on, _ := moved.Enabled(); on {
		t.Error("repair turned it on")
	}
	if err := old.Set(true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if done, err := moved.Repair(); done != want || err != nil {
			t.Errorf("repaired %v, %v; want %v", done, err, want)
		}
	}
	if same, err := current(moved); !same || err != nil {
		t.Errorf("entry is not the new one: %v", err)
	}
}

func TestHere(t *testing.T) {
	l, err := Here("--autostart")
	if self, _ := os.Executable(); err != nil || l.Program != self || len(l.Args) != 1 {
		t.Errorf("%+v, %v", l, err)
	}
}
