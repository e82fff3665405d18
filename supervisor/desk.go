package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"clawtray/rpc"
	"clawtray/supervisor/requests"
)

var (
	// ErrRequestsOff says that the settings switch off asking the person.
	ErrRequestsOff = errors.New("approvals are switched off in clawtray's settings")
	errNoGateway   = errors.New("the gateway is not running")
)

// UncertainError says that an answer was sent, but the gateway did not confirm it.
type UncertainError struct{ Err error }

func (e *UncertainError) Error() string {
	return "the answer was sent, but it is not known whether the gateway has it: " + e.Err.Error()
}
func (e *UncertainError) Unwrap() error { return e.Err }

// posture is what clawtray declares to the gateway when it connects.
type posture struct {
	asks    bool // requests are shown to the person
	surface bool // the desktop can show a request with its buttons
}

// caps returns the capabilities to declare. When a client declares that it shows requests,
// the gateway waits for an answer instead of denying at once. So it must not be declared
// when nobody would see the request (BEHAVIOUR R1).
func (p posture) caps() []string {
	if p.asks && p.surface {
		return []string{requests.Cap}
	}
	return nil
}

// desk keeps the requests that a person has to answer. It is independent of the lifecycle:
// the owner does not wait for it.
type desk struct {
	log      *slog.Logger
	listing  sync.Mutex    // held while the list is fetched, so that one call runs at a time
	position chan struct{} // receives when posture has changed
	stirred  chan struct{} // receives when book was changed by something else than an event

	mu      sync.Mutex
	posture posture
	session *rpc.Session // nil while not connected
	book    requests.Book
	shown   []requests.Request // what observers see
	more    chan struct{}      // closed when shown changes
}

func newDesk(asks bool, log *slog.Logger) *desk {
	return &desk{log: log, posture: posture{asks: asks}, position: make(chan struct{}, 1), stirred: make(chan struct{}, 1), more: make(chan struct{})}
}

// take changes the posture.
func (d *desk) take(change func(*posture)) {
	d.mu.Lock()
	before := d.posture
	change(&d.posture)
	changed := d.posture != before
	d.mu.Unlock()
	if changed {
		poke(d.position)
	}
}

func (d *desk) now() posture {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.posture
}

// with lets f work with the book.
func (d *desk) with(f func(*requests.Book)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(&d.book)
}

// connect starts a new book for a connection; nil means that there is no connection any
// more.
func (d *desk) connect(s *rpc.Session) {
	d.mu.Lock()
	d.session, d.book = s, requests.Book{}
	d.mu.Unlock()
	d.publish()
}

// publish gives the pending requests to the observers. It returns their number and when the
// next of them expires.
func (d *desk) publish() (pending int, next time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next = d.book.Expire(time.Now())
	now := d.book.Pending()
	if !reflect.DeepEqual(now, d.shown) && len(now)+len(d.shown) > 0 {
		d.shown = now
		close(d.more)
		d.more = make(chan struct{})
	}
	return len(now), next
}

// list asks the gateway which requests are pending, for the kinds that which selects.
func (d *desk) list(ctx context.Context, s *rpc.Session, which func(requests.Family) bool) error {
	d.listing.Lock()
	defer d.listing.Unlock()
	var failed error
	for _, f := range requests.Families {
		if !s.Supports(f.List) || !which(f) {
			continue
		}
		var began requests.Mark
		d.with(func(b *requests.Book) { began = b.Begin() })
		var answer json.RawMessage
		if err := s.Call(ctx, f.List, map[string]any{}, &answer); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		d.mu.Lock()
		if d.session == s {
			d.book.Listed(f.Kind, f.Read(answer), began)
		}
		d.mu.Unlock()
	}
	poke(d.stirred)
	return failed
}

func everyKind(requests.Family) bool { return true }

// untold reports whether no event tells us of this kind of request, so that the list has to
// be fetched.
func (p posture) untold(f requests.Family) bool {
	return f.Requested == "" || f.ForSurfaces && !p.surface
}

// followRequests keeps the book up to date during one connection, until ctx ends.
func (g *generation) followRequests(ctx context.Context, s *rpc.Session) {
	d, sub, as := g.desk, g.asked, g.posture
	defer sub.Close()
	g.tell(func(st *Status) { st.Waiting = 0 }) // forget the count of the connection before
	if !as.asks {
		return
	}
	d.connect(s)
	defer d.connect(nil)
	d.complain(ctx, d.list(ctx, s, everyKind))
	expiry, beat, beats, lost := stoppedTimer(), g.beat.C(), 0, uint64(0)
	defer expiry.Stop()
	waiting := 0
	for {
		pending, next := d.publish()
		if pending != waiting {
			waiting = pending
			g.tell(func(st *Status) { st.Waiting = pending })
		}
		expiry.Stop()
		if !next.IsZero() {
			expiry.Reset(time.Until(next))
		}
		which := func(requests.Family) bool { return false }
		select {
		case <-ctx.Done():
			return
		case ev, ok := <-sub.C():
			if !ok {
				return
			}
			d.with(func(b *requests.Book) { b.Happened(ev.Name, ev.Payload) })
			if now := sub.Dropped(); now != lost { // events were lost, because more came than the buffer holds
				lost, which = now, everyKind
			}
		case <-expiry.C:
			continue
		case <-d.stirred:
			continue
		case <-beat:
			beat = g.beat.C()
			if beats++; beats%callEvery == 0 {
				which = as.untold
			}
		}
		d.complain(ctx, d.list(ctx, s, which))
	}
}

