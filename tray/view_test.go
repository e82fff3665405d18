package tray

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"clawtray/supervisor"
)

// The tests read English, whatever the system speaks.
func init() { os.Setenv("LC_ALL", "C") }

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.Local)

func before(d time.Duration) time.Time { return noon.Add(-d) }

// pictures are the statuses that have a golden file.
func pictures() map[string]supervisor.Status {
	running := supervisor.Status{State: supervisor.Running, Since: before(3 * time.Hour), Phase: supervisor.Ready, Mode: supervisor.Managed,
		Port: 18789, PID: 4711, GatewayVersion: "2026.9.6", Health: supervisor.Health{Level: supervisor.Healthy},
		Cause: supervisor.Cause{Code: supervisor.AutoStart}}
	with := func(s supervisor.Status, change func(*supervisor.Status)) supervisor.Status { change(&s); return s }
	starting := supervisor.Status{State: supervisor.Starting, Since: before(5 * time.Second), Mode: supervisor.Managed, Cause: supervisor.Cause{Code: supervisor.UserStart}}
	crash := supervisor.Cause{Code: supervisor.Killed, Detail: "SIGKILL"}
	reconnecting := supervisor.Status{State: supervisor.Reconnecting, Since: before(20 * time.Second), Mode: supervisor.Managed, Cause: crash,
		Attempts: 3, MaxAttempts: 10,
		Incidents: []supervisor.Incident{
			{ID: 2, Began: before(20 * time.Second), Cause: crash},
			{ID: 1, Began: before(26 * time.Hour), Ended: before(26*time.Hour - 4*time.Second), Cause: supervisor.Cause{Code: supervisor.Hung, Detail: "180 s"}},
		}}
	failed := func(c supervisor.Cause) supervisor.Status {
		return supervisor.Status{State: supervisor.Failed, Since: before(7 * time.Minute), Cause: c}
	}
	stopping := func(what string, p supervisor.Phase) supervisor.Status {
		return with(running, func(s *supervisor.Status) {
			s.StoppingFor, s.Phase, s.Cause = what, p, supervisor.Cause{Code: supervisor.UserStop}
		})
	}
	all := map[string]supervisor.Status{
		"running":          running,
		"running-attached": with(running, func(s *supervisor.Status) { s.Mode, s.PID = supervisor.Attached, 0 }),
		"running-degraded": with(running, func(s *supervisor.Status) {
			s.Health = supervisor.Health{Level: supervisor.Degraded, Reasons: []supervisor.Reason{
				{Code: supervisor.ReasonChannels, Severity: supervisor.Degraded, Detail: "telegram", Text: "A chat channel has trouble: telegram"},
				{Code: supervisor.ReasonDrift, Severity: supervisor.Degraded, Text: "The configuration on disk is not the one that runs"}}}
		}),
		"running-unresponsive": with(running, func(s *supervisor.Status) {
			s.Health = supervisor.Health{Level: supervisor.Unresponsive, Reasons: []supervisor.Reason{{Code: supervisor.ReasonHeartbeatMissed, Text: "The gateway does not answer"}}}
		}),
		"running-update":  with(running, func(s *supervisor.Status) { s.InstalledVersion = "2026.9.7" }),
		"stopped":         {State: supervisor.Stopped, Since: before(10 * time.Second), Cause: supervisor.Cause{Code: supervisor.UserStop}},
		"stopped-outside": {State: supervisor.Stopped, Since: before(2 * 24 * time.Hour), Cause: supervisor.Cause{Code: supervisor.StoppedOutside}},
		"attached-gone":   {State: supervisor.Reconnecting, Since: before(time.Minute), Mode: supervisor.Attached, Cause: supervisor.Cause{Code: supervisor.AttachedGone}},
		"starting-slow": with(starting, func(s *supervisor.Status) {
			s.Phase, s.SlowStart, s.LastLine = supervisor.Sidecars, true, "[channels] \x1b[31mwaiting\tfor <telegram> & co"
		}),
		"starting-installing-unknown": with(starting, func(s *supervisor.Status) {
			s.Phase, s.Install = supervisor.Installing, &supervisor.InstallProgress{Step: "OpenClaw"}
		}),
		"starting-installing-npm": with(starting, func(s *supervisor.Status) {
			s.Phase, s.Install = supervisor.Installing, &supervisor.InstallProgress{Step: "OpenClaw 2026.9.6", Items: 273}
		}),
		"starting-upgrading": with(starting, func(s *supervisor.Status) { s.Phase = supervisor.Upgrading }),
		"starting-installing": with(starting, func(s *supervisor.Status) {
			s.Phase, s.Install = supervisor.Installing, &supervisor.InstallProgress{Step: "Node 24.21.0", Done: 57, Total: 120}
		}),
		"reconnecting-waiting": with(reconnecting, func(s *supervisor.Status) {
			s.Phase, s.PhaseSince, s.NextRetryAt = supervisor.Waiting, before(0), noon.Add(8*time.Second)
		}),
		"reconnecting-spawned": with(reconnecting, func(s *supervisor.Status) { s.Phase = supervisor.Spawned }),
		"error-port":           with(failed(supervisor.Cause{Code: supervisor.PortConflict, Detail: "python3 (pid 812)"}), func(s *supervisor.Status) { s.Mode = supervisor.Conflict }),
		"error-port-free":      with(failed(supervisor.Cause{Code: supervisor.PortConflict, Detail: "python3 (pid 812)", FreePort: 18790}), func(s *supervisor.Status) { s.Mode = supervisor.Conflict }),
		"error-node":           failed(supervisor.Cause{Code: supervisor.NodeTooOld, Detail: "18.0.0, OpenClaw wants >=22.19.0"}),
		"error-config":         failed(supervisor.Cause{Code: supervisor.ConfigInvalid, Detail: "gateway.port: expected a number, received a string, and this goes on for quite a while", LastLine: "Config invalid"}),
		"error-crash":          failed(supervisor.Cause{Code: supervisor.KeepsCrashing, Detail: "5 times in 10 min", LastLine: "TypeError: x is not a function"}),
		"error-pairing":        failed(supervisor.Cause{Code: supervisor.PairingRequired, Detail: "9f3"}),
		"stopping-drain-work":  with(stopping("stop", supervisor.Draining), func(s *supervisor.Status) { s.ActiveWork = 2 }),
		"stopping-attached":    with(stopping("stop", supervisor.Draining), func(s *supervisor.Status) { s.Mode = supervisor.Attached }),
	}
	for _, p := range []supervisor.Phase{supervisor.Idle, supervisor.Resolving, supervisor.Repairing, supervisor.Spawned, supervisor.Listening, supervisor.Challenged, supervisor.Sidecars} {
		all["starting-"+string(p)] = with(starting, func(s *supervisor.Status) { s.Phase = p })
	}
	for _, what := range []string{"stop", "restart", "quit"} {
		for _, p := range []supervisor.Phase{supervisor.Draining, supervisor.Terminating, supervisor.Killing} {
			all["stopping-"+what+"-"+string(p)] = stopping(what, p)
		}
	}
	return all
}

