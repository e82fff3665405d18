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
	"clawtray/supervisor/words"
	"clawtray/supervisor/words/wordstest"
)

// The tests expect English, whatever the system's language is.
func init() { os.Setenv("LC_ALL", "C") }

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.Local)

func before(d time.Duration) time.Time { return noon.Add(-d) }

// steady returns the status of a gateway that has run for hours.
func steady() supervisor.Status {
	return supervisor.Status{State: supervisor.Running, Since: before(3 * time.Hour), Phase: supervisor.Ready, Mode: supervisor.Managed,
		Port: 18789, PID: 4711, GatewayVersion: "2026.9.6", Health: supervisor.Health{Level: supervisor.Healthy},
		Cause: supervisor.Cause{Code: supervisor.AutoStart}}
}

func with(s supervisor.Status, change func(*supervisor.Status)) supervisor.Status {
	change(&s)
	return s
}

// pictures returns the statuses that have a golden file.
func pictures() map[string]supervisor.Status {
	running := steady()
	starting := supervisor.Status{State: supervisor.Starting, Since: before(5 * time.Second), Mode: supervisor.Managed, Cause: supervisor.Cause{Code: supervisor.UserStart}}
	crash := supervisor.Cause{Code: supervisor.Killed, Detail: "SIGKILL"}
	reconnecting := supervisor.Status{State: supervisor.Reconnecting, Since: before(20 * time.Second), Mode: supervisor.Managed, Cause: crash,
		Attempts: 3, MaxAttempts: 10,
		Incidents: []supervisor.Incident{
			{ID: 2, Began: before(20 * time.Second), Cause: crash},
			{ID: 1, Began: before(26 * time.Hour), Ended: before(26*time.Hour - 4*time.Second), Cause: supervisor.Cause{Code: supervisor.Hung, Detail: "180 s"}},
		}}
	all := map[string]supervisor.Status{
		"running":          running,
		"running-attached": with(running, func(s *supervisor.Status) { s.Mode, s.PID = supervisor.Attached, 0 }),
		"running-degraded": with(running, func(s *supervisor.Status) {
			s.Health = supervisor.Health{Level: supervisor.Degraded, Reasons: []supervisor.Reason{
				reasonOf("ReasonChannels", supervisor.ReasonChannels, "telegram"), reasonOf("ReasonDrift", supervisor.ReasonDrift, "")}}
		}),
		"running-unresponsive": with(running, func(s *supervisor.Status) {
			s.Health = supervisor.Health{Level: supervisor.Unresponsive, Reasons: []supervisor.Reason{reasonOf("ReasonHeartbeatMissed", supervisor.ReasonHeartbeatMissed, "3")}}
		}),
		"running-safe": with(running, func(s *supervisor.Status) {
			s.Health = supervisor.Health{Level: supervisor.Degraded, Reasons: []supervisor.Reason{reasonOf("ReasonSafeStart", supervisor.ReasonSafeStart, "")}}
		}),
		"running-repaired": with(running, func(s *supervisor.Status) {
			s.Repaired = &supervisor.Repaired{At: before(time.Minute), Gone: []string{"gateway.bogus"}, Changed: []string{"a.b", "c", "d", "e", "f", "g"}}
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
	}
	for _, p := range []supervisor.Phase{supervisor.Idle, supervisor.Resolving, supervisor.AwaitingConfig, supervisor.SettingUp, supervisor.Repairing, supervisor.Spawned, supervisor.Listening, supervisor.Challenged, supervisor.Sidecars} {
		all["starting-"+string(p)] = with(starting, func(s *supervisor.Status) { s.Phase = p })
	}
	maps.Copy(all, failures())
	maps.Copy(all, ends())
	return all
}

// reasonOf returns a reason with the words of package supervisor.
func reasonOf(name string, code supervisor.ReasonCode, detail string) supervisor.Reason {
	source, err := os.ReadFile(filepath.Join("..", "supervisor", "health.go"))
	row := regexp.MustCompile(`(?m)^\s*` + name + `:\s*\{\w+, "(.*)"\},$`).FindSubmatch(source)
	if err != nil || row == nil {
		panic(fmt.Sprint("no words for ", name, ": ", err))
	}
	words := strings.TrimSuffix(strings.ReplaceAll(string(row[1]), "%v", detail), " ()")
	return supervisor.Reason{Code: code, Severity: supervisor.Degraded, Detail: detail, Text: words}
}

// failures returns the statuses of a gateway that needs a person.
func failures() map[string]supervisor.Status {
	failed := func(c supervisor.Cause) supervisor.Status {
		return supervisor.Status{State: supervisor.Failed, Since: before(7 * time.Minute), Cause: c}
	}
	conflict := func(s *supervisor.Status) { s.Mode = supervisor.Conflict }
	return map[string]supervisor.Status{
		"error-port":        with(failed(supervisor.Cause{Code: supervisor.PortConflict, Detail: "python3 (pid 812)"}), conflict),
		"error-port-free":   with(failed(supervisor.Cause{Code: supervisor.PortConflict, Detail: "python3 (pid 812)", FreePort: 18790}), conflict),
		"error-node":        failed(supervisor.Cause{Code: supervisor.NodeTooOld, Detail: "18.0.0, OpenClaw wants >=22.19.0"}),
		"error-config":      failed(supervisor.Cause{Code: supervisor.ConfigInvalid, Detail: "gateway.port: expected a number, received a string, and this goes on for quite a while", LastLine: "Config invalid"}),
		"error-crash":       failed(supervisor.Cause{Code: supervisor.KeepsCrashing, Detail: "5 times in 10 min", LastLine: "TypeError: x is not a function"}),
		"error-config-lost": failed(supervisor.Cause{Code: supervisor.ConfigLost, Detail: "/home/u/.openclaw/openclaw.json ends in the middle", LastGood: before(time.Hour)}),
		"error-pairing":     failed(supervisor.Cause{Code: supervisor.PairingRequired, Detail: "9f3"}),
	}
}

// ends returns the statuses of a wind-down.
func ends() map[string]supervisor.Status {
	stopping := func(what string, p supervisor.Phase) supervisor.Status {
		return with(steady(), func(s *supervisor.Status) {
			s.StoppingFor, s.Phase, s.Cause = what, p, supervisor.Cause{Code: supervisor.UserStop}
		})
	}
	all := map[string]supervisor.Status{
		"stopping-drain-work": with(stopping("stop", supervisor.Draining), func(s *supervisor.Status) { s.ActiveWork = 2 }),
		"stopping-attached":   with(stopping("stop", supervisor.Draining), func(s *supervisor.Status) { s.Mode = supervisor.Attached }),
	}
	for _, what := range []string{"stop", "restart", "quit"} {
		for _, p := range []supervisor.Phase{supervisor.Draining, supervisor.Terminating, supervisor.Killing} {
			all["stopping-"+what+"-"+string(p)] = stopping(what, p)
		}
	}
	return all
}

// L1, L2: the golden file of a language has the whole menu of a running gateway, and the
// different lines of each other status.
func TestL1_L2_ViewGolden(t *testing.T) {
	all := pictures()
	for language := range languages {
		t.Run(language, func(t *testing.T) {
			whole := func(name string) string {
				return View(all[name], Settings{Language: language, About: About{Name: "clawtray 1.0 (abc)"}}, noon).String()
			}
			var b strings.Builder
			fmt.Fprintf(&b, "== running\n%s", whole("running"))
			usual := strings.SplitAfter(whole("running"), "\n")
			for _, name := range slices.Sorted(maps.Keys(all)) {
				if name == "running" {
					continue
				}
				fmt.Fprintf(&b, "== %s\n", name)
				for line := range strings.Lines(whole(name)) {
					if !slices.Contains(usual, line) {
						b.WriteString(line)
					}
				}
			}
			golden(t, filepath.Join("testdata", "menu", language+".txt"), b.String())
		})
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

// L7: `clawtray status` says what the menu says (A1).
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
	for mode, want := range map[supervisor.Mode]string{supervisor.Attached: english.detail.AttachedService, supervisor.Managed: english.detail.Service} {
		s.Mode = mode
		if line, _ := View(s, Settings{Service: true}, noon).find(DetailLine + "1"); line.Title != want || line.Hidden {
			t.Errorf("%s: %+v", mode, line)
		}
	}
}

// L2: every state, phase and mode gives a menu with the same entries in the same sequence,
// with texts that fit and without control characters.
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
		if words.Columns(m.Tooltip) > maxTooltip || m.Icon == "" {
			t.Errorf("tooltip %q, icon %q", m.Tooltip, m.Icon)
		}
		eachItem(m.Items, func(it Item) {
			if words.Columns(it.Title) > maxLabel || strings.ContainsAny(it.Title, "\t\n\x1b<&") || !it.Hidden && it.Title == "" {
				t.Errorf("%v/%v/%v: entry %s has title %q", s.State, s.Phase, s.Mode, it.ID, it.Title)
			}
		})
	}
}

func everyStatus() []supervisor.Status {
	var out []supervisor.Status
	dirt := supervisor.Cause{Code: supervisor.StartExit, Detail: "a\tb\nc <b>&\x1b[0m " + strings.Repeat("ä", 90)}
	for _, state := range []supervisor.State{supervisor.Stopped, supervisor.Starting, supervisor.Running, supervisor.Reconnecting, supervisor.Failed, ""} {
		for _, phase := range []supervisor.Phase{supervisor.Idle, supervisor.Resolving, supervisor.Installing, supervisor.Upgrading, supervisor.AwaitingConfig, supervisor.SettingUp, supervisor.Repairing, supervisor.Spawned, supervisor.Listening, supervisor.Challenged, supervisor.Sidecars, supervisor.Ready, supervisor.Draining, supervisor.Terminating, supervisor.Killing, supervisor.Waiting} {
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

// P26: the words change in coarse steps only, because an update closes the open menu on Qt
// desktops.
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
	// XD10: Chinese characters are twice as wide.
	chinese := strings.Repeat("网关正在运行", 12)
	for _, line := range append(wrap(chinese, 3), cut(chinese, maxLabel)) {
		if n := words.Columns(line); n > maxLabel || n < maxLabel-2 && !strings.HasSuffix(chinese, line) {
			t.Errorf("line %q is %d wide", line, n)
		}
	}
	if got := strings.Join(wrap(chinese, 3), ""); got != chinese {
		t.Errorf("wrap lost something: %q", got)
	}
	if n := words.Columns("网关，ok"); n != 8 {
		t.Errorf("two characters, a comma and two letters are %d wide", n)
	}
	if words.Columns("e\u0301") != 1 {
		t.Error("an accent has no width of its own")
	}
	if got := strings.Join(wrap(long, 3), " "); got != long {
		t.Errorf("wrap lost something: %q", got)
	}
	if got := wrap(strings.Repeat("x", 500), 2); len(got) != 2 || !strings.HasSuffix(got[1], "…") {
		t.Errorf("unbroken text: %q", got)
	}
}

// L3: text from outside cannot become markup or reach a shell (related to K3: P21, TRAY
// hosts).
func TestL3_PlainText(t *testing.T) {
	got := plain("<b>$(calc.exe)</b> `x` \"@ ]]> a&b\x00\x1b[1m\r\nend")
	if strings.ContainsAny(got, "<>&$`\"\x00\x1b\r\n") {
		t.Errorf("%q", got)
	}
}

// L2: no language lacks a text, and all texts of a name have the same placeholders.
func TestL2_TextsComplete(t *testing.T) {
	verbs := regexp.MustCompile(`%[sd%]`)
	en := map[string]string{}
	wordstest.Collect(en, "", reflect.ValueOf(english))
	if len(en) < 90 {
		t.Fatalf("found only %d texts", len(en))
	}
	for language, texts := range languages {
		all := map[string]string{}
		wordstest.Collect(all, "", reflect.ValueOf(*texts))
		for name, text := range en {
			if (all[name] == "") != (text == "") {
				t.Errorf("%s: no text %s", language, name)
			}
			want, got := verbs.FindAllString(text, -1), verbs.FindAllString(all[name], -1)
			if !slices.Equal(want, got) {
				t.Errorf("%s: %s takes %v, in English %v", language, name, got, want)
			}
		}
		for name := range all {
			if _, ok := en[name]; !ok && !strings.HasPrefix(name, ".cause") && !strings.HasPrefix(name, ".remedy") && !strings.HasPrefix(name, ".reason") && !strings.HasPrefix(name, ".result") {
				t.Errorf("%s: there is no text %s in English", language, name)
			}
		}
	}
}

// Every cause and reason has its words in every language but English,
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

// constants returns the values of all constants of a type in a file of package supervisor.
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
