package autostart

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// sandbox moves the user's folders to an empty place. On Windows the real registry is used,
// and the test restores it.
func sandbox(t *testing.T) {
	if runtime.GOOS == "windows" {
		if on, err := (Login{}).Enabled(); err != nil || on {
			t.Fatalf("clawtray starts at login on this machine (%v, %v): not touching it", on, err)
		}
		t.Cleanup(func() { _ = (Login{}).Set(false) })
		return
	}
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
}

func TestL6_OnOffRepeated(t *testing.T) {
	sandbox(t)
	l := Login{Program: "/opt/claw tray/clawtray", Profile: "work"}
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
	if now, err := moved.starts(); now != moved.Program || err != nil {
		t.Errorf("the entry starts %s, %v", now, err)
	}
}

// XW6: a second clawtray, in another place or for another profile, leaves the entry of the
// first one alone.
func TestXW6_TheEntryOfAnotherClawtray(t *testing.T) {
	sandbox(t)
	installed, err := Here("")
	if err != nil {
		t.Fatal(err)
	}
	if err := installed.Set(true); err != nil {
		t.Fatal(err)
	}
	other := Login{Program: "/home/me/checkout/build/clawtray"}
	if done, err := other.Repair(); done || err != nil {
		t.Errorf("a copy elsewhere took the entry over: %v, %v", done, err)
	}
	work := Login{Program: installed.Program, Profile: "work"}
	if on, err := work.Enabled(); on || err != nil {
		t.Errorf("the profile's own entry: %v, %v", on, err)
	}
	if done, err := work.Repair(); done || err != nil {
		t.Errorf("the profile changed something: %v, %v", done, err)
	}
	if err := work.Set(true); err != nil {
		t.Fatal(err)
	}
	if err := work.Set(false); err != nil {
		t.Fatal(err)
	}
	if on, err := installed.Enabled(); !on || err != nil {
		t.Errorf("the default profile's entry after that: %v, %v", on, err)
	}
	if now, err := installed.starts(); now != installed.Program || err != nil {
		t.Errorf("it starts %s, %v", now, err)
	}
}

func TestHere(t *testing.T) {
	l, err := Here("work")
	if self, _ := os.Executable(); err != nil || l.Program != self || l.Profile != "work" {
		t.Errorf("%+v, %v", l, err)
	}
}