func TestL1_L2_ViewGolden(t *testing.T) {
	for language := range languages {
		for name, s := range pictures() {
			t.Run(language+"/"+name, func(t *testing.T) {
				got := View(s, Settings{Language: language}, noon).String()
				golden(t, filepath.Join("testdata", "view", language, name+".txt"), got)
			})
		}
	}
}

// golden compares got with a file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("differs from %s (err %v); go test ./tray -update writes it anew. Got:\n%s", path, err, got)
	}
}

// `clawtray status` says what the menu says (one truth, A1).
func TestL7_SummaryGolden(t *testing.T) {
	all := pictures()
	for language := range languages {
		t.Run(language, func(t *testing.T) {
			var b strings.Builder
			for _, name := range slices.Sorted(maps.Keys(all)) {
				s := Summarize(all[name], Settings{Language: language}, noon)
				fmt.Fprintf(&b, "== %s\n%s", name, s)
				menu := View(all[name], Settings{Language: language}, noon)
				if line, _ := menu.find(StatusLine); line.Title != s.Status || menu.Icon != s.Icon {
					t.Errorf("%s: the menu says %q with %s", name, line.Title, menu.Icon)
				}
			}
			golden(t, filepath.Join("testdata", "summary", language+".txt"), b.String())
		})
	}
}

