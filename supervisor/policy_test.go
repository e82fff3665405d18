package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestH1_BackoffDoublesUpToItsMaximum(t *testing.T) {
	b := DefaultPolicy().Backoff
	want := []time.Duration{1, 2, 4, 8, 16, 30, 30, 30, 30, 30}
	for i, w := range want {
		if got := b.Delay(i+1, 0.5); got != w*time.Second { // 0.5 means no jitter
			t.Errorf("attempt %d: %v, want %v s", i+1, got, w)
		}
		low, high := b.Delay(i+1, 0), b.Delay(i+1, 0.999999)
		if low != w*time.Second*8/10 || high > w*time.Second*12/10 || high < w*time.Second*119/100 {
			t.Errorf("attempt %d: jitter from %v to %v", i+1, low, high)
		}
	}
	if b.Delay(1<<30, 0.5) != b.Max {
		t.Error("a huge attempt number overflows")
	}
}

func TestD3_GovernorCoolsDownAndHasABudget(t *testing.T) {
	g := DefaultPolicy().Governor
	var r Restarts
	now := epoch
	for n, want := range []time.Duration{0, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 20 * time.Second} {
		wait, _, ok := g.Allow(r, now)
		if !ok || wait != want {
			t.Errorf("restart %d: wait %v, allowed %v; want %v", n+1, wait, ok, want)
		}
		now = now.Add(wait)
		r = r.Add(now, g.Window)
	}
	if _, reopens, ok := g.Allow(r, now); ok || !reopens.Equal(epoch.Add(g.Window)) {
		t.Errorf("over the budget: allowed %v, reopens %v", ok, reopens)
	}
	if _, _, ok := g.Allow(r, epoch.Add(g.Window+time.Millisecond)); !ok {
		t.Error("it does not reopen after the window")
	}
}

func TestD3_GovernorNeverAllowsMoreThanItsBudget(t *testing.T) {
	g := DefaultPolicy().Governor
	check := func(gaps []uint16) bool {
		var r Restarts
		now := epoch
		var made []time.Time
		for _, gap := range gaps {
			now = now.Add(time.Duration(gap) * 10 * time.Millisecond)
			wait, _, ok := g.Allow(r, now)
			if !ok {
				continue
			}
			now = now.Add(wait)
			r = r.Add(now, g.Window)
			made = append(made, now)
		}
		for i := range made {
			if j := i + g.Budget; j < len(made) && made[j].Sub(made[i]) < g.Window {
				return false
			}
		}
		return true
	}
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
}

func TestDecide(t *testing.T) {
	p := DefaultPolicy()
	crash := Outcome{Cause: Cause{Code: Killed}, ReadyFor: time.Second}
	long := Outcome{Cause: Cause{Code: Killed}, ReadyFor: p.ReadyForLong}
	early := Outcome{Cause: Cause{Code: StartExit}}
	ready := History{EverReady: true}
	full := Restarts{}
	for i := range p.Governor.Budget {
		full = append(full, epoch.Add(-time.Duration(p.Governor.Budget-i)*time.Minute))
	}
	for name, c := range map[string]struct {
		h       History
		o       Outcome
		verdict Verdict
		delay   time.Duration
		reason  CauseCode
	}{
		"B7 configuration, first time":         {History{}, Outcome{Cause: Cause{Code: ConfigInvalid}}, RepairFirst, 0, ConfigInvalid},
		"B7 configuration, after doctor":       {History{Repaired: true}, Outcome{Cause: Cause{Code: ConfigInvalid}}, GiveUp, 0, ConfigInvalid},
		"B7 nothing heals a missing Node":      {ready, Outcome{Cause: Cause{Code: NodeMissing}}, GiveUp, 0, NodeMissing},
		"B5 first start that fails":            {History{}, early, StartAgain, p.StartRetry, StartExit},
		"B5 third start that fails":            {History{Tries: 2}, early, GiveUp, 0, StartExit},
		"D4 a restart that fails is recovered": {ready, early, StartAgain, p.Backoff.First, StartExit},
		"H1 after a long run":                  {ready, long, StartAgain, 0, Killed},
		"H1 after a short run":                 {ready, crash, StartAgain, p.Backoff.First, Killed},
		"H1 never sooner than the floor":       {History{EverReady: true, LastRestart: epoch}, crash, StartAgain, p.RestartFloor, Killed},
		"H1 tenth attempt is the last":         {History{EverReady: true, Attempts: p.Backoff.Attempts}, crash, GiveUp, 0, GaveUp},
		"D3 budget spent":                      {History{EverReady: true, Restarts: full}, long, GiveUp, 0, KeepsCrashing},
		"G4 stopped from outside":              {ready, Outcome{Cause: Cause{Code: StoppedOutside}, ReadyFor: p.ReadyForLong}, StartAgain, 0, StoppedOutside},
		"G4 and again":                         {History{EverReady: true, StoppedOutside: epoch.Add(-time.Minute)}, Outcome{Cause: Cause{Code: StoppedOutside}, ReadyFor: time.Minute}, StayStopped, 0, StoppedOutside},
		"G4 and again much later":              {History{EverReady: true, StoppedOutside: epoch.Add(-time.Hour)}, Outcome{Cause: Cause{Code: StoppedOutside}, ReadyFor: time.Hour}, StartAgain, 0, StoppedOutside},
	} {
		d, _ := Decide(p, c.h, c.o, epoch, 0.5)
		if d.Verdict != c.verdict || d.Delay != c.delay || d.Reason.Code != c.reason {
			t.Errorf("%s: %v after %v because of %q; want %v after %v because of %q", name, d.Verdict, d.Delay, d.Reason.Code, c.verdict, c.delay, c.reason)
		}
		if d.Verdict == GiveUp && d.Reason.Sentence() == "" {
			t.Errorf("%s: gives up without a sentence", name)
		}
	}
}

