package tray

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/supervisor"
)

// L2: every row has its own id, words in every language, and an action or a submenu. A row
// that is shown in two places does the same in both.
func TestL2_EveryRowIsComplete(t *testing.T) {
	silent := []ID{StatusLine, NoteLine, DetailLine, "incident-", "told-", "about-", Help, Icon, "tell", RequestEntry, "channel-"}
	for i := range askLines {
		silent = append(silent, requestLine+ID(fmt.Sprint(i+1)))
	}
	twice := []ID{OpenDashboard, ViewLogs, OpenClawConfig, AllowRequest, DenyRequest, ShowRequest, ShowRequests}
	seen := map[ID]int{}
	walk(append(table(), elsewhere()...), func(r row) {
		if r.id == "" {
			return
		}
		seen[r.id]++
		for language, texts := range languages {
			words := texts.entry[r.id]
			if words.Title == "" && !slices.Contains(silent, r.id) {
				t.Errorf("%s: %s has no title", language, r.id)
			}
			if (r.verb == "") != (words.Short == "") {
				t.Errorf("%s: %s, the command %q is said to %q", language, r.id, r.verb, words.Short)
			}
		}
		if acts := r.what != nil || r.ask != ""; acts == (r.sub != nil) && !slices.Contains(silent, r.id) {
			t.Errorf("%s does something: %t, and has a submenu: %t", r.id, acts, r.sub != nil)
		}
	})
	for id, n := range seen {
		if n > 1 && !slices.Contains(twice, id) {
			t.Errorf("%d rows are called %s", n, id)
		}
	}
	for language, texts := range languages {
		for id := range texts.entry {
			if seen[id] == 0 {
				t.Errorf("%s: there is no row for the words of %s", language, id)
			}
		}
	}
}

// The menu is short, and most of it can be used when all is well.
func TestL2_FewRows(t *testing.T) {
	rows, grey := 0, 0
	for _, it := range View(steady(), Settings{}, noon).Items {
		if it.ID != "" {
			rows++
		}
		if it.Disabled && it.ID != NoteLine {
			grey++
		}
	}
	if rows > 14 || grey > 3 {
		t.Errorf("%d rows, %d of them grey", rows, grey)
	}
}

// Of Start, Stop, Restart and Retry the menu shows what makes sense now, and of the cures
// the one to try first.
func TestL2_WhatMakesSenseNow(t *testing.T) {
	waits := supervisor.Status{State: supervisor.Reconnecting, Phase: supervisor.Waiting}
	failed := func(c supervisor.Cause) supervisor.Status {
		return supervisor.Status{State: supervisor.Failed, Cause: c}
	}
	lost := failed(supervisor.Cause{Code: supervisor.ConfigLost, LastGood: noon})
	repaired := failed(supervisor.Cause{Code: supervisor.PortConflict})
	repaired.Repaired = &supervisor.Repaired{}
	for name, c := range map[string]struct {
		s                    supervisor.Status
		front, second, helps ID
	}{
		"running":              {steady(), StartStop, RestartGateway, Help},
		"starting":             {supervisor.Status{State: supervisor.Starting}, StartStop, RestartGateway, Help},
		"stopped":              {stopped(), StartStop, "", Help},
		"waits":                {waits, StartStop, RetryNow, Help},
		"failed":               {failed(supervisor.Cause{Code: supervisor.ClockSkew}), RetryNow, "", ViewLogs},
		"failed, but it lives": {signedOut(supervisor.TokenMismatch), StartStop, RetryNow, OpenClawConfig},
		"a configuration lost": {lost, RetryNow, "", LastGood},
		"crashes":              {failed(supervisor.Cause{Code: supervisor.KeepsCrashing}), RetryNow, "", SafeStart},
		"no OpenClaw":          {failed(supervisor.Cause{Code: supervisor.OpenClawMissing}), RetryNow, "", InstallOpenClaw},
		"port, and a repair":   {repaired, RetryNow, "", ChoosePort},
	} {
		m := View(c.s, Settings{}, noon)
		for id, want := range map[ID]ID{StartStop: c.front, RestartGateway: c.second, Help: c.helps} {
			it, _ := first(m.Items, func(it Item) bool { return it.ID == id })
			if want == Help {
				want = ""
			}
			if it.acts() != (want != "") || want != "" && it.Does != want {
				t.Errorf("%s: %s does %q (acts: %t), want %q", name, id, it.Does, it.acts(), want)
			}
		}
	}
	if got := troubleToast(lost, Settings{}, noon, nowWrong{cause: lost.Cause}).Buttons; len(got) != 3 || got[0].ID != LastGood || got[1].ID != OpenClawConfig || got[2].ID != RetryNow {
		t.Errorf("buttons: %v", got)
	}
}

