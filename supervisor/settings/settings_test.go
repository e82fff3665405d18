package settings

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/adrg/xdg"
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

func TestMistakesAreNamedWithTheirLine(t *testing.T) {
	for text, want := range map[string]struct {
		line int
		key  string
	}{
		"port = 1\nprot = 2\n":         {2, "prot"},
		"\n\nport = \"many\"\n":        {3, "port"},
		"port = 0\n":                   {0, "port"},
		"notifications = \"loud\"\n":   {0, "notifications"},
		"log_level = \"everything\"\n": {0, "log_level"},
		"port = = 1\n":                 {1, ""},
		"node_options = 1\n":           {1, "node_options"},
	} {
		_, err := Load(write(t, text))
		var e *Error
		if !errors.As(err, &e) || e.Line != want.line || e.Key != want.key {
			t.Errorf("%q: got %v", text, err)
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

func TestSaveIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "clawtray.toml")
	s := Default()
	s.Port, s.Notifications = 12345, "none"
	if err := s.Save(path); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(path); err != nil || got != s {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestADeepHomeGetsAShortSocket(t *testing.T) {
	state := xdg.StateHome
	defer func() { xdg.StateHome = state }()
	xdg.StateHome = "/" + strings.Repeat("deep/", 40)
	a, b := Places("a"), Places("b")
	if len(a.Runtime) > maxRuntime || a.Runtime == b.Runtime {
		t.Errorf("got %s and %s", a.Runtime, b.Runtime)
	}
}

func TestProfilesShareOnlyTheRuntime(t *testing.T) {
	a, b := Places(""), Places("work")
	if a.Data != b.Data || a.State == b.State || a.Runtime == b.Runtime || a.Config == b.Config || !strings.HasSuffix(b.State, "work") {
		t.Errorf("default %+v, work %+v", a, b)
	}
}
