package tray

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/assets"
	"clawtray/supervisor"
)

// fakeSurface records what a tray library is told.
type fakeSurface struct {
	mu     sync.Mutex
	calls  []string
	at     []time.Time
	clicks chan ID
}

func newSurface() *fakeSurface { return &fakeSurface{clicks: make(chan ID, 10)} }

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

func (f *fakeSurface) SetIcon(i assets.Icon) { f.call("icon %s", i) }
func (f *fakeSurface) SetTooltip(s string)   { f.call("tooltip") }
func (f *fakeSurface) AddSeparator()         {}
func (f *fakeSurface) Clicks() <-chan ID     { return f.clicks }
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

// running is a gateway that has just become ready.
func running() supervisor.Status {
	return supervisor.Status{State: supervisor.Running, Since: time.Now(), Mode: supervisor.Managed, Phase: supervisor.Ready}
}

// inBubble runs a loop on a fake surface in a synctest bubble.
func inBubble(t *testing.T, g *fakeGateway, o Options, test func(*fakeSurface, *loop)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	o.Gateway = g
	if o.notify == nil {
		o.notify = func(context.Context, Toast) error { return nil }
	}
	f := newSurface()
	l := newLoop(o.withDefaults())
	l.build(f)
	ended := make(chan error, 1)
	go func() { ended <- l.serve(ctx) }()
	synctest.Wait()
	f.take()
	test(f, l)
	cancel()
	<-ended
}

// A status that differs in nothing visible costs no call; a storm of changes
// costs two updates a second (PAINS P27).
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
			updates := len(f.take())
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
			f.clicks <- RestartGateway
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
			if calls := f.take(); !slices.Contains(calls, "note hide") {
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
				f.clicks <- id
			}
			synctest.Wait()
			if calls := f.take(); len(calls) != 0 || len(g.requests) != 0 {
				t.Errorf("calls %q, %d requests", calls, len(g.requests))
			}
		})
	})
}

func TestC4_SecondClickGoesToTheNextRung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		g.answer = func(ctx context.Context, r supervisor.Request) (supervisor.Answer, error) {
			<-ctx.Done()
			return supervisor.Answer{}, ctx.Err()
		}
		inBubble(t, g, Options{}, func(f *fakeSurface, l *loop) {
			f.clicks <- StartStop
			synctest.Wait()
			s := running()
			s.StoppingFor, s.Phase = "stop", supervisor.Draining
			g.send(s)
			pass(time.Second)
			f.clicks <- StartStop
			synctest.Wait()
			first, second := <-g.requests, <-g.requests
			if first.Intent != supervisor.Stop || first.Now || second.Intent != supervisor.Stop || !second.Now {
				t.Errorf("asked %v, then %v", first, second)
			}
		})
	})
}