// All entries of all menus have different places, or one would change in the other's.
func TestL2_PlacesAreUnique(t *testing.T) {
	seen := map[ID]bool{}
	eachItem(View(steady(), Settings{}, noon).Items, func(it Item) {
		if seen[it.ID] {
			t.Errorf("%s is there twice", it.ID)
		}
		seen[it.ID] = true
	})
}

// L2: a row with several entries can have a submenu. Each entry in it knows its Arg, their
// number is always the same, and they keep their places.
func TestL2_SeveralWithSubmenus(t *testing.T) {
	var given []string
	rows := []row{{id: "request-", pool: 2, fill: func(*view) (items []Item) {
		for _, name := range given {
			items = append(items, Item{Title: name, Arg: name})
		}
		return items
	}, sub: []row{{id: "allow"}, {id: "deny"}}}}
	for n, want := range map[int]string{
		0: "request-1,request-1-allow,request-1-deny,request-2,request-2-allow,request-2-deny",
		1: "request-1:a,request-1-allow:a,request-1-deny:a,request-2,request-2-allow,request-2-deny",
		3: "request-1:a,request-1-allow:a,request-1-deny:a,request-2:b,request-2-allow:b,request-2-deny:b",
	} {
		given = []string{"a", "b", "c"}[:n]
		v := view{t: &english}
		var got []string
		eachItem(v.items(rows, "", ""), func(it Item) { got = append(got, strings.TrimSuffix(fmt.Sprint(it.ID, ":", it.Arg), ":")) })
		if strings.Join(got, ",") != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

// L2: the menu changes its language at once. When saving fails, nothing changes.
func TestL2_LanguageChangesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &doings{}
		o := d.options()
		inBubble(t, newGateway(running()), o, func(f *fakeSurface, l *loop) {
			f.clicks <- Click{ID: "language-zh"}
			pass(time.Second)
			if got := strings.Join(f.take(), "\n"); !strings.Contains(got, "quit title 退出") || !strings.Contains(got, "language-zh check") || !slices.Equal(d.did, []string{"language = zh"}) {
				t.Errorf("saved %q, the menu did %s", d.did, got)
			}
			l.options.Actions.SaveSetting = func(string, string) error { return fmt.Errorf("no space left") }
			f.clicks <- Click{ID: "language-en"}
			pass(time.Second)
			if quit, _ := l.driver.shown.find(QuitEntry); !strings.HasPrefix(quit.Title, "退出") || !strings.Contains(l.set.Note, "no space left") {
				t.Errorf("%q, %q", quit.Title, l.set.Note)
			}
		})
	})
}

