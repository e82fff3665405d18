package tray

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/assets"
	"clawtray/supervisor"
)

// fakeSurface records the calls of a tray library.
type fakeSurface struct {
	mu     sync.Mutex
	calls  []string
	at     []time.Time
	clicks chan<- Click
	opened chan struct{}
}

func newSurface() *fakeSurface {
	return &fakeSurface{opened: make(chan struct{})}
}

func (f *fakeSurface) call(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	f.at = append(f.at, time.Now())
}

// take returns the calls since the last take.
func (f *fakeSurface) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.calls
	f.calls, f.at = nil, nil
	return out
}

func (f *fakeSurface) SetIcon(i assets.Icon)   { f.call("icon %s", i) }
func (f *fakeSurface) SetTooltip(s string)     { f.call("tooltip") }
func (f *fakeSurface) AddSeparator()           {}
func (f *fakeSurface) Opened() <-chan struct{} { return f.opened }
func (f *fakeSurface) Add(_ entry, it Item) entry {
	return &fakeEntry{f: f, id: it.ID}
}

type fakeEntry struct {
	f  *fakeSurface
	id ID
}

func (e *fakeEntry) SetTitle(s string) { e.f.call("%s title %s", e.id, s) }
func (e *fakeEntry) Enable()           { e.f.call("%s enable", e.id) }
func (e *fakeEntry) Disable()          { e.f.call("%s disable", e.id) }
func (e *fakeEntry) Check()            { e.f.call("%s check", e.id) }
func (e *fakeEntry) Uncheck()          { e.f.call("%s uncheck", e.id) }
func (e *fakeEntry) Show()             { e.f.call("%s show", e.id) }
func (e *fakeEntry) Hide()             { e.f.call("%s hide", e.id) }

// fakeGateway is a Gateway whose statuses a test sends.
type fakeGateway struct {
	mu       sync.Mutex
	status   supervisor.Status
	statuses chan supervisor.Status
	requests chan supervisor.Request
	answer   func(context.Context, supervisor.Request) (supervisor.Answer, error)
}

func newGateway(s supervisor.Status) *fakeGateway {
	return &fakeGateway{status: s, statuses: make(chan supervisor.Status), requests: make(chan supervisor.Request, 100)}
}

func (g *fakeGateway) send(s supervisor.Status) {
	g.mu.Lock()
	s.Seq = g.status.Seq + 1
	g.status = s
	g.mu.Unlock()
	g.statuses <- s
}

func (g *fakeGateway) Status() supervisor.Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.status
}

func (g *fakeGateway) Watch(ctx context.Context) iter.Seq[supervisor.Status] {
	return func(yield func(supervisor.Status) bool) {
		s := g.Status()
		for yield(s) {
			select {
			case <-ctx.Done():
				return
			case next, ok := <-g.statuses:
				if !ok {
					return
				}
				s = next
			}
		}
	}
}

func (g *fakeGateway) Do(ctx context.Context, r supervisor.Request) (supervisor.Answer, error) {
	g.requests <- r
	if g.answer != nil {
		return g.answer(ctx, r)
	}
	return supervisor.Answer{Message: "done: " + string(r.Intent)}, nil
}

// running returns the status of a gateway that has just become ready.
func running() supervisor.Status {
	return supervisor.Status{State: supervisor.Running, Since: time.Now(), Mode: supervisor.Managed, Phase: supervisor.Ready}
}

func stopped() supervisor.Status {
	return supervisor.Status{State: supervisor.Stopped, Since: time.Now(), Cause: supervisor.Cause{Code: supervisor.UserStop}}
}

// inBubble runs a loop on a fake surface in a synctest bubble.
func inBubble(t *testing.T, g *fakeGateway, o Options, test func(*fakeSurface, *loop)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	o.Gateway = g
	if o.System.toasts == nil {
		o.System.toasts = toastFunc(func(context.Context, Toast) error { return nil })
	}
	f := newSurface()
	l := newLoop(o.withDefaults())
	f.clicks = l.clicks
	l.build(f)
	ended := make(chan error, 1)
	go func() { ended <- l.serve(ctx) }()
	synctest.Wait()
	f.take()
	test(f, l)
	cancel()
	<-ended
}

// toastFunc is a notification server whose show is a function.
type toastFunc func(context.Context, Toast) error

