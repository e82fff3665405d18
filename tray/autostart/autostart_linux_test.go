package autostart

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clawtray/supervisor/words"
)

// L6: GNOME and KDE start entries with systemd's generator, which has to understand ours,
// including unusual paths.
func TestL6_UnderstoodBySystemd(t *testing.T) {
	const generator = "/usr/lib/systemd/user-generators/systemd-xdg-autostart-generator"
	if testing.Short() {
		t.Skip("needs systemd; make check runs it")
	}
	if _, err := os.Stat(generator); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("install systemd: ", err)
		}
		t.Skip("needs systemd: ", err)
	}
	sandbox(t)
	dir := filepath.Join(t.TempDir(), `odd "dir" $x`) // without %, because systemd 252 does not turn %% into %
	program := filepath.Join(dir, "claw tray")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := (Login{Program: program, Profile: "work"}).Set(true); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	cmd := exec.Command(generator, out, out, out)
	cmd.Env = append(os.Environ(), "XDG_CONFIG_DIRS=/nonexistent")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	units, _ := filepath.Glob(filepath.Join(out, "app-clawtray*.service"))
	if len(units) != 1 {
		t.Fatalf("units: %v", units)
	}
	unit, err := os.ReadFile(units[0])
	if err != nil {
		t.Fatal(err)
	}
	var exec string
	for line := range strings.Lines(string(unit)) {
		if after, ok := strings.CutPrefix(line, "ExecStart="); ok {
			exec = strings.TrimSpace(after)
		}
	}
	want := strings.NewReplacer(`"`, `\"`, `$`, `\$`).Replace(program)
	if !strings.Contains(exec, want) || !strings.HasSuffix(strings.TrimRight(exec, `"`), "work") {
		t.Errorf("systemd would run %s\nwant %s", exec, want)
	}
}

func TestL6_NothingIsTriedWithoutTheProgram(t *testing.T) {
	sandbox(t)
	l := Login{Program: `/opt/back\slash dir/clawtray`}
	if err := l.Set(true); err != nil {
		t.Fatal(err)
	}
	if path, err := l.starts(); path != l.Program || err != nil {
		t.Errorf("starts %s, %v", path, err)
	}
	b, err := l.read()
	if err != nil || !strings.Contains(string(b), "\nTryExec=/opt/back\\\\slash dir/clawtray\n") {
		t.Errorf("the entry (%v) is\n%s", err, b)
	}
}

func TestL6_SwitchedOffElsewhere(t *testing.T) {
	for _, line := range []string{"Hidden=true", "X-GNOME-Autostart-enabled=false"} {
		sandbox(t)
		l := Login{Program: "/x"}
		if err := l.Set(true); err != nil {
			t.Fatal(err)
		}
		path, _ := l.path()
		if err := os.WriteFile(path, append([]byte(strings.ReplaceAll(string(l.entry(nil)), enabledKey+"=true\n", "")), line+"\n"...), 0o644); err != nil {
			t.Fatal(err)
		}
		if on, err := l.Enabled(); on || err != nil {
			t.Errorf("%s: %v, %v", line, on, err)
		}
		if done, err := l.Repair(); done || err != nil {
			t.Errorf("%s: repaired: %v, %v", line, done, err)
		}
		if err := l.Set(true); err != nil {
			t.Fatal(err)
		}
		if on, err := l.Enabled(); !on || err != nil {
			t.Errorf("%s: switched on again: %v, %v", line, on, err)
		}
	}
}

// XW6: what a person or a desktop has added to the entry stays when the program moves.
func TestXW6_ForeignLinesStay(t *testing.T) {
	sandbox(t)
	old, moved := Login{Program: "/old/clawtray"}, Login{Program: "/new/clawtray"}
	if err := old.Set(true); err != nil {
		t.Fatal(err)
	}
	path, _ := old.path()
	const foreign = "X-GNOME-Autostart-Delay=30\nX-MATE-Autostart-Delay=5\nComment[zh_CN]=\u4f60\u597d\nX-KDE-autostart-phase=2"
	if err := os.WriteFile(path, append(old.entry(nil), foreign...), 0o644); err != nil { // without a last line break
		t.Fatal(err)
	}
	if done, err := moved.Repair(); !done || err != nil {
		t.Fatal(done, err)
	}
	got, err := moved.read()
	if err != nil || string(got) != string(moved.entry(nil))+foreign+"\n" {
		t.Errorf("%v\n%s", err, got)
	}
	if err := moved.Set(true); err != nil {
		t.Fatal(err)
	}
	if again, _ := moved.read(); string(again) != string(got) {
		t.Errorf("switched on again:\n%s", again)
	}
}

func TestL6_OpenClawServiceDetected(t *testing.T) {
	sandbox(t)
	if got := Service(); got != "" {
		t.Fatalf("found %s", got)
	}
	unit := filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "systemd", "user", "openclaw-gateway-work.service")
	os.MkdirAll(filepath.Dir(unit), 0o755)
	if err := os.WriteFile(unit, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := Service(); got != unit {
		t.Errorf("found %q", got)
	}
}

func TestN4_TheEntryIsExplained(t *testing.T) {
	sandbox(t)
	look := func(l Login) string {
		f := l.Check(words.English.Doctor).Look(t.Context())[0]
		return string(f.Level) + " " + f.Detail + " " + f.Remedy
	}
	l := Login{Program: "/opt/clawtray"}
	if got := look(l); got != "ok off " {
		t.Error(got)
	}
	if err := l.Set(true); err != nil {
		t.Fatal(err)
	}
	if got := look(l); got != "ok on, starts /opt/clawtray " {
		t.Error(got)
	}
	if got := look(Login{Program: "/new/clawtray"}); !strings.HasPrefix(got, "warning starts another clawtray at login: /opt/clawtray") {
		t.Error(got)
	}
}
