package tray

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/assets"
	"clawtray/supervisor"
)

// signedOut is a gateway of ours that runs but does not let us sign in.
func signedOut(code supervisor.CauseCode) supervisor.Status {
	return supervisor.Status{State: supervisor.Failed, Since: before(time.Minute), Mode: supervisor.Managed, PID: 4711, Port: 18789,
		Cause: supervisor.Cause{Code: code}, Facts: supervisor.Facts{ProcessAlive: true, PortOpen: true, ProtocolAlive: true}}
}

// XT3: the menu shows the facts. A gateway that runs but does not let us sign in is not
// shown as "not running", and can be stopped.
func TestXT3_RunningButSignedOut(t *testing.T) {
	for _, code := range []supervisor.CauseCode{supervisor.TokenMismatch, supervisor.TokenMissing, supervisor.PairingRequired, supervisor.PairingThere} {
		m := View(signedOut(code), Settings{}, noon)
		status, _ := m.find(StatusLine)
		stop, _ := m.find(StartStop)
		open, _ := m.find(OpenDashboard)
		quit, _ := m.find(QuitEntry)
		if status.Title != "Running, but clawtray cannot sign in" || stop.Title != "Stop" || stop.Request.Intent != supervisor.Stop || open.Disabled || quit.Title != english.entry[QuitEntry].Title {
			t.Errorf("%s:\n%s", code, m)
		}
	}
	gone := signedOut(supervisor.TokenMismatch)
	gone.Facts, gone.PID = supervisor.Facts{}, 0
	stopping := signedOut(supervisor.TokenMismatch)
	stopping.StoppingFor = "stop"
	if open, _ := View(stopping, Settings{}, noon).find(OpenDashboard); !open.Disabled {
		t.Errorf("offered on the way down: %+v", open)
	}
	m := View(gone, Settings{}, noon)
	if stop, _ := m.find(StartStop); stop.Title != "Retry now" {
		t.Errorf("a gateway that is gone:\n%s", m)
	}
}

// XT4: reasons that are only information leave the icon green. The time of a problem counts
// from its beginning.
func TestXT4_InformationIsNoProblem(t *testing.T) {
	for code, icon := range map[supervisor.ReasonCode]string{
		supervisor.ReasonUpdate: "running", supervisor.ReasonEnvironment: "running", supervisor.ReasonPending: "running",
		supervisor.ReasonChannels: "degraded", supervisor.ReasonDrift: "degraded",
	} {
		s := steady()
		s.Health = supervisor.Health{Level: supervisor.Degraded, Reasons: []supervisor.Reason{{Code: code, Severity: supervisor.Degraded, Text: "what it is"}}}
		m := View(s, Settings{}, noon)
		if string(m.Icon) != icon || !strings.Contains(m.String(), "what it is") {
			t.Errorf("%s: icon %s\n%s", code, m.Icon, m)
		}
	}
}

// XT4: a problem without a reason is one; of several, the first says since when, and what
// is information is not said to be wrong.
func TestXT4_WhichProblem(t *testing.T) {
	s := steady()
	s.Health = supervisor.Health{Level: supervisor.Unresponsive}
	if m := View(s, Settings{}, noon); m.Icon != assets.Degraded {
		t.Errorf("no reason: %s", m.Icon)
	}
	s.Health.Reasons = []supervisor.Reason{
		{Code: supervisor.ReasonUpdate, Since: before(3 * time.Hour), Text: "an update"},
		{Code: supervisor.ReasonDrift, Since: before(2 * time.Minute), Text: "the second"},
		{Code: supervisor.ReasonChannels, Since: before(time.Hour), Text: "the first"},
	}
	m := View(s, Settings{}, noon)
	if status, _ := m.find(StatusLine); status.Title != "Running, with problems for 1 h" || !strings.Contains(m.Tooltip, "the second") || strings.Contains(m.Tooltip, "update") {
		t.Errorf("%q, %q", status.Title, m.Tooltip)
	}
}

// XT6: a clock that was set back makes no negative age, and the words change in time.
func TestXT6_AClockThatWasSetBack(t *testing.T) {
	s := steady()
	s.Since = noon.Add(time.Hour)
	m := View(s, Settings{}, noon)
	if until := m.Until.Sub(noon); until > time.Minute {
		t.Errorf("the words stay for %v", until)
	}
}

