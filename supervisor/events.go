package supervisor

import (
	"context"
	"iter"
	"sync"

	"clawtray/rpc"
)

// EventExit and EventReady are events of the supervisor itself, beside those of
// the gateway: the process ended (payload: how), and the gateway became ready.
const (
	EventExit  = "process.exit"
	EventReady = "ready"
)

// hub hands the gateway's events to subscribers, over all its connections.
type hub struct {
	mu      sync.Mutex
	session *rpc.Session  // the live one, nil between two
	changed chan struct{} // closed when session changes
	own     map[chan rpc.Event]map[string]bool
}

func newHub() *hub {
	return &hub{changed: make(chan struct{}), own: map[chan rpc.Event]map[string]bool{}}
}

// connect makes s the session that events come from; nil when it is over.
func (h *hub) connect(s *rpc.Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.session = s
	close(h.changed)
	h.changed = make(chan struct{})
}

// emit hands out an event of our own; a subscriber that is full loses it.
func (h *hub) emit(e rpc.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c, names := range h.own {
		if len(names) > 0 && !names[e.Name] {
			continue
		}
		select {
		case c <- e:
		default:
		}
	}
}

// Events yields the gateway's events with the given names, all of them without
// names, also those this program does not know, across reconnects and restarts,
// until ctx ends (BEHAVIOUR A5). A subscriber that falls more than buffer events
// behind loses some; it never delays anybody.
func (s *Supervisor) Events(ctx context.Context, buffer int, names ...string) iter.Seq[rpc.Event] {
	return func(yield func(rpc.Event) bool) {
		h := s.hub
		own := make(chan rpc.Event, max(buffer, 1))
		wanted := map[string]bool{}
		for _, n := range names {
			wanted[n] = true
		}
		h.mu.Lock()
		h.own[own] = wanted
		h.mu.Unlock()
		defer func() {
			h.mu.Lock()
			delete(h.own, own)
			h.mu.Unlock()
		}()
		for {
			h.mu.Lock()
			session, changed := h.session, h.changed
			h.mu.Unlock()
			var sub *rpc.Subscription
			var events <-chan rpc.Event
			if session != nil {
				sub = session.Subscribe(buffer, names...)
				events = sub.C()
			}
			again := follow(ctx, events, own, changed, yield)
			if sub != nil {
				sub.Close()
			}
			if !again {
				return
			}
		}
	}
}

// follow yields events until the session changes (true) or nobody wants more.
func follow(ctx context.Context, events <-chan rpc.Event, own <-chan rpc.Event, changed <-chan struct{}, yield func(rpc.Event) bool) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-changed:
			for { // what came before the end, in order
				select {
				case e, ok := <-events:
					if !ok {
						return true
					}
					if !yield(e) {
						return false
					}
				default:
					return true
				}
			}
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			if !yield(e) {
				return false
			}
		case e := <-own:
			if !yield(e) {
				return false
			}
		}
	}
}
