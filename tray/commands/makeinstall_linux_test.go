package commands

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestXN10_MakeInstallAndUninstall: a program that make install has put into a home works
// even when that home is not in PATH. make uninstall leaves nothing, and no start at login.
func TestXN10_MakeInstallAndUninstall(t *testing.T) {
	u := newUser(t, "")
	checkout, prefix := filepath.Join(u.home, "src"), filepath.Join(u.home, "my programs")
	for _, dir := range []string{"packaging", "assets"} {
		from, err := filepath.Abs(filepath.Join("../..", dir))
		if err == nil {
			err = os.MkdirAll(filepath.Join(checkout, "build"), 0o700)
		}
		if err == nil {
			err = os.Symlink(from, filepath.Join(checkout, dir))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(binary, filepath.Join(checkout, "build/clawtray")); err != nil {
		t.Fatal(err)
	}
	sh := func(args ...string) string {
		cmd := exec.Command("sh", append([]string{filepath.Join(checkout, "packaging/install.sh")}, args...)...)
		cmd.Env = u.env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}

	program := filepath.Join(prefix, "bin/clawtray")
	for range 2 { // the second installation replaces the first
		if out := sh(prefix); !strings.Contains(out, program) || !strings.Contains(out, "not in your PATH") {
			t.Errorf("make install said %s", out)
		}
	}
	cmd := exec.Command(program, "autostart", "on")
	cmd.Env = u.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	entry, err := os.ReadFile(filepath.Join(prefix, "share/applications/clawtray.desktop"))
	if err != nil || !strings.Contains(string(entry), "\nExec=\""+program+"\" --show\nTryExec="+program+"\n") {
		t.Errorf("the desktop entry (%v) is\n%s", err, entry)
	}
	completions, err := os.ReadFile(filepath.Join(prefix, "share/bash-completion/completions/clawtray"))
	if err != nil || !strings.Contains(string(completions), "complete") {
		t.Errorf("the completions (%v) are\n%s", err, completions)
	}

	sh("--remove", prefix)
	filepath.WalkDir(prefix, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			t.Errorf("left over: %s, %v", path, err)
		}
		return nil
	})
	if _, err := os.Stat(filepath.Join(u.home, ".config/autostart/clawtray.desktop")); !os.IsNotExist(err) {
		t.Errorf("it still starts at login: %v", err)
	}
}
