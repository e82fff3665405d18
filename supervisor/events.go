package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sync"

	"clawtray/rpc"
)

// Events of the supervisor itself. [Supervisor.Events] yields them together with those of
// the gateway.
const (
	EventReady = "ready"        // the gateway accepted us
	EventExit  = "process.exit" // the process ended; the payload is a string such as "exit code 1" or "SIGKILL"
	EventError = "error"        // recovery ended and a person has to act; the payload is the Cause
)

func errorEvent(c Cause) rpc.Event {
	payload, _ := json.Marshal(c) // strings and a time: it cannot fail
	return rpc.Event{Name: EventError, Payload: payload}
}

func exitEvent(e Exit) rpc.Event {
	return rpc.Event{Name: EventExit, Payload: fmt.Appendf(nil, "%q", exitText(e))}
}

// hub gives the gateway's events to subscribers, across all connections.
type hub struct {
	mu          sync.Mutex
	session     *rpc.Session // the current session; nil between two sessions
	subscribers map[*subscriber]struct{}
}

// subscriber is one caller of Events.
type subscriber struct {
	names  []string // empty means all events
	buffer int
	own    chan rpc.Event // events of the supervisor itself

	// connections are the subscriptions of this subscriber, oldest first, at most
	// maxBehind. The hub's mutex guards them. grew receives when one is added.
	connections []*rpc.Subscription
	grew        chan struct{}
}

// maxBehind is how many connections a subscriber may be late. When there are more, the
// oldest are dropped.
const maxBehind = 4

func newHub() *hub { return &hub{subscribers: map[*subscriber]struct{}{}} }

// connect makes s the session that events come from; nil means that it has ended. When
// connect is called from rpc.Options.OnSession, no event of the session is lost.
func (h *hub) connect(s *rpc.Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.session = s
	if s == nil {
		return
	}
	for sub := range h.subscribers {
		sub.follow(s)
	}
}

// live returns the current session; nil between two sessions.
func (h *hub) live() *rpc.Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.session
}

// follow subscribes to the events of s. The hub's mutex must be held.
func (sub *subscriber) follow(s *rpc.Session) {
	sub.connections = append(sub.connections, s.Subscribe(sub.buffer, sub.names...))
	if len(sub.connections) > maxBehind {
		sub.connections[0].Close()
		sub.connections = slices.Delete(sub.connections, 0, 1)
	}
	poke(sub.grew)
}

// emit gives an event of the supervisor to all subscribers. A subscriber whose buffer is
// full loses it.
func (h *hub) emit(e rpc.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for sub := range h.subscribers {
		if len(sub.names) > 0 && !slices.Contains(sub.names, e.Name) {
			continue
		}
		select {
		case sub.own <- e:
		default:
		}
	}
}

func (h *hub) add(sub *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subscribers[sub] = struct{}{}
	if h.session != nil {
		sub.follow(h.session)
	}
}

func (h *hub) remove(sub *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subscribers, sub)
	for _, c := range sub.connections {
		c.Close()
	}
}

// oldest returns the subscription whose events come first; nil when there is none. When it
// has ended, next removes it.
func (h *hub) oldest(sub *subscriber) *rpc.Subscription {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(sub.connections) == 0 {
		return nil
	}
	return sub.connections[0]
}

func (h *hub) next(sub *subscriber, over *rpc.Subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(sub.connections) > 0 && sub.connections[0] == over {
		sub.connections = slices.Delete(sub.connections, 0, 1)
	}
}

// Events yields the gateway's events with the given names, across reconnects and restarts,
// until ctx ends (BEHAVIOUR A5). Without names it yields all events, also those that this
// program does not know. A subscriber that is more than buffer events behind loses some of
// them; it never delays anybody.
func (s *Supervisor) Events(ctx context.Context, buffer int, names ...string) iter.Seq[rpc.Event] {
	return func(yield func(rpc.Event) bool) {
		buffer = max(buffer, 1)
		sub := &subscriber{names: names, buffer: buffer, own: make(chan rpc.Event, buffer), grew: make(chan struct{}, 1)}
		s.hub.add(sub)
		defer s.hub.remove(sub)
		for {
			var events <-chan rpc.Event
			connection := s.hub.oldest(sub)
			if connection != nil {
				events = connection.C()
			}
			select {
			case <-ctx.Done():
				return
			case <-sub.grew:
			case e, ok := <-events:
				if !ok { // the connection has ended, and all of its events were yielded
					s.hub.next(sub, connection)
				} else if !yield(e) {
					return
				}
			case e := <-sub.own:
				if !yield(e) {
					return
				}
			}
		}
	}
}
