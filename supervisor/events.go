package supervisor

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"sync"

	"clawtray/rpc"
)

// Events of the supervisor itself, beside those of the gateway.
const (
	EventReady = "ready"        // the gateway accepted us
	EventExit  = "process.exit" // the process ended; payload: how, a string such as "exit code 1" or "SIGKILL"
	EventError = "error"        // recovery ended, a person has to act; payload: the Cause
)

func errorEvent(c Cause) rpc.Event {
	payload, _ := json.Marshal(c) // strings and a time: it cannot fail
	return rpc.Event{Name: EventError, Payload: payload}
}

// hub hands the gateway's events to subscribers, over all its connections.
type hub struct {
	mu          sync.Mutex
	session     *rpc.Session // the live one, nil between two
	subscribers map[*subscriber]struct{}
}

// subscriber is one caller of Events.
type subscriber struct {
	names  []string // empty: all
	buffer int
	own    chan rpc.Event // events of the supervisor itself

	// connections are its subscriptions, oldest first, at most maxBehind; the hub's
	// mutex guards them. grew is poked when there is one more.
	connections []*rpc.Subscription
	grew        chan struct{}
}

// maxBehind is how many connections a subscriber may be late; of more it sees the newest.
const maxBehind = 4

func newHub() *hub { return &hub{subscribers: map[*subscriber]struct{}{}} }

// connect makes s the session that events come from; nil when it is over.
// Subscribing here, right after the hello, loses none of its events.
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

// follow is called with the hub's mutex held.
func (sub *subscriber) follow(s *rpc.Session) {
	sub.connections = append(sub.connections, s.Subscribe(sub.buffer, sub.names...))
	if len(sub.connections) > maxBehind {
		sub.connections[0].Close()
		sub.connections = slices.Delete(sub.connections, 0, 1)
	}
	poke(sub.grew)
}

// emit hands out an event of our own; a subscriber that is full loses it.
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

// oldest is the connection whose events come first, nil without any; after the
// end of one, next forgets it.
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

// Events yields the gateway's events with the given names, all of them without
// names, also those this program does not know, across reconnects and restarts,
// until ctx ends (BEHAVIOUR A5). A subscriber that falls more than buffer events
// behind loses some; it never delays anybody.
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
				if !ok { // the connection is over, and all of its events were seen
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
