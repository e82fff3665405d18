package tray

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clawtray/supervisor/requests"
	"clawtray/supervisor/words"
)

func oneAsk(n int) requests.Request {
	return requests.Request{ID: fmt.Sprintf("id-%03d", n), Kind: requests.Exec, Text: fmt.Sprintf("command %d", n)}
}

func someAsks(n ...int) (all []requests.Request) {
	for _, i := range n {
		all = append(all, oneAsk(i))
	}
	return all
}

// screen acts as the desktop for the rules, second by second.
type screen struct {
	t     *testing.T
	rules askRules
	now   time.Time
	set   Settings
	toast *Toast
	shows int
	slow  bool // the desktop has not answered yet: the test does that
}

func newScreen(t *testing.T) *screen {
	return &screen{t: t, now: noon, set: Settings{Buttons: true, Language: "en"}}
}

// pass lets time pass while the same requests wait.
func (s *screen) pass(d time.Duration, all []requests.Request) {
	for end := s.now.Add(d); ; {
		order, next := s.rules.Next(s.now, all, s.set)
		switch {
		case order.Toast != nil:
			s.toast, s.shows = order.Toast, s.shows+1
			if !s.slow {
				s.rules.Delivered()
			}
			continue
		case order.Close:
			s.toast = nil
			continue
		}
		if next.IsZero() || next.After(end) {
			s.now = end
			return
		}
		s.now = next
	}
}

func (s *screen) wants(title, part string, buttons ...string) {
	s.t.Helper()
	if s.toast == nil {
		s.t.Fatalf("nothing is shown, want %q", part)
	}
	var got []string
	for _, b := range s.toast.Buttons {
		got = append(got, b.Title)
	}
	if s.toast.Title != title || !strings.Contains(s.toast.Asked+s.toast.Body, part) || !slices.Equal(got, buttons) || !s.toast.Urgent {
		s.t.Errorf("shown is %+v, want %q with %q and %q", *s.toast, title, part, buttons)
	}
}

const wantsCommand = "OpenClaw wants to run a command"

// R1: requests are shown one at a time with their buttons. After an answer there is a
// pause, so that a double click cannot answer a request that nobody has read.
func TestR1_OneAfterTheOther(t *testing.T) {
	s := newScreen(t)
	s.pass(time.Second, someAsks(1))
	s.wants(wantsCommand, "command 1", "Allow once", "Deny", "Details")
	s.pass(time.Second, someAsks(1, 2))
	s.wants(wantsCommand, "1 more waits.", "Allow once", "Deny", "Details")
	s.wants(wantsCommand, "command 1", "Allow once", "Deny", "Details") // the first request stays
	s.pass(askPause-1, someAsks(2))                                     // the first request is answered
	if s.toast != nil {
		t.Errorf("another is shown at once: %+v", s.toast)
	}
	s.pass(1, someAsks(2))
	s.wants(wantsCommand, "command 2", "Allow once", "Deny", "Details")
	s.pass(time.Hour, someAsks(2))
	if s.shows != 3 {
		t.Errorf("%d notifications", s.shows)
	}
	s.pass(time.Minute, []requests.Request{oneAsk(3), oneAsk(2)}) // it stays where it was read
	s.wants(wantsCommand, "command 2", "Allow once", "Deny", "Details")
	s.pass(0, nil)
	if s.toast != nil {
		t.Error("it stays when nothing waits")
	}
}

// R1: closing is not an answer. A closed request is not shown again, but the next one is.
func TestR1_ClosingIsNoAnswer(t *testing.T) {
	s := newScreen(t)
	s.pass(time.Second, someAsks(1))
	s.toast = nil
	s.rules.Closed(s.now)
	s.pass(time.Hour, someAsks(1))
	if s.toast != nil {
		t.Errorf("shown again: %+v", s.toast)
	}
	s.pass(time.Second, someAsks(1, 2))
	s.wants(wantsCommand, "command 2", "Allow once", "Deny", "Details")
	s.rules.Closed(s.now)
	s.toast = nil
	s.pass(time.Minute, someAsks(1, 2))
	s.rules.Closed(s.now) // nothing is on the screen
	if s.toast != nil || s.shows != 2 {
		t.Errorf("%+v", s.toast)
	}
	s.pass(time.Minute, someAsks(3, 4))
	s.wants(wantsCommand, "command 3", "Allow once", "Deny", "Details")
	s.rules.Closed(s.now) // of two
	s.pass(time.Minute, someAsks(3, 4, 5))
	s.wants(wantsCommand, "command 4", "Allow once", "Deny", "Details")
	s.pass(time.Second, someAsks(3, 5)) // the fourth is answered
	s.rules.Closed(s.now)               // its notification says so late
	s.pass(time.Minute, someAsks(3, 5))
	s.wants(wantsCommand, "command 5", "Allow once", "Deny", "Details")
	s.pass(time.Minute, nil)
	if len(s.rules.closed) != 0 {
		t.Errorf("kept: %v", s.rules.closed)
	}
}

