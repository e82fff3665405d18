// Package packaging has the tests of the scripts beside it.
package packaging

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// installs runs packages.sh on a Debian with nothing but make installed, where a fake
// apt-get records its calls. It returns the output with the exit code, and the calls.
func installs(t *testing.T, env []string, args ...string) (said string, calls []string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "calls")
	for name, text := range map[string]string{
		"dpkg-query": `[ "$4" = make ] && echo installed`,
		"apt-get":    fmt.Sprintf(`echo "$@" >>'%s'`, log),
		"sudo":       `exec "$@"`,
		"id":         `echo 1000`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", append([]string{"packages.sh"}, args...)...)
	cmd.Env = append([]string{"PATH=" + dir + ":" + os.Getenv("PATH")}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	noted, _ := os.ReadFile(log) // missing when apt-get was not called
	return fmt.Sprintf("%sexit %d", out, cmd.ProcessState.ExitCode()), strings.Split(strings.TrimSpace(string(noted)), "\n")
}

// TestXN4_NothingIsInstalledUnasked: when nobody can be asked, a run continues and says
// what it leaves out, unless the packages are necessary.
func TestXN4_NothingIsInstalledUnasked(t *testing.T) {
	for _, c := range []struct {
		args []string
		code string
	}{{[]string{"test", "lint"}, "exit 0"}, {[]string{"--must", "test", "lint"}, "exit 1"}} {
		said, calls := installs(t, nil, c.args...)
		if calls[0] != "" {
			t.Errorf("%v: apt-get was called: %q", c.args, calls)
		}
		for _, want := range []string{"YES=1", "sudo apt-get install", "left out without gcc libc6-dev: the race detector", "left out without shellcheck", c.code} {
			if !strings.Contains(said, want) {
				t.Errorf("%v: no %q in:\n%s", c.args, want, said)
			}
		}
	}
}

// TestXN11_OneUpdateForAllTargets: this is true with YES=1 and in CI.
func TestXN11_OneUpdateForAllTargets(t *testing.T) {
	for _, yes := range []string{"YES=1", "CI=true"} {
		said, calls := installs(t, []string{yes}, "bootstrap", "test")
		if len(calls) != 2 || calls[0] != "update" || calls[1] != "install -y --no-install-recommends ca-certificates golang-go gcc libc6-dev dbus xdg-utils libglib2.0-bin" {
			t.Errorf("%s: %q", yes, calls)
		}
		if !strings.HasSuffix(said, "exit 0") {
			t.Errorf("%s: %s", yes, said)
		}
	}
}

// TestL1_DesktopsAreNotSkippedSilently: who cannot make a Debian is told what is left out;
// in CI that is a failure.
func TestL1_DesktopsAreNotSkippedSilently(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "id"), []byte("#!/bin/sh\necho 1000\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for ci, want := range map[string]int{"": 0, "true": 1} {
		cmd := exec.Command("sh", "desktops.sh")
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "CI=" + ci}
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(out), "GNOME, KDE and sway are left out: ") || cmd.ProcessState.ExitCode() != want {
			t.Errorf("CI=%s: exit %d\n%s", ci, cmd.ProcessState.ExitCode(), out)
		}
	}
}
