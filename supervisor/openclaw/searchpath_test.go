//go:build unix

package openclaw

import (
	"strings"
	"testing"
	"time"
)

// XS10: a variable of the login shell, which any program can have set, contains a line that
// looks like a PATH. The test uses the system's own shell.
func TestXS10_PathInsideAnotherVariable(t *testing.T) {
	for name, profile := range map[string]string{
		"before": "A_EVIL='x\nPATH=@'; export A_EVIL",
		"after":  "Z_EVIL='x\nPATH=@\nPATH=@'; export Z_EVIL",
		"noise":  "printf 'PATH=@\\n\\0PATH=@\\0'; echo __clawtray",
		"large":  "A_EVIL=$(head -c 70000 /dev/zero | tr '\\0' x)'\nPATH=@'; export A_EVIL",
		"end":    "trap 'printf PATH=@' EXIT",
	} {
		m := newMachine(t)
		m.file(home+"/.profile", strings.ReplaceAll(profile, "@", m.at("/evil"))+"\nPATH="+m.at("/good")+":/usr/bin:/bin; export PATH\n", 0o644)
		m.env = append(m.env, "SHELL=/bin/sh", "HOME="+m.at(home), "PATH=/usr/bin:/bin")
		f := newFinder(t.Context(), m.search())
		f.shellLimit = time.Minute
		dirs := f.askLoginShell()
		if got := strings.Join(dirs, ":"); got != m.at("/good")+":/usr/bin:/bin" {
			t.Errorf("%s: %s\n%v", name, got, f.trace)
		}
	}
}

// XS10: when env cannot end its entries with NUL, as on older Macs, a child of the shell
// prints PATH alone.
func TestXS10_WithoutNulFromEnv(t *testing.T) {
	m := newMachine(t)
	m.shell(`EVIL='x
PATH=` + m.at("/evil") + `'; export EVIL; PATH=` + m.at("/good") + `; export PATH; /bin/sh -c "$(printf %s "$2" | /bin/sed 's/env -0/env --no-such-option/')"`)
	f := newFinder(t.Context(), m.search())
	f.shellLimit = time.Minute
	if dirs := f.askLoginShell(); len(dirs) != 1 || dirs[0] != m.at("/good") {
		t.Errorf("%q\n%v", dirs, f.trace)
	}
}
