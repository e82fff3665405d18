//go:build unix

package doctor

import (
	"os"
	"strings"
	"testing"
)

// XS11: a finding names a folder that every user can write, in the PATH and at the place of
// our cache.
func TestXS11_FoldersThatEveryUserCanFill(t *testing.T) {
	m := newMachine(t)
	m.file("shared/tool", 0o755, "#!/bin/sh\n")
	m.file("home/.cache/clawtray/compile-cache/x", 0o600, "")
	m.set("PATH=" + m.at("bin") + ":" + m.at("shared"))
	if f := m.examine(); len(f.named("path")) != 0 || f.named("folders")[0].Level != OK {
		t.Errorf("%+v", f)
	}
	for _, dir := range []string{"shared", "home/.cache/clawtray/compile-cache"} {
		if err := os.Chmod(m.at(dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	found := m.examine()
	if f := found.named("path"); len(f) != 1 || f[0].Level != Warning || !strings.Contains(f[0].Detail, m.at("shared")) || !strings.Contains(f[0].Remedy, "chmod o-w") {
		t.Errorf("%+v", f)
	}
	if f := found.named("folders"); len(f) != 1 || f[0].Level != Warning || !strings.Contains(f[0].Detail, ".cache/clawtray/compile-cache can be written by other users") {
		t.Errorf("%+v", f)
	}
}
