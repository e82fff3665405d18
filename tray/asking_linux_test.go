package tray

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/supervisor"
	"clawtray/supervisor/requests"
)

// requestsEnv makes the tray program ask the person, see fakeRequests.
const requestsEnv = "CLAWTRAY_TEST_REQUESTS"

// fakeRequests has the requests that the test sends. It prints the answers, and whether the
// tray says that it can show requests.
type fakeRequests struct {
	tell func(format string, args ...any)
	news chan []requests.Request

	mu  sync.Mutex
	all []requests.Request
}

func (f *fakeRequests) WatchRequests(ctx context.Context) iter.Seq[[]requests.Request] {
	return func(yield func([]requests.Request) bool) {
		for {
			select {
			case <-ctx.Done():
				return
			case all := <-f.news:
				if !yield(all) {
					return
				}
			}
		}
	}
}

func (f *fakeRequests) AnswerRequest(_ context.Context, id string, d requests.Decision) (requests.Result, error) {
	f.mu.Lock() // before the test reads the answer and takes the request away
	defer f.mu.Unlock()
	f.tell("%s %s", d, id)
	for _, r := range f.all {
		if r.ID == id {
			return map[requests.Decision]requests.Result{requests.Allow: requests.Allowed, requests.Deny: requests.Denied}[d], nil
		}
	}
	return requests.Gone, nil
}

func (f *fakeRequests) CanShowRequests(can bool) { f.tell("can show %t", can) }

// told is one line that the test sends to the tray program: a status, or the waiting
// requests.
type told struct {
	supervisor.Status
	Asked *[]requests.Request `json:",omitempty"`
}

// ask sends the waiting requests to the tray program. They are also the requests for which
// the gateway accepts an answer.
func (c *child) ask(all ...requests.Request) {
	if all == nil {
		all = []requests.Request{}
	}
	if err := c.in.Encode(told{Asked: &all}); err != nil {
		c.t.Fatalf("the tray program is gone: %v", err)
	}
}

func decodeTold(in *json.Decoder, g *fakeGateway, f *fakeRequests) error {
	var line told
	if err := in.Decode(&line); err != nil {
		return err
	}
	if line.Asked == nil {
		g.send(line.Status)
		return nil
	}
	f.mu.Lock()
	f.all = *line.Asked
	f.mu.Unlock()
	f.news <- *line.Asked
	return nil
}

const hostile = `echo "$(id)" <b>bold</b> & 🦞 p\u0440ice\u202e > x`

func hostileRequest() requests.Request {
	return requests.Request{ID: "id-1", Kind: requests.Exec, Text: hostile, Facts: []requests.Fact{{Name: requests.Folder, Value: "/ws"}}}
}

// R1: the notification shows exactly what is asked, and its buttons send one answer.
func TestR1_NotificationAnswers(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	n := b.startNotifications(func(n *toasts) { n.caps = []string{"actions", "body", "body-markup"} })
	c := b.runTray(running(), requestsEnv+"=1")
	i := b.item(wait(t, w.registered, "registration", c.output))
	c.expect("can show true")
	c.ask(hostileRequest())
	toast := wait(t, n.got, "request", c.output)
	ids := <-n.ids
	escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(hostile)
	if toast.Title != wantsCommand || toast.Body != escaped+"\nFolder: /ws" || !toast.Urgent || len(toast.Buttons) != 3 {
		t.Errorf("%+v", toast)
	}
	n.emit("ActionInvoked", ids[1], string(toast.Buttons[0].ID))
	n.emit("NotificationClosed", ids[1], uint32(2))
	c.expect("allow id-1")
	i.until("the answer", has("Allowed, this once.  (disabled)"))

	next := hostileRequest()
	next.ID = "id-2"
	c.ask(next)
	toast = wait(t, n.got, "the next request", c.output)
	ids = <-n.ids
	n.emit("ActionInvoked", ids[1], string(AllowRequest)+" id-1") // a late click on the notification before
	n.emit("ActionInvoked", ids[1], "allow-always id-2")
	n.emit("ActionInvoked", ids[1], string(toast.Buttons[2].ID))
	if line := wait(t, c.lines, "the details", c.output); !strings.HasPrefix(line, "open ") {
		t.Errorf("it said %q", line)
	}
	n.emit("ActionInvoked", ids[1], string(toast.Buttons[1].ID))
	c.expect("deny id-2")
	c.ask() // the request was answered, so nothing waits
	if id := wait(t, n.gone, "the end of the notification", c.output); id != ids[1] {
		t.Errorf("closed %d, want %d", id, ids[1])
	}
}