// However often a person clicks, only a bounded number of clicks is worked on.
func TestP26_ClicksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		g.answer = func(ctx context.Context, r supervisor.Request) (supervisor.Answer, error) {
			<-ctx.Done()
			return supervisor.Answer{}, ctx.Err()
		}
		inBubble(t, g, Options{}, func(f *fakeSurface, l *loop) {
			for range 20 {
				f.clicks <- RestartGateway
				synctest.Wait()
			}
			if len(g.requests) != maxJobs {
				t.Errorf("%d requests", len(g.requests))
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
				f.clicks <- QuitEntry
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

// A notification server that never answers delays nothing and holds one goroutine.
func TestL3_DeadNotificationServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(running())
		release, sent := make(chan struct{}), 0
		dead := func(context.Context, Toast) error {
			sent++
			<-release
			return nil
		}
		inBubble(t, g, Options{notify: dead}, func(f *fakeSurface, l *loop) {
			for range 20 {
				l.notifier.post(Toast{Title: "x"})
			}
			pass(time.Minute)
			if sent != 1 {
				t.Errorf("%d sends under way, want 1", sent)
			}
			f.clicks <- RestartGateway
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
		inBubble(t, g, Options{notify: func(_ context.Context, toast Toast) error { got <- toast; return nil }}, func(f *fakeSurface, l *loop) {
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
			if toast := <-got; !strings.Contains(toast.Body, "SIGKILL") {
				t.Errorf("%v", toast)
			}
		})
	})
}

// Every entry that does something does the right thing.
func TestL2_EveryEntryActs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		var saved Settings
		auto := &fakeAutostart{}
		o := Options{
			LogFile: "the-log", OpenClawConfig: "openclaw.json", ConfigFile: "config.toml", Autostart: auto,
			Open:         func(target string) error { did = append(did, "open "+target); return nil },
			Copy:         func(text string) error { did = append(did, "copy "+text); return nil },
			SaveSettings: func(s Settings) error { saved = s; return nil },
			Diagnostics:  func(context.Context) (string, error) { return "diag", nil },
			SaveReport:   func(context.Context) (string, error) { did = append(did, "report"); return "/reports/r.zip", nil },
			UsePort: func(_ context.Context, port int) (string, error) {
				did = append(did, fmt.Sprintf("use %d", port))
				return "moved", nil
			},
			Service: func() bool { return true },
		}
		g := newGateway(running())
		inBubble(t, g, o, func(f *fakeSurface, l *loop) {
			click := func(id ID) []string {
				did = nil
				f.take()
				f.clicks <- id
				pass(time.Second)
				return did
			}
			for id, want := range map[ID][]string{ViewLogs: {"open the-log"}, CopyDiagnostics: {"copy diag"}, SaveReport: {"report", "open /reports"}} {
				if got := click(id); !slices.Equal(got, want) {
					t.Errorf("%s did %q", id, got)
				}
			}
			click(ShowNone)
			if saved.Notify != NotifyNone || saved.Requested != "" {
				t.Errorf("saved %+v", saved)
			}
			click(StartAtLogin)
			if it, _ := l.shown.find(StartAtLogin); !auto.on || it.Check != Checked {
				t.Errorf("autostart %v, shown %v", auto.on, it)
			}
			for cause, want := range map[supervisor.Cause]string{
				{Code: supervisor.ConfigInvalid}:                  "open openclaw.json",
				{Code: supervisor.PortConflict}:                   "open config.toml",
				{Code: supervisor.PortConflict, FreePort: 18790}:  "use 18790",
				{Code: supervisor.PairingRequired, Detail: "9f3"}: "copy openclaw devices approve 9f3",
			} {
				g.send(supervisor.Status{State: supervisor.Failed, Cause: cause})
				pass(time.Second)
				if got := click(Help); !slices.Equal(got, []string{want}) {
					t.Errorf("help for %+v did %q", cause, got)
				}
			}
			g.send(supervisor.Status{State: supervisor.Running, Mode: supervisor.Attached})
			pass(time.Second)
			if it, _ := l.shown.find(DetailLine + "1"); it.Title != english.AttachedService {
				t.Errorf("shown: %q", it.Title)
			}
		})
	})
}

type fakeAutostart struct{ on bool }

func (a *fakeAutostart) Enabled() (bool, error) { return a.on, nil }
func (a *fakeAutostart) Set(on bool) error      { a.on = on; return nil }

// K3: the program that opens the dashboard never sees the secret, the browser
// gets it once.
func TestK3_DashboardSecretIsHandedOver(t *testing.T) {
	const secret = "http://127.0.0.1:1/#token=canary"
	opened := make(chan string, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- openSecret(t.Context(), secret, func(target string) error { opened <- target; return nil })
	}()
	target := <-opened
	if strings.Contains(target, "canary") {
		t.Fatalf("the opener got %s", target)
	}
	if status, _ := browse(t, target[:len(target)-1]); status != http.StatusNotFound {
		t.Errorf("a guess was answered with %d", status)
	}
	var browsers sync.WaitGroup
	sentOn := make(chan string, 5)
	for range cap(sentOn) {
		browsers.Go(func() {
			if status, location := browse(t, target); status == http.StatusSeeOther {
				sentOn <- location
			}
		})
	}
	browsers.Wait()
	if n := len(sentOn); n != 1 {
		t.Fatalf("%d of 5 browsers were sent on, want 1", n)
	}
	if location := <-sentOn; location != secret {
		t.Errorf("sent to %q", location)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// browse asks for a page; without a server the status is 0.
func browse(t *testing.T, url string) (status int, location string) {
	t.Helper()
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	r, err := client.Get(url)
	if err != nil {
		return 0, ""
	}
	r.Body.Close()
	return r.StatusCode, r.Header.Get("Location")
}

// pass lets time pass in a bubble, and everybody finish what they did meanwhile.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