func TestL6_OpenClawsServiceIsShown(t *testing.T) {
	s := pictures()["running"]
	for mode, want := range map[supervisor.Mode]string{supervisor.Attached: english.AttachedService, supervisor.Managed: english.Service} {
		s.Mode = mode
		if line, _ := View(s, Settings{Service: true}, noon).find(DetailLine + "1"); line.Title != want || line.Hidden {
			t.Errorf("%s: %+v", mode, line)
		}
	}
}

// Every state, phase and mode gives a menu with the same entries in the same
// order, texts that fit, and no control character.
func TestL2_ViewHasOneShape(t *testing.T) {
	var shape []ID
	for _, s := range everyStatus() {
		m := View(s, Settings{}, noon)
		ids := flatten(m.Items)
		if shape == nil {
			shape = ids
		}
		if !slices.Equal(shape, ids) {
			t.Fatalf("entries of %v/%v/%v differ:\n%v\n%v", s.State, s.Phase, s.Mode, ids, shape)
		}
		if len([]rune(m.Tooltip)) > maxTooltip || m.Icon == "" {
			t.Errorf("tooltip %q, icon %q", m.Tooltip, m.Icon)
		}
		eachItem(m.Items, func(it Item) {
			if len([]rune(it.Title)) > maxLabel || strings.ContainsAny(it.Title, "\t\n\x1b<&") || !it.Hidden && it.Title == "" {
				t.Errorf("%v/%v/%v: entry %s has title %q", s.State, s.Phase, s.Mode, it.ID, it.Title)
			}
		})
	}
}

func everyStatus() []supervisor.Status {
	var out []supervisor.Status
	dirt := supervisor.Cause{Code: supervisor.StartExit, Detail: "a\tb\nc <b>&\x1b[0m " + strings.Repeat("ä", 90)}
	for _, state := range []supervisor.State{supervisor.Stopped, supervisor.Starting, supervisor.Running, supervisor.Reconnecting, supervisor.Failed, ""} {
		for _, phase := range []supervisor.Phase{supervisor.Idle, supervisor.Resolving, supervisor.Installing, supervisor.Upgrading, supervisor.Repairing, supervisor.Spawned, supervisor.Listening, supervisor.Challenged, supervisor.Sidecars, supervisor.Ready, supervisor.Draining, supervisor.Terminating, supervisor.Killing, supervisor.Waiting} {
			for _, mode := range []supervisor.Mode{supervisor.NoMode, supervisor.Managed, supervisor.Attached, supervisor.Conflict} {
				for _, stopping := range []string{"", "stop", "restart", "quit"} {
					out = append(out, supervisor.Status{State: state, Phase: phase, Mode: mode, StoppingFor: stopping, Cause: dirt, LastLine: dirt.Detail, SlowStart: true, NextRetryAt: noon,
						Incidents: []supervisor.Incident{{ID: 1, Cause: dirt}}})
				}
			}
		}
	}
	return out
}

func flatten(items []Item) (ids []ID) {
	eachItem(items, func(it Item) { ids = append(ids, it.ID) })
	return ids
}

func eachItem(items []Item, f func(Item)) {
	for _, it := range items {
		if it.ID != "" {
			f(it)
		}
		eachItem(it.Sub, f)
	}
}

// The words may only change in coarse steps: an update closes the open menu on
// Qt desktops (PAINS P26).
func TestL2_ViewChangesRarely(t *testing.T) {
	for name, tt := range map[string]struct {
		s    supervisor.Status
		span time.Duration
		most int
	}{
		"running for a day": {supervisor.Status{State: supervisor.Running, Since: noon}, 24 * time.Hour, 40},
		"short wait":        {supervisor.Status{State: supervisor.Reconnecting, Phase: supervisor.Waiting, PhaseSince: noon, NextRetryAt: noon.Add(8 * time.Second)}, 8 * time.Second, 0},
		"long wait":         {supervisor.Status{State: supervisor.Reconnecting, Phase: supervisor.Waiting, PhaseSince: noon, NextRetryAt: noon.Add(30 * time.Second)}, 30 * time.Second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			changes, last := 0, View(tt.s, Settings{}, noon)
			for d := time.Duration(0); d < tt.span; d += max(time.Second, tt.span/500) {
				now := noon.Add(d)
				m := View(tt.s, Settings{}, now)
				if !reflect.DeepEqual(m.Items, last.Items) {
					changes++
					if last.Until.IsZero() || now.Before(last.Until) {
						t.Fatalf("after %v the view changed, but said it would at %v:\n%v", d, last.Until, m)
					}
				}
				last = m
			}
			if changes > tt.most {
				t.Errorf("%d changes, want at most %d", changes, tt.most)
			}
		})
	}
}