func (f toastFunc) show(ctx context.Context, t Toast, _ uint32) (uint32, error) { return 0, f(ctx, t) }
func (toastFunc) remove(context.Context, uint32) error                          { return nil }
func (toastFunc) watch(context.Context, func(bool))                             {}
func (toastFunc) events() <-chan toastEvent                                     { return nil }
func (toastFunc) release()                                                      {}
func (toastFunc) name() string                                                  { return "" }
func (toastFunc) removeLeft(context.Context, string, uint32) error              { return nil }
func (toastFunc) changed(context.Context) bool                                  { return false }

// P27: a status without a visible difference causes no call, and many changes cause two
// updates per second.
func TestL2_OnlyDifferencesAtMostTwiceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		inBubble(t, g, Options{}, func(f *fakeSurface, l *loop) {
			for range 100 {
				s := g.Status()
				s.ConnectedAt = time.Now()
				g.send(s)
			}
			pass(time.Second)
			if calls := f.take(); len(calls) != 0 {
				t.Errorf("nothing visible changed, but: %q", calls)
			}
			start := time.Now()
			for i := range 1000 {
				s := g.Status()
				s.GatewayVersion = fmt.Sprint(i)
				g.send(s)
				pass(10 * time.Millisecond)
			}
			pass(time.Second)
			times := map[time.Time]bool{}
			for _, at := range f.at {
				times[at] = true
			}
			updates := len(times)
			if most := int(2*time.Since(start)/time.Second) + 1; updates == 0 || updates > most {
				t.Errorf("%d updates, want at most %d", updates, most)
			}
		})
	})
}

func TestL2_ClickIsAnsweredAtOnceAndAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		finish := make(chan struct{})
		g.answer = func(ctx context.Context, r supervisor.Request) (supervisor.Answer, error) {
			<-finish
			return supervisor.Answer{Message: "Restarted in 4 s"}, nil
		}
		inBubble(t, g, Options{}, func(f *fakeSurface, l *loop) {
			f.clicks <- Click{ID: RestartGateway}
			start := time.Now()
			synctest.Wait()
			if r := <-g.requests; r.Intent != supervisor.Restart {
				t.Errorf("asked %v", r)
			}
			if calls := f.take(); !slices.Contains(calls, "status title Restart: requested") || time.Since(start) != 0 {
				t.Errorf("not answered at once: %q", calls)
			}
			close(finish)
			pass(time.Second)
			if calls := f.take(); !slices.Contains(calls, "note title Restarted in 4 s") || !slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(c, "status title Running") }) {
				t.Errorf("the answer is not shown: %q", calls)
			}
			pass(noteTime)
			if calls := f.take(); !slices.Contains(calls, "note title Port 0") {
				t.Errorf("the note stays: %q", calls)
			}
		})
	})
}

func TestL2_DisabledAndHiddenAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(supervisor.Status{State: supervisor.Stopped})
		inBubble(t, g, Options{}, func(f *fakeSurface, l *loop) {
			for _, id := range []ID{ReloadConfig, OpenDashboard, StatusLine, RetryNow, Help, Incidents, "unknown"} {
				f.clicks <- Click{ID: id}
			}
			synctest.Wait()
			if calls := f.take(); len(calls) != 0 || len(g.requests) != 0 {
				t.Errorf("calls %q, %d requests", calls, len(g.requests))
			}
		})
	})
}

// neverAnswers is a gateway that still works on a request when nobody waits any more.
func neverAnswers(ctx context.Context, _ supervisor.Request) (supervisor.Answer, error) {
	<-ctx.Done()
	return supervisor.Answer{}, ctx.Err()
}

func TestC4_SecondClickGoesToTheNextRung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		g.answer = neverAnswers
		inBubble(t, g, Options{}, func(f *fakeSurface, l *loop) {
			f.clicks <- Click{ID: StartStop}
			synctest.Wait()
			s := running()
			s.StoppingFor, s.Phase = "stop", supervisor.Draining
			g.send(s)
			pass(time.Second)
			f.clicks <- Click{ID: StartStop}
			synctest.Wait()
			first, second := <-g.requests, <-g.requests
			if first.Intent != supervisor.Stop || first.Now || second.Intent != supervisor.Stop || !second.Now {
				t.Errorf("asked %v, then %v", first, second)
			}
		})
	})
}

