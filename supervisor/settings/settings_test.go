package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clawtray.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMissingFileGivesTheDefaults(t *testing.T) {
	s, err := Load(filepath.Join(t.TempDir(), "none.toml"))
	if err != nil || s != Default() {
		t.Errorf("got %+v, %v", s, err)
	}
}

// TestAllMistakesAreNamed: each mistake has its line and the most similar right name, and
// only wrong values have no effect.
func TestAllMistakesAreNamed(t *testing.T) {
	path := write(t, `prot = 19000
notifications = "problem"   # one letter short
log_level = 3
port = 18000

[supervision]
drain_stop = 20
drain_restart = "5s"
restart_budgett = 9

[colours]
icon = "red"
menu = "blue"
`)
	f := Read(path)
	want := strings.Join([]string{
		`:1 (prot): there is no setting "prot"; did you mean "port"?`,
		`:2 (notifications): "problem" is not one of all, problems, none; did you mean "problems"?`,
		`:3 (log_level): it has to be a text in quotes`,
		`:7 (supervision.drain_stop): it has to be a time such as "20s" or "10m"`,
		`:9 (supervision.restart_budgett): there is no setting "supervision.restart_budgett"; did you mean "supervision.restart_budget"?`,
		`:11 (colours): there is no setting "colours"`,
	}, "\n")
	if got := strings.ReplaceAll(f.Mistakes.Error(), path, ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	effective := Default()
	effective.Port, effective.Supervision.DrainRestart = 18000, Duration(5*time.Second)
	if f.Settings != effective {
		t.Errorf("got %+v, want %+v", f.Settings, effective)
	}
	if f.Lines["port"] != 4 || f.Lines["supervision.drain_restart"] != 8 || f.Lines["log_level"] != 0 {
		t.Errorf("lines: %v", f.Lines)
	}
	if s, err := Load(path); s != effective || !errors.As(err, new(*Error)) {
		t.Errorf("Load: %+v, %v", s, err)
	}
}

func TestOneMistakeEach(t *testing.T) {
	for text, want := range map[string]string{
		"port = -1\n":                              ":1 (port): -1 is not a port",
		"\n\nport = \"many\"\n":                    ":3 (port): it has to be a whole number",
		"port = 1.5\n":                             ":1 (port): it has to be a whole number",
		"port = = 1\n":                             ":1: this is not TOML",
		"port = 1\nport = 2\n":                     ":2: this is not TOML",
		"restart_budget = 3\n":                     `did you mean "supervision.restart_budget"?`,
		"supervision = { drain_stop = 1 }\n":       ":1 (supervision.drain_stop): it has to be a time",
		"supervision.drain_stop = \"-1s\"\n":       ":1 (supervision.drain_stop): it has to be a time",
		"supervision = 3\n":                        ":1 (supervision): it is a table",
		"[port]\nx = 1\n":                          ":1 (port): it has to be a whole number",
		"[supervision]\nrestart_window = \"0s\"\n": ":2 (supervision.restart_window): it has to be longer",
		"[supervision]\nrestart_budget = 0\n":      ":2 (supervision.restart_budget): it has to be at least 1",
		"log_level = \"wran\"\n":                   `did you mean "warn"?`,
		"[[supervision]]\ndrain_stop = \"3s\"\n":   ":1 (supervision): it is a table",
		"zebra = 1\n":                              `there is no setting "zebra"`,
	} {
		f := Read(write(t, text))
		if got := f.Mistakes.Error(); !strings.Contains(got, want) || f.Settings != Default() {
			t.Errorf("%q: got %q, want %q; %+v", text, got, want, f.Settings)
		}
		if strings.HasPrefix(text, "zebra") && strings.Contains(f.Mistakes.Error(), "mean") {
			t.Errorf("nothing is near %q: %v", text, f.Mistakes)
		}
	}
}

func TestN2_NodeOptionsOpenNoDebugger(t *testing.T) {
	for options, refused := range map[string]string{
		"":                          "",
		"--max-old-space-size=8192": "",
		"--require /a/inspect.cjs --use-system-ca": "",
		"--inspect": "--inspect",
		"--use-system-ca --inspect-brk=0.0.0.0:9229": "--inspect-brk",
		"--inspect_port=1":                           "--inspect-port",
		`"--inspect=127.0.0.1:9229"`:                 "--inspect",
		`"--insp\ect-wait"`:                          "--inspect-wait",
	} {
		s := Default()
		s.NodeOptions = options
		err := s.Check("the file")
		var e *Error
		if refused == "" && err != nil || refused != "" && (!errors.As(err, &e) || e.Key != "node_options" || !strings.HasPrefix(e.Reason, refused+" ")) {
			t.Errorf("%s: got %v", options, err)
		}
	}
}

func TestAFileThatCannotBeReadIsAMistake(t *testing.T) {
	f := Read(t.TempDir()) // a directory
	if len(f.Mistakes) != 1 || f.Settings != Default() || f.Missing {
		t.Errorf("got %+v", f)
	}
}

// TestDefaultTextIsTheDefaults: the text and the settings cannot differ.
func TestDefaultTextIsTheDefaults(t *testing.T) {
	path := write(t, DefaultText())
	f := Read(path)
	if len(f.Mistakes) > 0 || f.Settings != Default() {
		t.Errorf("got %+v, %v", f.Settings, f.Mistakes)
	}
	lines := strings.Split(DefaultText(), "\n")
	for _, k := range keys {
		at := f.Lines[k.name]
		if at == 0 {
			t.Errorf("%s is not in it", k.name)
		} else if !strings.HasPrefix(lines[at-2], "# ") {
			t.Errorf("nothing says what %s is for", k.name)
		}
	}
	for name := range checks {
		if !slices.Contains(names(), name) {
			t.Errorf("%s is checked, but no setting", name)
		}
	}
}

func TestRowsTellTheOriginAndNoSecret(t *testing.T) {
	f := Read(write(t, "token = \"canary-canary\"\nport = 7\n"))
	var text strings.Builder
	for _, r := range f.Rows() {
		fmt.Fprintln(&text, r.Key, r.Value, r.Line)
	}
	if got := text.String(); strings.Contains(got, "canary") || !strings.Contains(got, "port 7 2\n") || !strings.Contains(got, "token (set, not shown) 1\n") || !strings.Contains(got, "supervision.drain_stop '20s' 0\n") {
		t.Error(got)
	}
}

// TestSetChangesNothingElse: comments, other keys, line ends and mistakes stay the same,
// byte by byte.
func TestSetChangesNothingElse(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"empty":         {"", "notifications = 'none'\n"},
		"replaced":      {"# mine\nport = 7 # seven\nnotifications  =  \"all\"  # loud\n\n[supervision]\n", "# mine\nport = 7 # seven\nnotifications  =  'none'  # loud\n\n[supervision]\n"},
		"added":         {"# mine\nport = 7 # seven\n\n# patience\n[supervision]\ndrain_stop = \"1s\"\n", "# mine\nport = 7 # seven\nnotifications = 'none'\n\n# patience\n[supervision]\ndrain_stop = \"1s\"\n"},
		"first":         {"# mine\n[supervision]\nnotifications = \"all\"\n", "notifications = 'none'\n# mine\n[supervision]\nnotifications = \"all\"\n"},
		"no newline":    {"port = 7", "port = 7\nnotifications = 'none'"},
		"windows":       {"port = 7\r\n[supervision]\r\n", "port = 7\r\nnotifications = 'none'\r\n[supervision]\r\n"},
		"mistakes":      {"prot = 7\nnotifications = \"lots\"\n", "prot = 7\nnotifications = 'none'\n"},
		"not TOML":      {"port = = 7\n\"half\nnotifications = \"all\" # x\n[[[\n", "port = = 7\n\"half\nnotifications = 'none' # x\n[[[\n"},
		"not TOML, new": {"port = = 7\nlog_level = 'info'\n", "port = = 7\nlog_level = 'info'\nnotifications = 'none'\n"},
		"array":         {"port = 7\nx = [\n  1,\n]\n", "port = 7\nnotifications = 'none'\nx = [\n  1,\n]\n"},
		"a number":      {"notifications = 3 # ?\n", "notifications = 'none' # ?\n"},
		"true":          {"notifications = true\nport = 7\n", "notifications = 'none'\nport = 7\n"},
		"multi-line":    {"notifications = \"\"\"\nall\"\"\"\nport = 7\n", "notifications = 'none'\nport = 7\n"},
	} {
		path := write(t, c.before)
		if err := Set(path, "notifications", "none"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, _ := os.ReadFile(path); string(got) != c.after {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.after)
		}
	}
	path := write(t, "notifications = [\n\"all\"]\nport = 0x10 # sixteen\n")
	if err := Set(path, "notifications", "none"); err == nil {
		t.Error("a list was replaced")
	}
	if err := Set(path, "port", 19000); err != nil || Read(path).Port != 19000 {
		t.Errorf("the port: %v", err)
	}
}

func TestSetMakesAPrivateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "clawtray.toml")
	if err := Set(path, "notifications", "none"); err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Notifications = "none"
	if s, err := Load(path); err != nil || s != want {
		t.Errorf("got %+v, %v", s, err)
	}
	if info, err := os.Stat(path); err != nil || OpenToOthers(info) {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// FuzzRead: no file makes the program crash, and unusable values become defaults.
func FuzzRead(f *testing.F) {
	f.Add("port = 1\n[supervision]\ndrain_stop = \"1s\"\n")
	f.Add("x = [\n\"\"\"\n[[a.b]]\n= \r\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		file := Read(path)
		if err := file.Check(path); err != nil {
			t.Errorf("%q is in force: %v", text, err)
		}
		if Set(path, "notifications", "none") != nil {
			return
		}
		// The mistakes are the same as before, and if the file could be read, the key has the new value.
		after := Read(path)
		if len(file.Mistakes) == 0 && (len(after.Mistakes) > 0 || after.Notifications != "none") {
			after.Mistakes = append(after.Mistakes, &Error{})
			t.Errorf("%q: now %v", text, after.Mistakes)
		}
	})
}

func TestProfilesShareOnlyTheRuntime(t *testing.T) {
	a, b := Places(""), Places("work")
	if a.Data != b.Data || a.State == b.State || a.Config == b.Config || !strings.HasSuffix(b.State, "work") {
		t.Errorf("default %+v, work %+v", a, b)
	}
}