// L2: of several changes of the words the first is waited for.
func TestL2_TheFirstChangeCounts(t *testing.T) {
	v := view{}
	for _, minutes := range []time.Duration{2, 1, 3} {
		v.changes(noon.Add(minutes * time.Minute))
	}
	if !v.until.Equal(noon.Add(time.Minute)) {
		t.Error(v.until)
	}
}

func TestXT4_SinceWhenTheProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running()
		g := newGateway(s)
		inBubble(t, g, Options{}, func(f *fakeSurface, l *loop) {
			began := time.Now()
			pass(72 * time.Hour)
			s.Health = supervisor.Health{Level: supervisor.Degraded, Reasons: []supervisor.Reason{
				{Code: supervisor.ReasonChannels, Severity: supervisor.Degraded, Since: time.Now()},
				{Code: supervisor.ReasonUpdate, Severity: supervisor.Degraded, Since: began}, // not a problem
			}}
			g.send(s)
			pass(2 * time.Minute)
			if line, _ := l.driver.shown.find(StatusLine); line.Title != "Running, with problems for 2 min" {
				t.Errorf("%q", line.Title)
			}
			s.Health = supervisor.Health{Level: supervisor.Healthy}
			g.send(s)
			pass(time.Minute)
			if line, _ := l.driver.shown.find(StatusLine); line.Title != "Running for 3 d" {
				t.Errorf("%q", line.Title)
			}
		})
	})
}

// XT6: a time that has ended is shown exactly, and the words for one task are singular.
func TestXT6_RealMinutesAndPlurals(t *testing.T) {
	for d, want := range map[time.Duration]string{
		4 * time.Second: "4 s", 4*time.Minute + 50*time.Second: "4 min 50 s", 59 * time.Minute: "59 min", 59*time.Minute + 40*time.Second: "1 h",
		26*time.Hour + 5*time.Minute: "1 d 2 h", 2 * time.Hour: "2 h", 0: "1 s", 90 * time.Second: "1 min 30 s",
	} {
		if got := english.exact(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int]string{0: "Stopping: waiting for running work", -1: "Stopping: waiting for running work", 1: "Stopping: waiting for 1 running task", 2: "Stopping: waiting for 2 running tasks"} {
		s := supervisor.Status{State: supervisor.Running, StoppingFor: "stop", Phase: supervisor.Draining, ActiveWork: n}
		if line, _ := View(s, Settings{}, noon).find(StatusLine); line.Title != want {
			t.Errorf("%d: %q", n, line.Title)
		}
	}
}

// XT8: a person who waits for a restart can speed it up without losing it.
func TestXT8_RestartNow(t *testing.T) {
	s := ends()["stopping-restart-draining"]
	m := View(s, Settings{}, noon)
	restart, _ := m.find(RestartGateway)
	stop, _ := m.find(StartStop)
	if restart.Title != english.run.RestartNow || restart.Disabled || !restart.Request.Now || restart.Request.Intent != supervisor.Restart || stop.Title != "Stop" || stop.Request.Now {
		t.Errorf("%s", m)
	}
}

// XT10: a left click while the gateway does not run is answered. Changes by other programs
// are read when the menu opens. When saving fails, the check mark stays where it was.
func TestXT10_AnsweredReadAgainAndReverted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan Toast, 1)
		o := Options{
			Autostart: &fakeAutostart{},
			System:    System{toasts: toastFunc(func(_ context.Context, toast Toast) error { told <- toast; return nil })},
			Actions:   Actions{SaveSetting: func(string, string) error { return errors.New("no space left") }},
		}
		inBubble(t, newGateway(stopped()), o, func(f *fakeSurface, l *loop) {
			f.clicks <- Click{ID: Icon}
			synctest.Wait()
			if toast := <-told; !strings.HasPrefix(toast.Title, "clawtray: Stopped") || !slices.Contains(toast.Buttons, Click{ID: StartStop, Title: "Start"}) {
				t.Errorf("%+v", toast)
			}
			o.Autostart.(*fakeAutostart).on = true
			f.opened <- struct{}{}
			pass(time.Second)
			if it, _ := l.driver.shown.find(StartAtLogin); it.Check != Checked {
				t.Error("the start at login is shown as it was")
			}
			f.clicks <- Click{ID: ShowNone}
			pass(time.Second)
			if it, _ := l.driver.shown.find(ShowNone); it.Check == Checked || l.set.Note != "None failed: no space left" {
				t.Errorf("%+v, %q", it, l.set.Note)
			}
			if it, _ := l.driver.shown.find(QuitEntry); it.Title != "Quit" {
				t.Errorf("while stopped: %q", it.Title)
			}
		})
	})
}