// XT2: repeated clicks join the first, and Stop and Quit always arrive, whatever else is
// running.
func TestXT2_ClicksJoinAndStopArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		g.answer = neverAnswers
		inBubble(t, g, Options{}, func(f *fakeSurface, l *loop) {
			for range 20 {
				f.clicks <- Click{ID: RestartGateway}
				synctest.Wait()
			}
			for _, id := range []ID{StartStop, QuitEntry} {
				f.clicks <- Click{ID: id}
				synctest.Wait()
			}
			var asked []supervisor.Intent
			for len(g.requests) > 0 {
				asked = append(asked, (<-g.requests).Intent)
			}
			if !slices.Equal(asked, []supervisor.Intent{supervisor.Restart, supervisor.Stop, supervisor.Quit}) {
				t.Errorf("asked %v", asked)
			}
		})
	})
}

func TestL2_QuitEndsTheTray(t *testing.T) {
	for name, failure := range map[string]error{"done": nil, "failed": errors.New("no")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(running())
				g.answer = func(context.Context, supervisor.Request) (supervisor.Answer, error) {
					return supervisor.Answer{Result: supervisor.ResultStopped}, failure
				}
				f := newSurface()
				l := newLoop(Options{Gateway: g}.withDefaults())
				l.build(f)
				l.clicks <- Click{ID: QuitEntry}
				if err := l.serve(t.Context()); !errors.Is(err, failure) {
					t.Errorf("ended with %v", err)
				}
			})
		})
	}
}

func TestL2_EndsWithTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		l := newLoop(Options{Gateway: g}.withDefaults())
		l.build(newSurface())
		close(g.statuses)
		if err := l.serve(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// L3: a notification server that never answers delays nothing and blocks only one
// goroutine.
func TestL3_DeadNotificationServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		release, sent := make(chan struct{}), 0
		dead := func(context.Context, Toast) error {
			sent++
			<-release
			return nil
		}
		inBubble(t, g, Options{System: System{toasts: toastFunc(dead)}}, func(f *fakeSurface, l *loop) {
			for range 20 {
				l.notifier.post(gatewaySlot, &Toast{Title: "x"})
			}
			pass(time.Minute)
			if sent != 1 {
				t.Errorf("%d sends under way, want 1", sent)
			}
			f.clicks <- Click{ID: RestartGateway}
			synctest.Wait()
			if len(g.requests) != 1 {
				t.Error("the click was not handled")
			}
			close(release)
		})
	})
}

func TestL3_ToastAfterLastingTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		got := make(chan Toast, 10)
		inBubble(t, g, Options{System: System{toasts: toastFunc(func(_ context.Context, toast Toast) error { got <- toast; return nil })}}, func(f *fakeSurface, l *loop) {
			s := running()
			s.State, s.Cause = supervisor.Reconnecting, crashed
			s.Incidents = []supervisor.Incident{{ID: 1, Began: time.Now(), Cause: crashed}}
			g.send(s)
			pass(15*time.Second - 1)
			synctest.Wait()
			if len(got) != 0 {
				t.Error("too early")
			}
			pass(1)
			synctest.Wait()
			if len(got) != 1 {
				t.Fatalf("%d notifications", len(got))
			}
			if toast := <-got; toast.Body != "The gateway was killed." {
				t.Errorf("%v", toast)
			}
		})
	})
}

// L3: who clicks need not be told: the notification goes at once, before the status says
// who asked, and what follows is no news.
func TestL3_WhatFollowsAClickIsNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		told, gone := 0, 0
		server := &fakeServer{toastFunc: func(context.Context, Toast) error { told++; return nil }}
		server.removed = func(context.Context, uint32) error { gone++; return nil }
		inBubble(t, g, Options{System: System{toasts: server}}, func(f *fakeSurface, l *loop) {
			g.send(supervisor.Status{State: supervisor.Failed, Cause: supervisor.Cause{Code: supervisor.GaveUp}})
			pass(time.Second)
			f.clicks <- Click{ID: RetryNow}
			synctest.Wait()
			if told != 1 || gone != 1 {
				t.Errorf("told %d times, %d taken away", told, gone)
			}
			g.send(supervisor.Status{State: supervisor.Failed, Cause: supervisor.Cause{Code: supervisor.DiskFull}})
			pass(time.Minute)
			if told != 1 {
				t.Error("told what a click brought about")
			}
		})
	})
}