// XH14: only the governor's own window makes it forget restarts. With a budget of 3 per
// hour, a crash every two minutes and ten seconds is too often.
func TestH2_OnlyALongReadyTimeForgives(t *testing.T) {
	h := History{Attempts: 7, EverReady: true, Restarts: Restarts{epoch}}
	if got := h.Ready().Attempts; got != 7 {
		t.Errorf("ready alone leaves %d attempts", got)
	}
	if got := h.Forgiven(); got.Attempts != 0 || len(got.Restarts) != 1 || !got.EverReady {
		t.Errorf("forgiven: %+v", got)
	}
}

func TestB7_StartFailures(t *testing.T) {
	// The words are those of real gateways (measured, OpenClaw 2026.3.13 to 2026.9.6).
	for line, want := range map[string]CauseCode{
		"another OpenClaw process owns gateway-lifecycle":                                       StateDirOwned,
		"Another gateway (pid 12) already owns this state directory":                            StateDirOwned,
		"gateway already running (pid 12); lock timeout after 5000ms":                           StateDirOwned,
		"another gateway instance is already listening on ws://127.0.0.1:1 | listen EADDRINUSE": PortConflict,
		"state requires a newer OpenClaw build":                                                 Downgrade,
		"ENOSPC: no space left on device":                                                       DiskFull,
		"EROFS: read-only file system":                                                          StateDirUnusable,
		"EACCES: permission denied, open '/state/x'":                                            NoPermission,
		"ENOTDIR: not a directory, mkdir '/state/x'":                                            StateDirUnusable,
		"SqliteError: database or disk is full":                                                 DiskFull,
		"the state is newer than this binary":                                                   Downgrade,
		"meta.lastTouchedVersion 2027.1.1":                                                      Downgrade,
		"another process holds the migration lock":                                              MigrationLock,
		"openclaw: Unsupported Node 20.1.0":                                                     NodeTooOld,
		"openclaw requires Node >=24.16.0":                                                      NodeTooOld,
		"Invalid config at /state/openclaw.json":                                                ConfigInvalid,
		"openclaw: Node 20.20.2: node:sqlite is unavailable; use 24.16+/26.1+":                  NodeTooOld,
		"Gateway start blocked: set gateway.mode=local":                                         ConfigClobbered,
		"Missing config. Run `openclaw setup` or set gateway.mode=local":                        ConfigLost,
		"Refusing to bind gateway to auto without auth.":                                        BindFailed,
		"something else entirely":                                                               StartRefused, // exit code 78 alone has many reasons
	} {
		if got := startFailure(Exit{Code: 78}, []string{"first", "2026-11-22T01:43:14.265+00:00 " + line}, line); got.Code != want {
			t.Errorf("%q: %q, want %q", line, got.Code, want)
		}
	}
	if got := startFailure(Exit{Code: 1}, nil, "boom"); got.Code != StartExit || got.LastLine != "boom" {
		t.Errorf("exit 1: %+v", got)
	}
}