// XD4: the icon is sent once more when it has not changed for a while.
func TestXD4_IconSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		inBubble(t, g, Options{}, func(f *fakeSurface, l *loop) {
			start := time.Now()
			for _, s := range []supervisor.Status{stopped(), running(), stopped()} {
				g.send(s)
				pass(time.Second)
			}
			pass(time.Minute)
			var last time.Duration
			icons := 0
			for i, call := range f.calls {
				if strings.HasPrefix(call, "icon ") {
					last, icons = f.at[i].Sub(start), icons+1
				}
			}
			if want := 2*time.Second + iconAgain; icons != 4 || last != want {
				t.Errorf("%d icons, the last after %v, want 4 and %v", icons, last, want)
			}
		})
	})
}

// XD5: every entry keeps its row in every status.
func TestXD5_EveryEntryKeepsItsRow(t *testing.T) {
	rows := func(m Menu) (ids []ID) {
		for _, it := range m.Items {
			if !it.Hidden {
				ids = append(ids, it.ID)
			}
		}
		return ids
	}
	want := rows(View(steady(), Settings{}, noon))
	for _, s := range everyStatus() {
		for _, set := range []Settings{{}, {Note: "Done."}, {Service: true}, {Requested: "Stop"}} {
			if got := rows(View(s, set, noon)); !slices.Equal(got, want) {
				t.Fatalf("%s, %s: rows %v, want %v", s.State, s.Phase, got, want)
			}
		}
	}
}

// XD8: the status is never grey, whatever it says.
func TestXD8_StatusCanBeRead(t *testing.T) {
	for _, s := range everyStatus() {
		if status, _ := View(s, Settings{}, noon).find(StatusLine); status.Disabled || status.Title == "" {
			t.Errorf("%s, %s: %q, disabled: %t", s.State, s.Phase, status.Title, status.Disabled)
		}
	}
}

// XT12: waiting for a taskbar that never appears ends with the supervisor.
func TestXT12_WaitingEndsWithTheSupervisor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		l := newLoop(Options{Gateway: g}.withDefaults())
		ctx, end := l.whileServed(t.Context())
		defer end()
		pass(time.Hour)
		if ctx.Err() != nil {
			t.Error("ended while the supervisor runs")
		}
		close(g.statuses)
		pass(time.Second)
		if ctx.Err() == nil {
			t.Error("it waits on")
		}
	})
}

// XT11: advice in the menu and in notifications names an entry that the menu has, or a
// command that every machine with clawtray has. Only a device that another machine has to
// approve needs a command of that machine.
func TestXT11_AdviceCanBeFollowed(t *testing.T) {
	for language, texts := range languages {
		for code := range chinese.cause {
			c := supervisor.Cause{Code: code}
			s := supervisor.Status{State: supervisor.Failed, Since: noon, Cause: c}
			menu := View(s, Settings{Language: language}, noon)
			if text := menu.String() + texts.told(c); strings.Contains(text, "clawtray install") || code != supervisor.PairingThere && strings.Contains(strings.ReplaceAll(text, "clawtray openclaw", ""), "openclaw devices") {
				t.Errorf("%s, %s: cannot be followed here:\n%s", language, code, text)
			}
			advice, ok := texts.choose[code]
			if !ok {
				continue
			}
			named := false
			eachItem(menu.Items, func(it Item) { named = named || !it.Disabled && strings.Contains(advice, it.Title) })
			if !named {
				t.Errorf("%s, %s: %q names no entry of\n%s", language, code, advice, menu)
			}
		}
		c := supervisor.Cause{Code: supervisor.PairingRequired, Detail: "9f3"}
		if got := c.Command(); got != "clawtray openclaw devices approve 9f3" {
			t.Errorf("%q", got)
		}
	}
}