// R1: a click on a request that has just expired sends no answer, and the person is told
// so.
func TestR1_ClickOnAnExpiredOne(t *testing.T) {
	b := startBus(t)
	n := b.startNotifications()
	c := b.runTray(running(), requestsEnv+"=1")
	c.expect("can show true")
	c.ask(hostileRequest())
	toast := wait(t, n.got, "request", c.output)
	ids := <-n.ids
	c.ask() // the request expires, and its notification is removed
	wait(t, n.gone, "the end of the notification", c.output)
	n.emit("ActionInvoked", ids[1], string(toast.Buttons[0].ID)) // too late, because the notification was removed
	c.ask(hostileRequest())
	wait(t, n.got, "request", c.output)
	ids = <-n.ids
	if err := c.in.Encode(told{Asked: &[]requests.Request{}}); err != nil { // the request expires before the click arrives
		t.Fatal(err)
	}
	n.emit("ActionInvoked", ids[1], string(toast.Buttons[0].ID))
	for said := false; !said; {
		select {
		case line := <-c.lines:
			if line != "allow id-1" {
				t.Errorf("it said %q", line)
			}
		case toast := <-n.got:
			said = toast.Title == english.ask.Nothing && strings.HasPrefix(toast.Body, "Too late")
		case <-n.gone: // the click came after the notification was removed, so the gateway was not asked
			said = true
		}
	}
}

// R1: an answer that did nothing is told where the person looks, one that did something is
// not; who takes a notification about a request, and who does not, is no news about the gateway.
func TestR1_WhatBecameOfAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := &fakeRequests{tell: func(string, ...any) {}, news: make(chan []requests.Request)}
		var shown []Toast
		var refuses error
		toasts := toastFunc(func(_ context.Context, toast Toast) error { shown = append(shown, toast); return refuses })
		inBubble(t, newGateway(running()), Options{Requests: asked, System: System{toasts: toasts}}, func(f *fakeSurface, l *loop) {
			asked.all = []requests.Request{hostileRequest()}
			asked.news <- asked.all
			pass(askSettle)
			first := len(shown)
			f.clicks <- Click{ID: "request-1-" + DenyRequest}
			pass(time.Second)
			if len(shown) != first {
				t.Errorf("told: %+v", shown[first:])
			}
			asked.mu.Lock()
			asked.all = nil // it expires while the menu shows it
			asked.mu.Unlock()
			f.clicks <- Click{ID: "request-1-" + DenyRequest}
			pass(time.Second)
			if last := shown[len(shown)-1]; last.Title != english.ask.Nothing || !strings.HasPrefix(last.Body, "Too late") {
				t.Errorf("told: %+v", last)
			}
			refuses = errors.New("nobody shows notifications")
			asked.news <- nil
			asked.news <- []requests.Request{{ID: "id-2", Kind: requests.Exec}}
			pass(time.Minute)
			if l.asking.wait == 0 || l.rules.wait != 0 {
				t.Errorf("requests wait %v, the gateway's notifications %v", l.asking.wait, l.rules.wait)
			}
		})
	})
}