// R1: a server that refuses is asked again after 1, 2, 4 minutes and so on, at last each
// hour; one that took a notification is a good one again.
func TestR1_AServerThatRefuses(t *testing.T) {
	s := newScreen(t)
	refused := func(want time.Duration) {
		t.Helper()
		s.toast = nil
		s.rules.Refused(s.now)
		s.pass(want-1, someAsks(1))
		if s.toast != nil {
			t.Errorf("asked again before %v", want)
		}
		s.pass(1, someAsks(1))
		s.wants(wantsCommand, "command 1", "Allow once", "Deny", "Details")
	}
	s.slow = true
	s.pass(time.Second, someAsks(1))
	for _, minutes := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		refused(minutes * time.Minute)
	}
	s.rules.Delivered()
	refused(time.Minute)
}

// R1: for a hundred requests at once there is one notification with their number and
// without Allow.
func TestR1_AHundredAtOnce(t *testing.T) {
	s := newScreen(t)
	var all []requests.Request
	for n := range 100 {
		all = append(all, oneAsk(n))
		s.pass(time.Millisecond, all)
	}
	s.pass(time.Minute, all)
	s.wants("100 requests wait for your answer", "clawtray approvals", "Details")
	if s.shows != 1 {
		t.Errorf("%d notifications", s.shows)
	}
	s.rules.Closed(s.now)
	s.toast = nil
	s.pass(time.Hour, all)
	if s.toast != nil {
		t.Error("shown again")
	}
}

// R1: after a refusal the notification is sent again later, a restarted server gets it
// again, without buttons there is only the number, and with notifications off there is
// none.
func TestR1_DesktopsOfManyKinds(t *testing.T) {
	s := newScreen(t)
	s.pass(time.Second, someAsks(1))
	s.rules.Refused(s.now)
	s.toast = nil
	s.pass(toastRetryMin-1, someAsks(1))
	if s.toast != nil {
		t.Error("asked again at once")
	}
	s.pass(1, someAsks(1))
	s.wants(wantsCommand, "command 1", "Allow once", "Deny", "Details")
	s.rules.Lost(s.now)
	s.toast = nil
	s.pass(askPause+askSettle, someAsks(1))
	s.wants(wantsCommand, "command 1", "Allow once", "Deny", "Details")
	s.set.Buttons = false
	s.pass(time.Minute, someAsks(1))
	s.wants("1 request waits for your answer", "menu", "Details")
	s.set.Notify = NotifyNone
	s.pass(time.Minute, someAsks(1))
	if s.toast != nil {
		t.Error("shown although notifications are off")
	}
}