// L2: "requested" stands until the status answers, not until the work is done. A status
// of before the click is no answer.
func TestL2_RequestedUntilTheStatusAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		g.answer = neverAnswers
		inBubble(t, g, Options{}, func(f *fakeSurface, l *loop) {
			f.clicks <- Click{ID: RestartGateway}
			synctest.Wait()
			g.statuses <- g.Status()
			pass(time.Second)
			if line, _ := l.driver.shown.find(StatusLine); line.Title != "Restart: requested" {
				t.Errorf("answered by an old status: %q", line.Title)
			}
			g.send(running())
			pass(time.Second)
			if line, _ := l.driver.shown.find(StatusLine); line.Title == "Restart: requested" {
				t.Errorf("not answered: %q", line.Title)
			}
		})
	})
}

// L2: the supervisor does not wait for a slow tray, which sees the newest status next.
func TestL2_ASlowTraySeesTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		l := newLoop(Options{Gateway: g}.withDefaults())
		ctx, cancel := context.WithCancel(t.Context())
		statuses := make(chan supervisor.Status, 1)
		go l.watch(ctx, statuses)
		for range 3 {
			g.send(running())
		}
		synctest.Wait()
		if s := <-statuses; s.Seq != 3 {
			t.Errorf("it sees status %d", s.Seq)
		}
		cancel()
		synctest.Wait()
	})
}

// L2: a status that changes nothing visible does not hold up the next, and a button is
// looked up in what the status says now.
func TestL2_WhatIsNewIsShownAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &doings{}
		g := newGateway(running())
		inBubble(t, g, d.options(), func(f *fakeSurface, l *loop) {
			s := running()
			s.ConnectedAt = time.Now()
			g.send(s)
			pass(applyEvery / 5)
			g.send(supervisor.Status{State: supervisor.Failed, Cause: supervisor.Cause{Code: supervisor.GaveUp}})
			synctest.Wait()
			if icon := l.driver.shown.Icon; icon != assets.Error {
				t.Errorf("shown: %s", icon)
			}
			g.send(supervisor.Status{State: supervisor.Failed, Cause: supervisor.Cause{Code: supervisor.PortConflict, FreePort: 18791}})
			synctest.Wait() // it knows, and has not drawn it
			f.clicks <- Click{ID: UsePort, Arg: "18791", Title: "Use free port 18791"}
			synctest.Wait()
			if !slices.Equal(d.did, []string{"use 18791"}) {
				t.Errorf("did %q", d.did)
			}
		})
	})
}

// L6: the service may come and go while clawtray runs.
func TestL6_TheServiceIsLookedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		installed := false
		g := newGateway(running())
		inBubble(t, g, Options{Actions: Actions{Service: func() bool { return installed }}}, func(f *fakeSurface, l *loop) {
			installed = true
			g.send(supervisor.Status{State: supervisor.Running, Mode: supervisor.Attached})
			pass(time.Second)
			if it, _ := l.driver.shown.find(DetailLine + "1"); it.Title != english.detail.AttachedService {
				t.Errorf("shown: %q", it.Title)
			}
		})
	})
}

// L4: what clicks have started ends before the tray does.
func TestL4_TheTrayEndsAfterItsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		g := newGateway(running())
		g.answer = func(ctx context.Context, _ supervisor.Request) (supervisor.Answer, error) {
			<-ctx.Done()
			time.Sleep(time.Second)
			ended = true
			return supervisor.Answer{}, ctx.Err()
		}
		inBubble(t, g, Options{}, func(f *fakeSurface, _ *loop) {
			f.clicks <- Click{ID: RestartGateway}
			synctest.Wait()
		})
		if !ended {
			t.Error("the tray has ended, and its work goes on")
		}
	})
}

// XT7: what the desktop does not take is in the history once, however often it is sent.
func TestXT7_RefusedIsOnceInTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		tries := 0
		deaf := toastFunc(func(context.Context, Toast) error { tries++; return errors.New("nobody shows notifications") })
		inBubble(t, g, Options{System: System{toasts: deaf}}, func(f *fakeSurface, l *loop) {
			g.send(supervisor.Status{State: supervisor.Failed, Cause: supervisor.Cause{Code: supervisor.GaveUp}})
			pass(time.Hour)
			if tries < 2 || len(l.set.Told) != 1 {
				t.Errorf("after %d tries the history has %d", tries, len(l.set.Told))
			}
		})
	})
}

