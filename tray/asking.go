package tray

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"clawtray/supervisor/requests"
)

// Requests gives access to the requests that wait for a person; *supervisor.Supervisor
// implements it.
type Requests interface {
	// WatchRequests yields the waiting requests, at once and after every change.
	WatchRequests(ctx context.Context) iter.Seq[[]requests.Request]
	// AnswerRequest sends a person's decision, once. [requests.Gone] means that the request
	// was not waiting any more and nothing was done.
	AnswerRequest(ctx context.Context, id string, d requests.Decision) (requests.Result, error)
	// CanShowRequests tells whether the desktop can show a request with its buttons now.
	CanShowRequests(can bool)
}

// The rows about requests.
const (
	RequestsEntry ID = "requests"
	RequestEntry  ID = "request-" // followed by a number
	AllowRequest  ID = "allow-request"
	DenyRequest   ID = "deny-request"
	ShowRequest   ID = "show-request"
	ShowRequests  ID = "show-requests" // all of them
	requestLine   ID = "request-line-" // followed by a number: one line of what is asked
)

const (
	// askPlaces is how many requests the menu can show; the file with the details has all.
	askPlaces = 8
	// askLines is how many lines of a request the menu shows. A longer request cannot be
	// allowed there, because the person would not see all of it.
	askLines = 6
	// placeRest is how long a place in the menu stays empty after its request is gone. An
	// open menu may still show the old request for a while, and a click names only the
	// place.
	placeRest = 30 * time.Second
)

// place is a position in the menu for one request. A request keeps its place while it
// waits.
type place struct {
	request requests.Request // zero when the place is empty
	free    time.Time        // since when the place is empty
}

// settle puts the waiting requests into places. A request never changes its place.
func settle(old []place, all []requests.Request, now time.Time) []place {
	places := make([]place, askPlaces)
	copy(places, old)
	placed := map[string]bool{}
	for i, p := range places {
		if p.request.ID == "" {
			continue
		}
		places[i] = place{free: now}
		for _, r := range all {
			if r.ID == p.request.ID {
				places[i], placed[r.ID] = place{request: r}, true
			}
		}
	}
	for _, r := range all {
		for i, p := range places {
			if p.request.ID == "" && !placed[r.ID] && (p.free.IsZero() || now.Sub(p.free) >= placeRest) {
				places[i], placed[r.ID] = place{request: r}, true
			}
		}
	}
	return places
}

// requestRows returns the row of the submenu with the waiting requests.
func requestRows() row {
	sub := []row{}
	for i := range askLines {
		sub = append(sub, row{id: requestLine + ID(fmt.Sprint(i+1)), when: func(v *view, it *Item) { v.requestLine(it, i) }})
	}
	sub = append(sub, row{id: AllowRequest, when: (*view).allowRequest, what: answerRequest(requests.Allow)},
		row{id: DenyRequest, when: (*view).denyRequest, what: answerRequest(requests.Deny)}, row{id: ShowRequest, when: (*view).showsRequest, what: showRequest})
	return row{id: RequestsEntry, when: (*view).requests, sub: []row{
		{id: RequestEntry, pool: askPlaces, fill: (*view).requestEntries, sub: sub},
		{id: ShowRequests, when: (*view).moreRequests, what: showRequests},
	}}
}

func (v *view) requests(it *Item) {
	n := len(v.set.Requests)
	it.Title, it.Disabled = v.t.ask.waiting(n), n == 0
	if n == 0 {
		it.Title = v.t.entry[RequestsEntry].Off
	}
}

func (v *view) requestEntries() []Item {
	items := make([]Item, 0, len(v.set.Places))
	for _, p := range v.set.Places {
		r := p.request
		items = append(items, Item{Arg: r.ID, Hidden: r.ID == "", Title: cut(v.t.ask.question[r.Kind]+v.t.mark.Colon+oneLine(r.Text), maxLabel)})
	}
	return items
}

// request returns the request of the place to which an entry belongs.
func (v *view) request(it *Item) (requests.Request, bool) {
	for _, r := range v.set.Requests {
		if r.ID == it.Arg && it.Arg != "" {
			return r, true
		}
	}
	return requests.Request{}, false
}

func (v *view) requestLine(it *Item, i int) {
	r, ok := v.request(it)
	lines, _ := menuLines(r, v.t)
	it.Disabled, it.Hidden = true, !ok || i >= len(lines)
	if !it.Hidden {
		it.Title = lines[i]
	}
}