// R1: a request that is not shown completely says so and cannot be allowed there.
func TestR1_CutIsSaidAndNotAllowed(t *testing.T) {
	for name, r := range map[string]requests.Request{
		"a long command":  {ID: "a", Kind: requests.Exec, Text: strings.Repeat("echo x; ", 100_000/8) + "rm -rf ~"},
		"a long folder":   {ID: "a", Kind: requests.Exec, Text: "ls", Facts: []requests.Fact{{Name: requests.Folder, Value: strings.Repeat("/x", 300)}}},
		"wide letters":    {ID: "a", Kind: requests.Plugin, Text: strings.Repeat("漢", 201)},
		"one letter more": {ID: "a", Kind: requests.Exec, Text: strings.Repeat("x", askRoom+1)},
		"no once":         {ID: "a", Kind: requests.Exec, Text: "ls", OnlyDeny: true},
	} {
		toast := askToast(r, 0, Settings{Language: "en"})
		if len(toast.Buttons) != 2 || toast.Buttons[0].ID != DenyRequest || toast.Buttons[1].ID != ShowRequest || words.Columns(toast.Asked) > askRoom {
			t.Errorf("%s: %+v", name, toast.Buttons)
		}
		if said := strings.Contains(toast.Body, english.ask.Cut); said == r.OnlyDeny {
			t.Errorf("%s: %s", name, toast.Body)
		}
		if _, whole := menuLines(r, &english); whole && !r.OnlyDeny {
			t.Errorf("%s is whole in the menu", name)
		}
	}
	full := askToast(requests.Request{ID: "a", Kind: requests.Exec, Text: strings.Repeat("x", askRoom)}, 0, Settings{Language: "en"})
	if len(full.Buttons) != 3 || full.Body != "" {
		t.Errorf("%+v", full)
	}
	two := askToast(requests.Request{ID: "a", Kind: requests.Exec, Text: "ls\nrm x\ty"}, 0, Settings{Language: "en"})
	if two.Asked != "ls ⏎ rm x ⇥ y" {
		t.Errorf("%q", two.Asked)
	}
	if in := askToast(requests.Request{ID: "d", Kind: requests.Device, Text: "Ann's phone"}, 0, Settings{Language: "en"}); in.Buttons[0].Title != "Approve" || in.Buttons[1].Title != "Reject" {
		t.Errorf("%+v", in.Buttons)
	}
}

// R1: a request keeps its place in the menu, and a free place stays empty for a while.
func TestR1_PlacesInTheMenu(t *testing.T) {
	at := func(places []place) (out string) {
		for _, p := range places {
			out += p.request.ID + ","
		}
		return strings.TrimRight(out, ",")
	}
	places := settle(nil, someAsks(1, 2, 3), noon)
	if got := at(places); got != "id-001,id-002,id-003" {
		t.Error(got)
	}
	places = settle(places, someAsks(2, 3, 4), noon.Add(time.Second))
	if got := at(places); got != ",id-002,id-003,id-004" {
		t.Error(got)
	}
	places = settle(places, someAsks(2, 3, 4, 5, 6, 7, 8, 9), noon.Add(placeRest))
	if got := at(places); got != ",id-002,id-003,id-004,id-005,id-006,id-007,id-008" {
		t.Error(got)
	}
	places = settle(places, someAsks(2, 3, 4, 5, 6, 7, 8, 9), noon.Add(placeRest+time.Second))
	if got := at(places); got != "id-009,id-002,id-003,id-004,id-005,id-006,id-007,id-008" {
		t.Error(got)
	}
}

// R1, R2: the menu shows the waiting requests with their possible answers. A request that
// is not shown completely cannot be allowed.
func TestR1_RequestsInTheMenu(t *testing.T) {
	long := oneAsk(2)
	long.Text = strings.Repeat("x", 1000)
	device := requests.Request{ID: "d", Kind: requests.Device, Text: "Ann's <b>phone</b>", OnlyDeny: true}
	all := []requests.Request{oneAsk(1), long, device}
	s := steady()
	set := Settings{Language: "en", Requests: all, Places: settle(nil, all, noon)}
	m := View(s, set, noon)
	entry, _ := m.find(RequestsEntry)
	if entry.Title != "3 requests wait for your answer" || entry.Disabled {
		t.Errorf("%+v", entry)
	}
	var got []string
	for _, one := range entry.Sub[:3] {
		var says []string
		for _, it := range one.Sub {
			if !it.Hidden && !it.Disabled {
				says = append(says, it.Title+" "+it.Arg)
			}
		}
		got = append(got, one.Title+": "+strings.Join(says, ", "))
	}
	want := []string{"OpenClaw wants to run a command: command 1: Allow once id-001, Deny id-001, Show it whole id-001",
		"OpenClaw wants to run a command: xxxxxxxxxxxxxxxxxxxxxxxxxx…: Deny id-002, Show it whole id-002",
		"A device wants to connect to OpenClaw: Ann's <b>phone</b>: Reject d, Show it whole d"}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
	for _, hidden := range entry.Sub[3:askPlaces] {
		if !hidden.Hidden {
			t.Errorf("%+v", hidden)
		}
	}
	if none, _ := View(s, Settings{Language: "en"}, noon).find(RequestsEntry); !none.Disabled || none.Title != "Requests for you (none)" {
		t.Errorf("%+v", none)
	}
}
