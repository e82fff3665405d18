package rpc

import (
	"encoding/json"
	"slices"
	"sync/atomic"
	"time"
)

// Event is something that happened in the gateway. This package passes on every
// event, whatever its name is.
type Event struct {
	Name    string          // such as "health", "presence", "tick" or "shutdown"
	Seq     int64           // number of the event on its connection, from 1; 0 when the gateway sent none
	Payload json.RawMessage // its shape depends on Name; nil when there was none
}

// Subscription receives events in a channel of bounded size. A subscriber that is
// too slow loses the newest events, which [Subscription.Dropped] counts; it does not
// delay anybody else. [Session.Subscribe] makes one.
type Subscription struct {
	s       *Session
	names   []string // empty: all
	events  chan Event
	dropped atomic.Uint64
}

// maxWaiting bounds the buffer of a subscription, in events. That many need 3 MiB.
const maxWaiting = 64 << 10

// Subscribe starts to collect the events with the given names, or all events when
// no name is given. buffer is how many events may wait for the subscriber, from 1 to
// 65,536; other values are brought into that range. Events that came before are not
// kept. A gateway sends its first events directly after it has accepted a connection:
// a caller who needs them subscribes in Options.OnSession. When the session is over,
// the channel of the subscription is closed.
func (s *Session) Subscribe(buffer int, names ...string) *Subscription {
	if !s.opened() {
		over := make(chan Event)
		close(over)
		return &Subscription{events: over}
	}
	sub := &Subscription{s: s, names: slices.Clone(names), events: make(chan Event, min(max(buffer, 1), maxWaiting))}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.ended != nil {
		close(sub.events)
		return sub
	}
	s.events.subs = append(s.events.subs, sub)
	return sub
}

// C is the channel in which the events arrive. It is closed when the session ends or
// Close is called.
func (sub *Subscription) C() <-chan Event { return sub.events }

// Dropped is how many events were lost so far because the buffer was full.
func (sub *Subscription) Dropped() uint64 { return sub.dropped.Load() }

// Close ends the subscription; events already in the channel stay readable.
func (sub *Subscription) Close() {
	if sub.s == nil {
		return
	}
	sub.s.mu.Lock()
	defer sub.s.mu.Unlock()
	sub.s.events.remove(sub)
}

func (sub *Subscription) wants(name string) bool {
	return len(sub.names) == 0 || slices.Contains(sub.names, name)
}

// isFilling reports whether the subscriber should run before the next event is read:
// when half of its buffer is free, when a quarter is free, and so on. A slow subscriber
// gets few turns in this way, so that it does not delay the reader.
func (sub *Subscription) isFilling() bool {
	free := cap(sub.events) - len(sub.events)
	return free <= cap(sub.events)/2 && free&(free-1) == 0
}

// fanout hands events to the subscribers. Session.mu guards it.
type fanout struct {
	subs  []*Subscription
	names names
	slab  slab
}

// deliver hands an event that was read into b to all who want it. lost is how many
// of them had no room for it. crowded reports whether a subscriber should run before
// the next event is read.
func (o *fanout) deliver(name string, f frame, b []byte) (lost uint64, crowded bool) {
	var event Event
	for _, sub := range o.subs {
		if !sub.wants(name) {
			continue
		}
		if event.Payload == nil {
			event = Event{Name: name, Seq: f.seq, Payload: o.slab.keep(b, f.payload)}
		}
		select {
		case sub.events <- event:
			crowded = crowded || sub.isFilling()
		default:
			sub.dropped.Add(1)
			lost++
		}
	}
	return lost, crowded
}

// remove ends one subscription, if it has not ended yet.
func (o *fanout) remove(sub *Subscription) {
	if i := slices.Index(o.subs, sub); i >= 0 {
		o.subs = slices.Delete(o.subs, i, i+1)
		close(sub.events)
	}
}

// removeAll ends all subscriptions.
func (o *fanout) removeAll() {
	for _, sub := range o.subs {
		close(sub.events)
	}
	o.subs = nil
}

const (
	// maxNames bounds how many event names are kept. A gateway has about 60.
	maxNames = 256

	// maxNameKept bounds the length of a name that is kept or shown, in bytes.
	maxNameKept = 128
)

// names keeps event names as strings, because most events have one of few names.
type names struct {
	known map[string]string
	last  string // name of the event before
}

// of returns name as a string: the same string for every event of that name.
func (n *names) of(name []byte) string {
	if string(name) == n.last { // most floods consist of one name
		return n.last
	}
	text, known := n.known[string(name)]
	if !known {
		text = string(name)
	}
	if !known && len(n.known) < maxNames && len(text) <= maxNameKept {
		n.known[text] = text
	}
	n.last = text
	return text
}

const (
	// slabSize is how much memory is allocated at once for the payloads of small
	// events, and maxSlabbed is the largest payload that goes there, both in bytes.
	// Allocating each payload would cost more than reading it.
	slabSize   = 16 << 10
	maxSlabbed = 1 << 10
)

// slab is memory that payloads of small events share.
type slab []byte

// keep copies the payload of an event out of the read buffer b.
func (l *slab) keep(b, payload []byte) json.RawMessage {
	switch {
	case payload == nil:
		return nil
	case len(payload) > maxSlabbed:
		return own(b, payload)
	}
	if len(payload) > cap(*l)-len(*l) {
		*l = make([]byte, 0, slabSize)
	}
	start := len(*l)
	*l = append(*l, payload...)
	return json.RawMessage((*l)[start:len(*l):len(*l)])
}

const (
	// maxRestartExpected bounds the restart time that a gateway may announce. Real
	// gateways announce 1.5 s (measured).
	maxRestartExpected = time.Hour

	// noticeLife is how long a shutdown notice explains a close, counted from the
	// notice plus the restart time in it. Gateways close their sockets within 2 s
	// (measured), a busy machine may take longer. A later close has another reason,
	// which the notice would hide.
	noticeLife = time.Minute
)

func parseShutdown(payload []byte) *Shutdown {
	var p struct {
		Reason            string   `json:"reason"`
		RestartExpectedMs *float64 `json:"restartExpectedMs"`
	}
	_ = json.Unmarshal(payload, &p) // a notice of another shape still says that the gateway ends
	n := &Shutdown{Reason: p.Reason}
	if p.RestartExpectedMs != nil {
		n.Restarts = true
		n.RestartExpected = time.Duration(min(max(*p.RestartExpectedMs, 0), float64(maxRestartExpected.Milliseconds())) * float64(time.Millisecond))
	}
	return n
}
