package rpc

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync/atomic"
	"time"
)

// Event is something that happened in the gateway. Names this package does
// not know are passed on like all others (A5).
type Event struct {
	Name    string // "health", "presence", "tick", "shutdown" ...
	Seq     int64  // counts from 1 on each connection; 0 when the gateway sent none
	Payload json.RawMessage
}

// Subscription receives events in a channel of bounded size. A subscriber that
// is too slow loses the newest events and finds them counted; it never holds up
// anybody else (I5).
type Subscription struct {
	s       *Session
	names   []string // empty: all
	events  chan Event
	dropped atomic.Uint64
}

// Subscribe starts to collect events with the given names, or all events when
// none is given. buffer is how many may wait, at least 1. Events that came
// before are not kept: subscribe right after Dial.
func (s *Session) Subscribe(buffer int, names ...string) *Subscription {
	sub := &Subscription{s: s, names: slices.Clone(names), events: make(chan Event, max(buffer, 1))}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		close(sub.events)
		return sub
	}
	s.subs = append(s.subs, sub)
	return sub
}

// C is where the events arrive. It is closed when the session ends or Close is called.
func (sub *Subscription) C() <-chan Event { return sub.events }

// Dropped is how many events were lost because the buffer was full.
func (sub *Subscription) Dropped() uint64 { return sub.dropped.Load() }

// Close ends the subscription; events already in the channel stay readable.
func (sub *Subscription) Close() {
	sub.s.mu.Lock()
	defer sub.s.mu.Unlock()
	if i := slices.Index(sub.s.subs, sub); i >= 0 {
		sub.s.subs = slices.Delete(sub.s.subs, i, i+1)
		close(sub.events)
	}
}

func (sub *Subscription) wants(name []byte) bool {
	if len(sub.names) == 0 {
		return true
	}
	for _, n := range sub.names {
		if n == string(name) {
			return true
		}
	}
	return false
}

const (
	// maxNames bounds how many event names are kept for reuse; a gateway has about 60.
	maxNames = 256

	// maxNameKept bounds the length of what is kept of a name, in bytes.
	maxNameKept = 128
)

// nameOf returns name as a string, the same one for every event of that name.
// s.mu is held.
func (s *Session) nameOf(name []byte) string {
	if known, ok := s.names[string(name)]; ok {
		return known
	}
	text := string(name)
	if len(s.names) < maxNames && len(text) <= maxNameKept {
		s.names[text] = text
	}
	return text
}

const (
	// slabSize is how much room for event payloads is allocated at once, and
	// maxSlabbed the largest payload that goes there, in bytes: in a flood of
	// small events allocating each costs more than reading it.
	slabSize   = 16 << 10
	maxSlabbed = 1 << 10
)

// keep copies an event's payload out of the read buffer. s.mu is held.
func (s *Session) keep(payload []byte) json.RawMessage {
	if len(payload) > maxSlabbed || payload == nil {
		return bytes.Clone(payload)
	}
	if len(payload) > cap(s.slab)-len(s.slab) {
		s.slab = make([]byte, 0, slabSize)
	}
	start := len(s.slab)
	s.slab = append(s.slab, payload...)
	return s.slab[start:len(s.slab):len(s.slab)]
}

// maxRestartExpected bounds the announced restart time; real ones say 1.5 s.
const maxRestartExpected = time.Hour

func parseShutdown(payload []byte) *Shutdown {
	var p struct {
		Reason            string   `json:"reason"`
		RestartExpectedMs *float64 `json:"restartExpectedMs"`
	}
	_ = json.Unmarshal(payload, &p) // a notice in an unknown shape is a notice still
	n := &Shutdown{Reason: p.Reason}
	if p.RestartExpectedMs != nil {
		n.Restarts = true
		n.RestartExpected = time.Duration(min(max(*p.RestartExpectedMs, 0), float64(maxRestartExpected.Milliseconds())) * float64(time.Millisecond))
	}
	return n
}
