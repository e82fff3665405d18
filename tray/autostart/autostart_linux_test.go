package autostart

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// systemd's own generator is what GNOME and KDE start entries with; it has to
// understand ours, odd paths included.
func TestL6_UnderstoodBySystemd(t *testing.T) {
	const generator = "/usr/lib/systemd/user-generators/systemd-xdg-autostart-generator"
	if _, err := os.Stat(generator); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("install systemd: ", err)
		}
		t.Skip("needs systemd: ", err)
	}
	sandbox(t)
	dir := filepath.Join(t.TempDir(), `odd "dir" $x`) // no %: systemd 252 does not undo %%
	program := filepath.Join(dir, "claw tray")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := (Login{Program: program, Args: []string{"--autostart"}}).Set(true); err != nil {
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
	if !strings.Contains(exec, want) || !strings.HasSuffix(strings.TrimRight(exec, `"`), "--autostart") {
		t.Errorf("systemd would run %s\nwant %s", exec, want)
	}
}

func TestL6_SwitchedOffElsewhere(t *testing.T) {
	for _, line := range []string{"Hidden=true", "X-GNOME-Autostart-enabled=false"} {
		sandbox(t)
		l := Login{Program: "/x"}
		if err := l.Set(true); err != nil {
			t.Fatal(err)
		}
		path, _ := entryPath()
		if err := os.WriteFile(path, append(entry(l), line+"\n"...), 0o644); err != nil {
			t.Fatal(err)
		}
		if on, err := l.Enabled(); on || err != nil {
			t.Errorf("%s: %v, %v", line, on, err)
		}
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
		f := l.Check().Look(t.Context())[0]
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
	if got := look(Login{Program: "/new/clawtray"}); !strings.HasPrefix(got, "warning starts another clawtray") {
		t.Error(got)
	}
}
