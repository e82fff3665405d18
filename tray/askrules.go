package tray

import (
	"slices"
	"strings"
	"time"

	"clawtray/assets"
	"clawtray/supervisor/requests"
	"clawtray/supervisor/words"
)

const (
	// askSettle is how long requests are collected before a notification. When many come at
	// once, the notification tells only their number.
	askSettle = 500 * time.Millisecond
	// askPause is how long no other request is shown after one has disappeared. Otherwise a
	// double click could answer a request that nobody has read.
	askPause = 2 * time.Second
	// askOneByOne is up to how many waiting requests are shown one after the other. When
	// more wait, only their number is shown.
	askOneByOne = 3
	// askRoom is how much of a request a notification shows, in columns of Latin letters.
	// The servers of the large desktops show that much completely.
	askRoom = 400
)

// askRules decide which notification about requests is on the screen (BEHAVIOUR R1). There
// is one for all requests. The zero value is ready to use. Like [Rules], they contain no
// clock.
type askRules struct {
	up     bool
	shown  string          // id of the request that the notification shows; empty when it shows the number
	told   int             // how many requests waited when it was shown
	ids    []string        // the ids of those requests
	closed map[string]bool // ids of requests whose notification a person has closed
	fresh  time.Time       // since when there is something to show while no notification is on the screen
	after  time.Time       // show nothing new before this time
	wait   time.Duration   // how long to wait after the desktop refused a notification
}

// Next returns what to do at now and when to call it again (zero: when something changes).
func (r *askRules) Next(now time.Time, all []requests.Request, set Settings) (Order, time.Time) {
	var open []requests.Request
	known := map[string]bool{}
	for _, one := range all {
		if r.closed[one.ID] {
			known[one.ID] = true
			continue
		}
		open = append(open, one)
	}
	r.closed = known
	if len(open) == 0 || set.Notify == NotifyNone {
		r.fresh = time.Time{}
		return r.takeAway(now), time.Time{}
	}
	about := r.choose(all, open, set)
	switch {
	case r.up && about.ID != r.shown:
		return r.takeAway(now), r.after
	case r.up && r.told == len(all):
		return Order{}, time.Time{}
	case !r.up && r.fresh.IsZero():
		r.fresh = now
	}
	if due := later(r.after, r.fresh.Add(askSettle)); now.Before(due) {
		return Order{}, due
	}
	r.up, r.shown, r.told, r.fresh, r.after = true, about.ID, len(all), time.Time{}, now.Add(askSettle)
	r.ids = nil
	for _, one := range all {
		r.ids = append(r.ids, one.ID)
	}
	toast := numberToast(len(all), set)
	if about.ID != "" {
		toast = askToast(about, len(all)-1, set)
	}
	return Order{Toast: &toast}, time.Time{}
}

// choose returns the request to show: the one on the screen while it waits, else the
// oldest. The zero request means the number of all: for many requests, and for desktops
// without buttons.
func (r *askRules) choose(all, open []requests.Request, set Settings) requests.Request {
	if len(all) > askOneByOne || !set.Buttons {
		return requests.Request{}
	}
	for _, one := range open {
		if r.up && one.ID == r.shown {
			return one
		}
	}
	return open[0]
}

func (r *askRules) takeAway(now time.Time) Order {
	was := r.up
	r.up, r.shown = false, ""
	if was {
		r.after = now.Add(askPause)
	}
	return Order{Close: was}
}

// Closed records that the notification was closed, by a person or by the server after a
// click. That is not an answer: the requests stay in the menu.
func (r *askRules) Closed(now time.Time) {
	if !r.up {
		return
	}
	for _, id := range r.ids {
		if r.shown == "" || r.shown == id {
			r.closed[id] = true
		}
	}
	r.takeAway(now)
}

// Lost records that the server has ended and its notifications are gone. The next
// notification shows the requests again.
func (r *askRules) Lost(now time.Time) { r.takeAway(now) }

// Delivered records that the desktop showed the notification; Refused records that it did
// not.
func (r *askRules) Delivered() { r.wait = 0 }

func (r *askRules) Refused(now time.Time) {
	r.wait = min(max(2*r.wait, toastRetryMin), toastRetryMax)
	r.up, r.shown, r.after = false, "", now.Add(r.wait)
}

// numberToast says how many requests wait.
func numberToast(n int, set Settings) Toast {
	t := textsFor(set.Language)
	toast := Toast{Title: t.ask.waiting(n), Body: t.ask.Where, Urgent: true, Icon: assets.Running, answer: true}
	toast.Buttons = []Click{{ID: ShowRequests, Title: t.ask.Details}}
	return toast
}

// askToast returns the notification about one request, with the buttons that answer it. A
// request that does not fit completely has no button to allow it.
func askToast(r requests.Request, more int, set Settings) Toast {
	t := textsFor(set.Language)
	asked, whole := askedIn(r, t)
	toast := Toast{Title: t.ask.question[r.Kind], Asked: asked, Urgent: true, Icon: assets.Running, answer: true}
	var below []string
	if !whole {
		below = append(below, t.ask.Cut)
	}
	if r.OnlyDeny {
		below = append(below, t.ask.OnlyDeny)
	}
	if more > 0 {
		below = append(below, t.ask.more(more))
	}
	toast.Body = strings.Join(below, "\n")
	if whole && !r.OnlyDeny {
		toast.Buttons = append(toast.Buttons, Click{AllowRequest, r.ID, t.ask.decision(r, requests.Allow)})
	}
	toast.Buttons = append(toast.Buttons, Click{DenyRequest, r.ID, t.ask.decision(r, requests.Deny)}, Click{ShowRequest, r.ID, t.ask.Details})
	return toast
}

// inToast are the facts that help most to decide. The file with the details has the others.
var inToast = []requests.FactName{requests.Warning, requests.Folder, requests.Variables, requests.Machine, requests.FromWho, requests.Tool, requests.Agent,
	requests.Via, requests.Sender, requests.Platform, requests.Address, requests.Rights, requests.Commands}

// askedIn returns what a notification shows of a request, and whether that includes
// everything that matters for the decision.
func askedIn(r requests.Request, t *texts) (text string, whole bool) {
	lines := []string{oneLine(r.Text)}
	for _, f := range r.Facts {
		if slices.Contains(inToast, f.Name) {
			lines = append(lines, t.ask.fact[f.Name]+t.mark.Colon+oneLine(f.Value))
		}
	}
	text = strings.Join(lines, "\n")
	if words.Columns(text) <= askRoom {
		return text, true
	}
	return cut(oneLine(r.Text), askRoom), false
}

// oneLine marks the line breaks of a text, because desktops join lines, and in a command a
// new line is a new command.
func oneLine(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\n", " ⏎ "), "\t", " ⇥ ")
}