// doings records what the entries of a menu have done.
type doings struct {
	did   []string
	login fakeAutostart
}

func (d *doings) note(format string, args ...any) {
	d.did = append(d.did, fmt.Sprintf(format, args...))
}

func (d *doings) options() Options {
	return Options{
		Autostart: &d.login,
		Files:     Files{Log: "the-log", OpenClawConfig: "openclaw.json", Config: "config.toml"},
		System: System{
			Open: func(target string) error { d.note("open %s", target); return nil },
			Copy: func(text string) error { d.note("copy %s", text); return nil },
		},
		Actions: Actions{
			SaveSetting: func(key, value string) error { d.note("%s = %s", key, value); return nil },
			Diagnostics: func(context.Context) (string, error) { return "diag", nil },
			SaveReport:  func(context.Context) (string, error) { d.note("report"); return "/reports/r.zip", nil },
			UsePort:     func(_ context.Context, port int) (string, error) { d.note("use %d", port); return "moved", nil },
			Service:     func() bool { return true },
		},
	}
}

// L2: every entry that does something does the right thing.
func TestL2_EveryEntryActs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &doings{}
		g := newGateway(running())
		inBubble(t, g, d.options(), func(f *fakeSurface, l *loop) {
			click := func(id ID) []string {
				d.did = nil
				f.take()
				f.clicks <- Click{ID: id}
				pass(time.Second)
				return d.did
			}
			for id, want := range map[ID][]string{ViewLogs: {"open the-log"}, "open-settings": {"open config.toml"}, OpenClawConfig: {"open openclaw.json"}, ShowNone: {"notifications = none"},
				"language-zh": {"language = zh"}, "language-en": {"language = en"}, CopyDiagnostics: {"copy diag"}, SaveReport: {"report", "open /reports"}} {
				if got := click(id); !slices.Equal(got, want) {
					t.Errorf("%s did %q", id, got)
				}
			}
			click("language-en") // the loop above has random order
			click(StartAtLogin)
			if it, _ := l.driver.shown.find(StartAtLogin); !d.login.on || it.Check != Checked {
				t.Errorf("autostart %v, shown %v", d.login.on, it)
			}
			for cause, want := range map[supervisor.Cause]string{
				{Code: supervisor.ConfigInvalid}:                  "open openclaw.json",
				{Code: supervisor.PortConflict}:                   "open config.toml",
				{Code: supervisor.PortConflict, FreePort: 18790}:  "use 18790",
				{Code: supervisor.PairingRequired, Detail: "9f3"}: "copy clawtray openclaw devices approve 9f3",
			} {
				g.send(supervisor.Status{State: supervisor.Failed, Cause: cause})
				pass(time.Second)
				if got := click(Help); !slices.Equal(got, []string{want}) {
					t.Errorf("help for %+v did %q", cause, got)
				}
			}
			g.send(supervisor.Status{State: supervisor.Running, Mode: supervisor.Attached})
			pass(time.Second)
			if it, _ := l.driver.shown.find(DetailLine + "1"); it.Title != english.detail.AttachedService {
				t.Errorf("shown: %q", it.Title)
			}
		})
	})
}

type fakeAutostart struct{ on bool }

func (a *fakeAutostart) Enabled() (bool, error) { return a.on, nil }
func (a *fakeAutostart) Set(on bool) error      { a.on = on; return nil }

// pass lets time pass in a bubble, and waits for all goroutines.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestO6_TheDashboardOpensOnce: it opens after the first start, and not again.
func TestO6_TheDashboardOpensOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &doings{}
		g := newGateway(supervisor.Status{State: supervisor.Starting})
		asked := 0
		o := d.options()
		o.Actions.Dashboard = func() (string, error) { asked++; return "", errNotAvailable }
		inBubble(t, g, o, func(*fakeSurface, *loop) {
			for _, s := range []supervisor.State{supervisor.Starting, supervisor.Running, supervisor.Reconnecting, supervisor.Running} {
				g.send(supervisor.Status{State: s, FirstRun: true})
				pass(time.Second)
				if want := map[bool]int{true: 1}[s != supervisor.Starting]; asked != want {
					t.Errorf("%s: opened %d times, want %d", s, asked, want)
				}
			}
		})
		inBubble(t, newGateway(running()), o, func(*fakeSurface, *loop) {
			if asked != 1 {
				t.Error("opened for a gateway that was set up long ago")
			}
		})
	})
}