func TestWrapAndCut(t *testing.T) {
	long := "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
	for _, line := range wrap(long, 2) {
		if len([]rune(line)) > maxLabel {
			t.Errorf("line %q is too long", line)
		}
	}
	if got := strings.Join(wrap(long, 3), " "); got != long {
		t.Errorf("wrap lost something: %q", got)
	}
	if got := wrap(strings.Repeat("x", 500), 2); len(got) != 2 || !strings.HasSuffix(got[1], "…") {
		t.Errorf("unbroken text: %q", got)
	}
}

// Text from outside reaches neither markup nor a shell (K3's neighbours: P21, TRAY hosts).
func TestL3_PlainText(t *testing.T) {
	got := plain("<b>$(calc.exe)</b> `x` \"@ ]]> a&b\x00\x1b[1m\r\nend")
	if strings.ContainsAny(got, "<>&$`\"\x00\x1b\r\n") {
		t.Errorf("%q", got)
	}
}

// No language lacks a text, and all take the same values.
func TestL2_TextsComplete(t *testing.T) {
	verbs := regexp.MustCompile(`%[sd%]`)
	en := reflect.ValueOf(english)
	for language, texts := range languages {
		v := reflect.ValueOf(*texts)
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Type.Kind() != reflect.String {
				continue
			}
			if v.Field(i).String() == "" {
				t.Errorf("%s: no text %s", language, f.Name)
			}
			want, got := verbs.FindAllString(en.Field(i).String(), -1), verbs.FindAllString(v.Field(i).String(), -1)
			if !slices.Equal(want, got) {
				t.Errorf("%s: %s takes %v, in English %v", language, f.Name, got, want)
			}
		}
	}
}

// Every cause and reason there is has its words in every language but English,
// whose words are package supervisor's.
func TestL2_CausesTranslated(t *testing.T) {
	causes, reasons := constants(t, "cause.go", "CauseCode"), constants(t, "status.go", "ReasonCode")
	if len(causes) < 40 || len(reasons) < 10 {
		t.Fatalf("found only %d causes and %d reasons", len(causes), len(reasons))
	}
	for language, texts := range languages {
		if texts == &english {
			continue
		}
		for _, code := range causes {
			c := supervisor.Cause{Code: supervisor.CauseCode(code)}
			if _, ok := texts.cause[c.Code]; !ok && code != "" {
				t.Errorf("%s: no sentence for %s", language, code)
			}
			if _, ok := texts.remedy[c.Code]; ok != (c.Remedy() != "") {
				t.Errorf("%s: remedy for %s: %v", language, code, ok)
			}
		}
		for _, code := range reasons {
			if _, ok := texts.reason[supervisor.ReasonCode(code)]; !ok {
				t.Errorf("%s: no sentence for %s", language, code)
			}
		}
	}
}

// constants are the values of all constants of a type in a file of package supervisor.
func constants(t *testing.T, file, typ string) (values []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "supervisor", file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		name, isType := spec.Type.(*ast.Ident)
		lit, isLit := spec.Values[0].(*ast.BasicLit)
		if isType && isLit && name.Name == typ {
			value, _ := strconv.Unquote(lit.Value)
			values = append(values, value)
		}
		return true
	})
	return values
}

func TestTextsFor(t *testing.T) {
	for language, want := range map[string]*texts{"en_GB.UTF-8": &english, "C": &english, "POSIX": &english, "fr": &english, "zh_CN.UTF-8": &chinese, "zh-CN": &chinese} {
		if textsFor(language) != want {
			t.Errorf("%q", language)
		}
	}
}
