package commands

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clawtray/packaging/needs"
)

// TestXN7_MakeRunHandsOnTheUsersEnvironment: programs that an agent of the gateway builds
// must not be built with clawtray's flags.
func TestXN7_MakeRunHandsOnTheUsersEnvironment(t *testing.T) {
	needs.Tools(t, "make")
	root := t.TempDir()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	// A program replaces clawtray and prints its environment.
	for name, text := range map[string]string{"Makefile": string(makefile), "build/clawtray": "#!/bin/sh\nenv\n"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("make", "--no-print-directory", "--old-file=build", "run", "VERSION=1.2.3")
	cmd.Dir = root
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + root, "MINE=kept", "TZ=UTC"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(line, "=")
		seen[name] = true
	}
	for _, name := range []string{"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKE_TERMOUT", "MAKEOVERRIDES", "VERSION", "LDFLAGS", "TAGS", "GCFLAGS", "SOURCE_DATE_EPOCH"} {
		if seen[name] {
			t.Errorf("the program gets %s:\n%s", name, out)
		}
	}
	if !seen["MINE"] || !seen["TZ"] || !seen["HOME"] {
		t.Errorf("the user's own environment is missing:\n%s", out)
	}
}