// L2: the history has the last ten notifications, newest first, and can show each again.
func TestL2_History(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shown := make(chan Toast, 100)
		o := Options{System: System{toasts: toastFunc(func(_ context.Context, toast Toast) error { shown <- toast; return nil })}}
		inBubble(t, newGateway(running()), o, func(f *fakeSurface, l *loop) {
			for n := range 12 {
				l.notifier.post(hostSlot, &Toast{Title: fmt.Sprint("told ", n), Body: "why", Urgent: true})
				pass(time.Minute)
				<-shown
			}
			history, _ := l.driver.shown.find(History)
			if len(history.Sub) != maxTold || history.Disabled || !strings.HasSuffix(history.Sub[0].Title, "told 11, why") || !strings.HasSuffix(history.Sub[9].Title, "told 2, why") {
				t.Fatalf("%+v", history)
			}
			f.clicks <- Click{ID: "told-3"}
			pass(time.Second)
			if again := <-shown; again.Title != "told 9" || again.Body != "why" || again.Urgent {
				t.Errorf("%+v", again)
			}
			if len(l.set.Told) != maxTold || l.set.Told[0].Toast.Title != "told 11" {
				t.Errorf("the answer to a click is in the history: %+v", l.set.Told)
			}
		})
	})
}

func TestL2_AboutNamesTheFacts(t *testing.T) {
	long := "/home/somebody/with/a/very/long/name/.config/somewhere/else/clawtray/clawtray.toml"
	set := Settings{About: About{Name: "clawtray 1.0 (abc)", Files: Files{Config: long, Log: "/state/clawtray.log"}}}
	text := View(steady(), set, noon).String()
	for _, fact := range []string{"clawtray 1.0 (abc)", "MIT", "OpenClaw 2026.9.6", "Settings: …/", "else/clawtray/clawtray.toml", "Log: /state/clawtray.log"} {
		if !strings.Contains(text, fact) {
			t.Errorf("no %q in\n%s", fact, text)
		}
	}
}

// L2: clicks on the icon, on an entry and on a notification lead to the same action. A
// button whose action the menu no longer offers does nothing.
func TestL2_AllClicksTakeOneWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &doings{}
		o := d.options()
		opened := 0
		o.Actions.Dashboard = func() (string, error) { opened++; return "", errNotAvailable }
		g := newGateway(running())
		inBubble(t, g, o, func(f *fakeSurface, l *loop) {
			for n, c := range []Click{{ID: OpenDashboard}, {ID: Icon}, {ID: OpenDashboard, Title: "Open Dashboard"}} {
				f.clicks <- c
				pass(time.Second)
				if opened != n+1 {
					t.Errorf("%+v: opened %d times", c, opened)
				}
			}
			for _, c := range []Click{{ID: UsePort, Arg: "18790", Title: "Use free port 18790"}, {ID: RetryNow, Title: "Retry now"}, {ID: "unknown", Title: "x"}, {}} {
				f.clicks <- c
			}
			pass(time.Second)
			if len(g.requests) != 0 || len(d.did) != 0 {
				t.Errorf("asked %d times, did %q", len(g.requests), d.did)
			}
			g.send(supervisor.Status{State: supervisor.Failed, Cause: supervisor.Cause{Code: supervisor.PortConflict, FreePort: 18791}})
			pass(time.Second)
			for arg, want := range map[string][]string{"18790": nil, "18791": {"use 18791"}} {
				d.did = nil
				f.clicks <- Click{ID: UsePort, Arg: arg, Title: "Use free port " + arg}
				pass(time.Second)
				if !slices.Equal(d.did, want) {
					t.Errorf("a click on %s did %q", arg, d.did)
				}
			}
		})
	})
}

// L7: a verb and the entry of its row have one definition.
func TestL7_VerbsOfTheTable(t *testing.T) {
	g := newGateway(running())
	for _, v := range Verbs() {
		answer, err := v.Do(t.Context(), Options{Gateway: g})
		r := <-g.requests
		if want := map[string]supervisor.Intent{"reload": supervisor.Reload, "retry": supervisor.Retry}[v.Name]; err != nil || r.Intent != want || answer != "done: "+string(want) {
			t.Errorf("%s asked %v: %q, %v", v.Name, r, answer, err)
		}
	}
	if _, err := (Verb{Name: "explode"}).Do(t.Context(), Options{Gateway: g}); err == nil {
		t.Error("a verb that there is not")
	}
}