func (d *desk) complain(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		d.log.Warn("the requests that wait for an answer could not be read", "err", err)
	}
}

// connected returns the current connection. It fails when there is none or when the person
// is not asked.
func (d *desk) connected() (*rpc.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !d.posture.asks:
		return nil, ErrRequestsOff
	case d.session == nil:
		return nil, errNoGateway
	}
	return d.session, nil
}

// Requests fetches the requests that wait for a person, oldest first. It fails with
// [ErrRequestsOff] when the settings switch that off, and when the gateway is not running.
func (s *Supervisor) Requests(ctx context.Context) ([]requests.Request, error) {
	session, err := s.desk.connected()
	if err != nil {
		return nil, err
	}
	if err := s.desk.list(ctx, session, everyKind); err != nil {
		return nil, err
	}
	var all []requests.Request
	s.desk.with(func(b *requests.Book) {
		b.Expire(time.Now())
		all = b.Pending()
	})
	return all, nil
}

// WatchRequests yields the requests that wait for a person, at once and after every change,
// until ctx or Run ends. A slow observer gets only the newest list.
func (s *Supervisor) WatchRequests(ctx context.Context) iter.Seq[[]requests.Request] {
	return func(yield func([]requests.Request) bool) {
		for {
			s.desk.mu.Lock()
			all, more := s.desk.shown, s.desk.more
			s.desk.mu.Unlock()
			if !yield(all) {
				return
			}
			select {
			case <-more:
			case <-ctx.Done():
				return
			case <-s.ended:
				return
			}
		}
	}
}

// CanShowRequests tells the supervisor whether the desktop can show a request with its
// buttons now. A change makes a new connection to the gateway, because a client declares
// what it can do when it connects. The status does not mention that.
func (s *Supervisor) CanShowRequests(can bool) { s.desk.take(func(p *posture) { p.surface = can }) }

// AnswerRequest sends a person's decision about the request id to the gateway, once. When
// the request is not pending any more, the result is [requests.Gone] and nothing was done.
// An [UncertainError] says that the gateway did not confirm the decision.
func (s *Supervisor) AnswerRequest(ctx context.Context, id string, decision requests.Decision) (requests.Result, error) {
	d := s.desk
	session, err := d.connected()
	if err != nil {
		return "", err
	}
	r, there := d.find(id)
	if !there { // perhaps no event told us of it
		if err := d.list(ctx, session, everyKind); err != nil {
			return "", err
		}
		if r, there = d.find(id); !there {
			return requests.Gone, nil
		}
	}
	method, params := r.Call(decision)
	switch {
	case method == "":
		return "", fmt.Errorf("%q is no answer", decision)
	case decision == requests.Allow && r.OnlyDeny:
		return "", errors.New("the gateway does not take \"allow once\" for this one")
	}
	result, err := d.settle(ctx, session, r, decision, session.Call(ctx, method, params, nil))
	d.log.Info("a person has answered a request", "kind", r.Kind, "id", r.ID, "decision", decision, "result", result, "err", err)
	return result, err
}

func (d *desk) find(id string) (r requests.Request, there bool) {
	d.with(func(b *requests.Book) {
		b.Expire(time.Now())
		r, there = b.Find("", id)
	})
	return r, there
}

// settle returns the result of an answer from the error of its call.
func (d *desk) settle(ctx context.Context, s *rpc.Session, r requests.Request, decision requests.Decision, err error) (requests.Result, error) {
	e, isRPC := errors.AsType[*rpc.Error](err)
	switch {
	case err == nil:
		d.with(func(b *requests.Book) { b.Resolved(r.Kind, r.ID) })
		poke(d.stirred)
		if decision == requests.Allow {
			return requests.Allowed, nil
		}
		return requests.Denied, nil
	case !isRPC, e.Kind == rpc.KindTransport, e.Kind == rpc.KindCanceled, e.Kind == rpc.KindProtocol:
		return "", &UncertainError{err}
	case d.list(ctx, s, everyKind) == nil:
		if _, there := d.find(r.ID); !there { // gateways have different errors for this
			return requests.Gone, nil
		}
	}
	return "", err
}