// TestXS11_ProfileNames: a name cannot lead out of the folder, or to a file of the default
// profile.
func TestXS11_ProfileNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../../evil", "a/b", `a\b`, "Work", "wörk", "a b", "a\x00", "a:b", strings.Repeat("a", 65)} {
		if CheckProfile(name) == nil {
			t.Errorf("%q is a profile", name)
		}
	}
	for _, name := range []string{"work", "a", "0", "my.profile_2-b", "...", "clawtray.lock", "control.sock"} {
		if err := CheckProfile(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		ours := Places("")
		if d := Places(name); filepath.Dir(d.State) != filepath.Dir(ours.State) || filepath.Dir(d.Config) != filepath.Dir(ours.Config) {
			t.Errorf("%q is kept in %+v", name, d)
		}
	}
}

func TestSetChangesANumber(t *testing.T) {
	path := write(t, "# mine\nport = 18789 # the usual\nnode = \"n\"\n")
	if err := Set(path, "port", 18790); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "# mine\nport = 18790 # the usual\nnode = \"n\"\n" {
		t.Errorf("got %q", got)
	}
	if err := Set(write(t, "port = \"x\"\n"), "port", 1); err != nil {
		t.Errorf("a wrong value was not replaced: %v", err)
	}
}

// L2: the file that the menu opens explains every setting, sets none, and never replaces an
// existing file.
func TestL2_MakeExplainsAndSetsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "clawtray.toml")
	if err := Make(path); err != nil {
		t.Fatal(err)
	}
	file := Read(path)
	text, _ := os.ReadFile(path)
	if file.Settings != Default() || len(file.Lines) != 0 || len(file.Mistakes) != 0 || !strings.Contains(string(text), "\n# language = ") {
		t.Errorf("%+v\n%s", file, text)
	}
	if err := Set(path, "language", "zh"); err != nil {
		t.Fatal(err)
	}
	if err := Make(path); err != nil || Read(path).Language != "zh" {
		t.Errorf("%v, %+v", err, Read(path))
	}
}