// R1: clawtray is a surface only while somebody would see a request.
func TestR1_ASurfaceOnlyWhileItIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		asked := &fakeRequests{tell: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}
		chosen := make(chan Chosen)
		inBubble(t, newGateway(running()), Options{Requests: asked, Chosen: chosen}, func(f *fakeSurface, l *loop) {
			l.set.Buttons = true
			for _, level := range []Level{NotifyAll, NotifyNone, NotifyProblems} {
				chosen <- Chosen{Notify: level}
				synctest.Wait()
			}
		})
		if got := strings.Join(said, ", "); got != "can show true, can show false, can show true" {
			t.Error(got)
		}
	})
}

// R1: closing a notification is not an answer. The request stays in the menu and can be
// answered there.
func TestR1_ClosingLeavesItInTheMenu(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	n := b.startNotifications()
	c := b.runTray(running(), requestsEnv+"=1")
	i := b.item(wait(t, w.registered, "registration", c.output))
	c.expect("can show true")
	r := hostileRequest()
	c.ask(r)
	wait(t, n.got, "request", c.output)
	n.emit("NotificationClosed", (<-n.ids)[1], uint32(2))
	i.until("the request", has("1 request waits for your answer", "        Deny"))
	i.click("Deny")
	c.expect("deny id-1")
}

// R1: a hundred requests at once cause one notification.
func TestR1_NoStormOfNotifications(t *testing.T) {
	b := startBus(t)
	n := b.startNotifications()
	c := b.runTray(running(), requestsEnv+"=1")
	c.expect("can show true")
	var all []requests.Request
	for k := range 100 {
		r := hostileRequest()
		r.ID = fmt.Sprint("id-", k)
		all = append(all, r)
		c.ask(all...)
	}
	toast, shown := wait(t, n.got, "the number", c.output), 1
	for toast.Title != "100 requests wait for your answer" { // a slow machine: the first ones were shown before the others came
		toast, shown = wait(t, n.got, "the number of all", c.output), shown+1
	}
	if shown > len(all)/2 || len(toast.Buttons) != 1 || strings.Contains(toast.Body, "echo") {
		t.Errorf("notification %d: %+v", shown, toast)
	}
}

// R1: without buttons, clawtray is not a surface, and a server that starts or ends changes
// that. A server that restarts gets the request again. On a server that cannot replace
// notifications there are never two. A server that never answers blocks nothing.
func TestR1_ServersOfManyKinds(t *testing.T) {
	b := startBus(t)
	bare := b.startNotifications(func(n *toasts) { n.caps = []string{"body"} })
	c := b.runTray(running(), requestsEnv+"=1")
	c.expect("can show false")
	c.ask(hostileRequest())
	if toast := wait(t, bare.got, "the number", c.output); toast.Title != "1 request waits for your answer" || len(toast.Buttons) != 0 || strings.Contains(toast.Body, "echo") {
		t.Errorf("%+v", toast)
	}
	bare.conn.Close()
	full := b.startNotifications(func(n *toasts) { n.keep = true })
	for line := ""; line != "can show true"; {
		line = wait(t, c.lines, "buttons", c.output)
	}
	toast := wait(t, full.got, "the request", c.output)
	for len(toast.Buttons) != 3 {
		toast = wait(t, full.got, "the request", c.output)
	}
	if want := strings.NewReplacer("&", "＆", "<", "‹", ">", "›").Replace(hostile); !strings.HasPrefix(toast.Body, want) {
		t.Errorf("%q, want %q", toast.Body, want) // the server does not say whether it reads markup
	}
	full.conn.Close()
	mute := b.startNotifications(func(n *toasts) { n.mute = make(chan struct{}) })
	for line := ""; line != "can show true"; {
		line = wait(t, c.lines, "buttons again", c.output)
	}
	close(mute.mute)
	for toast := (Toast{}); len(toast.Buttons) != 3; {
		toast = wait(t, mute.got, "the request, again", c.output)
	}
}