func TestF2_Judgement(t *testing.T) {
	p := DefaultPolicy()
	patience, hang := p.BusySilence, p.HangSilence
	for name, c := range map[string]struct {
		e    evidence
		want judgement
	}{
		"answers a call":                 {evidence{RPC: true, Silence: time.Hour}, answers},
		"answers on a new connection":    {evidence{HTTP: true, Stopped: true}, answers},
		"stopped":                        {evidence{Stopped: true, CPUShare: 1, Silence: hang}, hangs},
		"stopped for a short while":      {evidence{Stopped: true, Silence: hang - 1}, works},
		"idle":                           {evidence{CPUShare: 0.01, Silence: hang}, hangs},
		"idle for a short while":         {evidence{CPUShare: 0.01, Silence: hang - 1}, works},
		"burns CPU":                      {evidence{CPUShare: 0.9, Silence: patience - time.Second}, works},
		"burns CPU for too long":         {evidence{CPUShare: 0.9, Silence: patience}, hangs},
		"nothing known, not yet long":    {evidence{Unknown: true, Silence: time.Minute}, works},
		"nothing known, for a long time": {evidence{Unknown: true, Silence: patience}, hangs},
	} {
		if got := judge(c.e, p); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestF3_ClockJumps(t *testing.T) {
	var g gap
	g.look(epoch, 0, DefaultPolicy().Tend)
	for name, c := range map[string]struct {
		wall, mono time.Duration
		slept      bool
	}{
		"an ordinary tick":        {30 * time.Second, 30 * time.Second, false},
		"a slow tick":             {45 * time.Second, 45 * time.Second, false},
		"an hour of sleep":        {time.Hour, 30 * time.Second, true},
		"the clock was set back":  {-24 * time.Hour, 30 * time.Second, true},
		"the clock was set ahead": {24 * time.Hour, 30 * time.Second, true},
		"a small correction":      {31 * time.Second, 30 * time.Second, false},
		"sleep that both count":   {time.Hour, time.Hour, true}, // Windows
		"an early look":           {time.Second, time.Second, false},
	} {
		g := g
		if slept := g.look(epoch.Add(c.wall), c.mono, DefaultPolicy().Tend); (slept > 0) != c.slept {
			t.Errorf("%s: slept %v", name, slept)
		}
	}
}

func TestJ2_LinesAreClassified(t *testing.T) {
	for text, want := range map[string]Severity{
		"":                                   Drop,
		"(node:1) ExperimentalWarning: x":    Drop,
		"    at Object.<anonymous> (x.js:1)": Debug,
		"startup trace: plugins 12.3ms total=45.6ms":                                    Debug,
		"2026-11-22T01:43:14.265+00:00 [gateway] ready":                                 Info,
		"[gateway] remote model catalog refresh failed":                                 Warn,
		"Error: listen EADDRINUSE: address already in use":                              Warn,
		"restart-loop breaker tripped: 3 unclean boot(s); inspect the stability bundle": Warn,
		"[heartbeat] started":                                                           Debug,
		"state lease heartbeat did not become ready (timeoutMs=5000)":                   Warn,
		"[gateway] wrote stability bundle: /x.json":                                     Debug,
	} {
		if got := Classify(Line{Text: text}); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	if Classify(Line{Text: "unknown", Stderr: true}) != Warn {
		t.Error("an unknown line on stderr is not a warning")
	}
}

func TestJ2_RepetitionsAreCounted(t *testing.T) {
	o := NewOutput(nil)
	var logged []int
	for i := range 120 {
		_, _, n := o.Add(Line{Text: fmt.Sprintf("2026-11-22T01:43:%02d.265+00:00 again\x1b[0m", i%60)})
		if n > 0 {
			logged = append(logged, n)
		}
	}
	if !slices.Equal(logged, []int{1, 50, 100}) {
		t.Errorf("logged at %v", logged)
	}
}

func TestJ3_TheRingKeepsTheNewestInOrder(t *testing.T) {
	check := func(n uint16) bool {
		r := ring{lines: make([]string, 0, recentLines)}
		var all []string
		for i := range int(n % 1000) {
			r.add(fmt.Sprint(i))
			all = append(all, fmt.Sprint(i))
		}
		return slices.Equal(r.all(), all[max(0, len(all)-recentLines):])
	}
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
}

func TestEveryCauseHasASentence(t *testing.T) {
	for code, text := range causes {
		if code != NoCause && text.sentence == "" {
			t.Errorf("%s has none", code)
		}
		if text.person && text.remedy == "" {
			t.Errorf("%s needs a person and does not say what to do", code)
		}
		for _, detail := range []string{"", "x"} {
			if s := (Cause{Code: code, Detail: detail}).Sentence(); strings.Contains(s, "%") || strings.HasSuffix(s, "(") {
				t.Errorf("%s: %q", code, s)
			}
		}
	}
}

// TestDefaultsAreThoseUsersKnow repeats the numbers of BEHAVIOUR, so that nobody changes
// one by accident.
func TestDefaultsAreThoseUsersKnow(t *testing.T) {
	want := Policy{
		StartPolicy{StartTries: 3, StartRetry: time.Second, SoftStart: 90 * time.Second, HardStart: 10 * time.Minute, // B5, B6, B7
			DoctorLimit: 2 * time.Minute, AssumeReady: 30 * time.Second}, // B7, B9
		StopPolicy{DrainStop: 20 * time.Second, DrainRestart: time.Minute, Terminate: 5 * time.Second, QuitLimit: 30 * time.Second, LogoutLimit: 4 * time.Second}, // C4
		RetryPolicy{Backoff: Backoff{First: time.Second, Max: 30 * time.Second, Jitter: 0.2, Attempts: 10}, // H1
			Governor:     Governor{Cooldown: 2500 * time.Millisecond, MaxCooldown: 2 * time.Minute, Budget: 5, Window: 10 * time.Minute}, // D3
			RestartFloor: 5 * time.Second, ReadyForLong: time.Minute, Forgive: 2 * time.Minute, StoppedAgain: 2 * time.Minute},           // H1, H2, G4
		LivenessPolicy{PortGone: 2 * time.Minute, AttachedGrace: 30 * time.Second, VerifyTimeout: 5 * time.Second, HangSilence: time.Minute, BusySilence: 3 * time.Minute}, // F2, M4
		CarePolicy{ReloadTooSoon: 8 * time.Second, Debounce: 2 * time.Second, Tend: 30 * time.Second, WakeQuiet: time.Minute},                                              // E2, D5, E6, F3
	}
	if got := DefaultPolicy(); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