// menuLines returns what the menu shows of a request, and whether that includes everything
// that matters for the decision. A long line continues in the next one; no text is lost
// between them.
func menuLines(r requests.Request, t *texts) (lines []string, whole bool) {
	text, whole := askedIn(r, t)
	for line := range strings.SplitSeq(text, "\n") {
		for line != "" {
			n := fitting(line, maxLabel)
			lines = append(lines, line[:n])
			line = line[n:]
		}
	}
	if len(lines) > askLines || !whole {
		return append(lines[:min(len(lines), askLines-1)], cut(t.ask.Cut, maxLabel)), false
	}
	return lines, true
}

func (v *view) allowRequest(it *Item) {
	r, ok := v.request(it)
	_, whole := menuLines(r, v.t)
	it.Title, it.Hidden = v.t.ask.decision(r, requests.Allow), !ok || !whole || r.OnlyDeny
}

func (v *view) denyRequest(it *Item) {
	r, ok := v.request(it)
	it.Title, it.Hidden = v.t.ask.decision(r, requests.Deny), !ok
}

func (v *view) showsRequest(it *Item) {
	_, ok := v.request(it)
	it.Hidden = !ok
}

func (v *view) moreRequests(it *Item) { it.Hidden = len(v.set.Requests) == 0 }

// answerRequest sends a person's decision. The note in the menu says what the result was.
// When the decision had no effect, a notification says that, too.
func answerRequest(decision requests.Decision) func(context.Context, *deed) (string, error) {
	return func(ctx context.Context, d *deed) (string, error) {
		if d.options.Requests == nil {
			return "", errNotAvailable
		}
		r := requests.Request{ID: d.item.Arg}
		for _, one := range d.set.Requests {
			if one.ID == r.ID {
				r = one
			}
		}
		result, err := d.options.Requests.AnswerRequest(ctx, r.ID, decision)
		text := d.t.ask.became(r, result)
		if err != nil {
			text = err.Error()
		}
		if err != nil || result == requests.Gone {
			d.post(Toast{Title: d.t.ask.Nothing, Body: plain(text)})
		}
		return text, err
	}
}

// showRequest opens a file with all details of one request.
func showRequest(ctx context.Context, d *deed) (string, error) {
	for _, r := range d.set.Requests {
		if r.ID == d.item.Arg {
			return d.showAsked(ctx, []requests.Request{r})
		}
	}
	return d.t.ask.Changed, nil
}

func showRequests(ctx context.Context, d *deed) (string, error) {
	return d.showAsked(ctx, d.set.Requests)
}

// showAsked opens a file with all details of requests, because a menu and a notification
// have no room for them.
func (d *deed) showAsked(ctx context.Context, all []requests.Request) (string, error) {
	path, err := writeText(d.t.askingAll(all, time.Now()))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(d.t.answer.Opening, d.t.ask.Details), d.options.openFile(ctx, path)
}

// watchRequests writes the newest list of waiting requests to out. It replaces an older
// list, because the loop may be slow.
func (l *loop) watchRequests(ctx context.Context, out chan []requests.Request) {
	for all := range l.options.Requests.WatchRequests(ctx) {
		select {
		case <-out:
		default:
		}
		out <- all
	}
}

// asks updates the view with the requests that wait now.
func (l *loop) asks(all []requests.Request) {
	l.set.Requests = all
	l.set.Places = settle(l.set.Places, all, time.Now())
	l.dirty = true
}

// present tells the supervisor whether a person would see a request now.
func (l *loop) present() {
	if l.options.Requests != nil {
		l.options.Requests.CanShowRequests(l.set.Buttons && l.set.Notify != NotifyNone)
	}
}

// closed handles a notification that was closed, but not by us.
func (l *loop) closed(e toastEnd) {
	switch {
	case e.at != askSlot:
	case e.lost:
		l.asking.Lost(time.Now())
	default:
		l.asking.Closed(time.Now())
	}
}

// newest puts value into c and removes an older one, for a reader that may be slow and
// needs only the newest.
func newest[T any](ctx context.Context, c chan T, value T) {
	select {
	case <-c:
	default:
	}
	select {
	case c <- value:
	case <-ctx.Done():
	}
}
