package sources

import (
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "clawtray"

// rooms lists what each package may import from this module. Imports go in one direction:
// main, tray/commands, tray, supervisor, rpc. A new package needs a row here.
var rooms = map[string][]string{
	".": {"rpc", "rpc/redact", "supervisor", "supervisor/control", "supervisor/journal", "supervisor/rest", "supervisor/settings", "tray", "tray/commands"},
	"tray/commands": {"assets", "rpc/redact", "supervisor", "supervisor/control", "supervisor/doctor", "supervisor/journal", "supervisor/machine", "supervisor/openclaw",
		"supervisor/report", "supervisor/requests", "supervisor/settings", "tray", "tray/autostart", "supervisor/words"},
	"tray/autostart":   {"supervisor/doctor", "supervisor/words"},
	"tray":             {"assets", "supervisor", "supervisor/doctor", "supervisor/requests", "tray/handover", "supervisor/words"},
	"tray/handover":    {"supervisor/peer"},
	"supervisor/words": {},
	"assets":           {},

	"supervisor/doctor":   {"rpc", "rpc/redact", "supervisor", "supervisor/control", "supervisor/machine", "supervisor/openclaw", "supervisor/settings", "supervisor/words"},
	"supervisor/report":   {"rpc", "rpc/redact", "supervisor", "supervisor/journal", "supervisor/openclaw", "supervisor/settings"},
	"supervisor/settings": {"rpc", "rpc/redact", "supervisor", "supervisor/machine", "supervisor/openclaw", "supervisor/peer"},
	"supervisor/control":  {"supervisor", "supervisor/peer", "supervisor/requests"},
	"supervisor/rest":     {"supervisor"},
	"supervisor":          {"rpc", "rpc/redact", "supervisor/journal", "supervisor/machine", "supervisor/openclaw", "supervisor/requests"},
	"supervisor/requests": {"rpc/redact"},
	"supervisor/machine":  {"rpc", "rpc/redact", "supervisor/journal", "supervisor/openclaw", "supervisor/peer"},
	"supervisor/peer":     {},
	"supervisor/openclaw": {"rpc", "rpc/redact"},
	"supervisor/journal":  {"rpc", "rpc/redact"},

	"rpc":        {"rpc/redact"},
	"rpc/redact": {},

	// Helpers for tests, which no program imports.
	"rpc/gatewaytest":            {"rpc", "rpc/redact"},
	"supervisor/supervisortest":  {"supervisor", "supervisor/machine", "supervisor/openclaw"},
	"packaging/needs":            {},
	"packaging/outside":          {"supervisor/openclaw"},
	"supervisor/words/wordstest": {},

	// Programs for people who work on clawtray.
	"assets/gen":                {"assets"},
	"rpc/bench":                 {"packaging/figures", "rpc", "rpc/gatewaytest"},
	"packaging":                 {},
	"packaging/archive":         {},
	"packaging/bench":           {"packaging/figures", "packaging/outside", "rpc", "rpc/gatewaytest", "supervisor", "supervisor/control", "supervisor/openclaw"},
	"packaging/figures":         {},
	"packaging/chaos":           {"packaging/outside", "supervisor", "supervisor/control"},
	"packaging/licences":        {},
	"packaging/mutate":          {},
	"packaging/sources":         {},
	"packaging/soak":            {"packaging/outside", "rpc/gatewaytest", "supervisor", "supervisor/control"},
	"supervisor/openclaw/pin":   {"supervisor/openclaw"},
	"packaging/macos/icns":      {},
	"packaging/macos/typecheck": {},
}

// testsAlso lists what the tests of a package may import in addition to rooms, because they
// replace packages above or below. Every test may import its own package and the helpers.
var testsAlso = map[string][]string{
	"supervisor/report": {"supervisor/control"},
	"supervisor/rest":   {"supervisor/openclaw"},
	"tray":              {"rpc", "supervisor/control", "supervisor/openclaw"},
	"tray/commands":     {"rpc"},
}

var testHelpers = []string{"rpc/gatewaytest", "supervisor/supervisortest", "packaging/needs", "packaging/outside", "packaging/sources", "supervisor/words/wordstest"}

// libraries lists the libraries that only some packages may import.
var libraries = map[string][]string{
	"fyne.io/systray":                  {"tray"},
	"github.com/Masterminds/semver/v3": {"supervisor/openclaw"},
	"github.com/atotto/clipboard":      {"tray"},
	"github.com/gen2brain/beeep":       {"tray"},
	"github.com/gorilla/websocket":     {"rpc", "rpc/gatewaytest"},
	"github.com/lmittmann/tint":        {"supervisor/journal", "rpc/redact"}, // redact's tests write with it
	"github.com/pelletier/go-toml/v2":  {"supervisor/settings"},
	"github.com/spf13/cobra":           {"tray/commands"},
	"gopkg.in/natefinch/lumberjack.v2": {"supervisor/journal"},
}

// misplaced says what is wrong with an import in a file of a package; empty when nothing
// is.
func misplaced(room, imported string, test bool) string {
	for library, owners := range libraries {
		if strings.HasPrefix(imported+"/", library+"/") && !slices.Contains(owners, room) {
			return "is for " + strings.Join(owners, " and ") + " alone"
		}
	}
	of, ours := strings.CutPrefix(imported, module+"/")
	may := rooms[room]
	if test {
		may = slices.Concat(may, testsAlso[room], testHelpers, []string{room})
	}
	if ours && !slices.Contains(may, of) {
		return "is not for " + room
	}
	return ""
}

func TestMisplaced(t *testing.T) {
	for _, c := range []struct {
		room, imported string
		test, wrong    bool
	}{
		{"rpc", "clawtray/supervisor", false, true},
		{"rpc", "clawtray/rpc/gatewaytest", false, true},
		{"rpc", "clawtray/rpc/gatewaytest", true, false},
		{"supervisor", "clawtray/tray", true, true},
		{"supervisor", "clawtray/rpc", false, false},
		{"tray", "clawtray/tray/commands", true, true},
		{"tray", "fyne.io/systray", false, false},
		{"supervisor", "fyne.io/systray", false, true},
		{"supervisor/control", "github.com/spf13/cobra", false, true},
		{"supervisor/report", "github.com/pelletier/go-toml/v2/unstable", false, true},
		{"a/new/room", "clawtray/rpc", false, true},
		{"a/new/room", "os", false, false},
	} {
		if why := misplaced(c.room, c.imported, c.test); (why != "") != c.wrong {
			t.Errorf("%s in %s, test %t: %q", c.imported, c.room, c.test, why)
		}
	}
}

// TestArrowsPointOneWay reads the import lines of every file, for every system.
func TestArrowsPointOneWay(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	err := Walk(root, func(file string) error {
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		room := path.Dir(filepath.ToSlash(relative))
		seen[room] = true
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, line := range parsed.Imports {
			imported, err := strconv.Unquote(line.Path.Value)
			if err != nil {
				return err
			}
			if why := misplaced(room, imported, strings.HasSuffix(file, "_test.go")); why != "" {
				t.Errorf("%s: %s %s", relative, imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for room := range seen {
		if _, known := rooms[room]; !known {
			t.Errorf("%s has no room", room)
		}
	}
	if !seen["."] || !seen["rpc"] {
		t.Errorf("the files were not found: %v", seen)
	}
}
