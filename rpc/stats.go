package rpc

import (
	"bytes"
	"time"
)

const (
	// keepUnknown is how many unknown frames are kept for Stats, and maxUnknown is how
	// many bytes of each are shown.
	keepUnknown = 8
	maxUnknown  = 512

	// keptUnknown is how many bytes of each are kept. That is more than are shown, so
	// that the redactor recognises a secret which begins in the part that is shown.
	keptUnknown = 4 * maxUnknown
)

// Stats is what a session has seen so far. Times are zero for what never happened.
type Stats struct {
	LastFrame     time.Time // when bytes of any kind arrived last
	LastFrameKind string    // what they were: "response", "event tick" (with the event's name), "pong", "ping" or "unknown"
	LastPong      time.Time // when the answer to a ping came last
	Misses        int       // pings in a row after which nothing arrived, see Silence

	Calls CallStats

	DroppedEvents uint64   // events that slow subscribers lost, over all subscriptions, also those that have ended
	UnknownFrames uint64   // messages that are neither an event nor an answer to a call of this session
	LastUnknown   []string // the last 8 of them, oldest first, without secrets and cut to 512 bytes

	// DeviceTokenErr says why a device token could not be loaded, saved or cleared; nil
	// when all went well. The session works all the same.
	DeviceTokenErr error
}

// CallStats is what a session knows about its calls.
type CallStats struct {
	LastSuccess         time.Time // when a call was last answered, with a result or with an error
	LastFailure         time.Time // when a call last failed with KindTransport
	LastFailureMethod   string    // the method of that call
	ConsecutiveFailures int       // calls that failed with KindTransport since the last answer

	InFlight    int    // calls that wait for their answer now
	Waiting     int    // calls that wait for their turn now, see Limits.MaxInFlight
	LateAnswers uint64 // answers that came after their call had ended
}

// ended notes how a call ended. A call that its caller cancelled says nothing about
// the gateway.
func (c *CallStats) ended(method string, failed *Error) {
	switch {
	case failed == nil:
		c.LastSuccess = time.Now()
		c.ConsecutiveFailures = 0
	case failed.Kind == KindTransport:
		c.LastFailure = time.Now()
		c.LastFailureMethod = method
		c.ConsecutiveFailures++
	}
}

// record is what a session notes for Stats. Session.mu guards it.
type record struct {
	frame       frameKind // kind of the newest frame
	lastEvent   string    // name of the newest event
	lastPong    time.Time
	misses      int
	calls       CallStats // without InFlight and Waiting
	dropped     uint64
	unknowns    uint64
	lastUnknown [][]byte // unredacted, because the redactor may learn a secret later
	tokenErr    error
}

// unknown keeps a message that is neither an event nor an answer. It only copies it,
// because a flood of such messages would delay all calls; Stats redacts it.
func (r *record) unknown(b []byte) {
	r.frame = frameUnknown
	r.unknowns++
	var kept []byte
	if len(r.lastUnknown) == keepUnknown {
		kept = r.lastUnknown[0]
		r.lastUnknown = append(r.lastUnknown[:0], r.lastUnknown[1:]...)
	}
	r.lastUnknown = append(r.lastUnknown, append(kept[:0], b[:min(len(b), keptUnknown)]...))
}

// Stats returns what the session has seen so far. It also works after the session has
// ended.
func (s *Session) Stats() Stats {
	if !s.opened() {
		return Stats{}
	}
	stats, unknown := s.stats()
	for _, frame := range unknown {
		stats.LastUnknown = append(stats.LastUnknown, s.o.Redactor.Cut(frame, maxUnknown))
	}
	return stats
}

// stats is Stats without LastUnknown. It returns the unknown frames unredacted, because
// redacting takes too long to hold s.mu meanwhile.
func (s *Session) stats() (_ Stats, unknown [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, frame := range s.record.lastUnknown {
		unknown = append(unknown, bytes.Clone(frame))
	}
	calls := s.record.calls
	calls.InFlight, calls.Waiting = len(s.calls.pending), int(s.calls.waiting.Load())
	return Stats{
		LastFrame:      s.wire.seen.lastTime(),
		LastFrameKind:  s.record.frameKind(),
		LastPong:       s.record.lastPong,
		Misses:         s.record.misses,
		Calls:          calls,
		DroppedEvents:  s.record.dropped,
		UnknownFrames:  s.record.unknowns,
		DeviceTokenErr: s.record.tokenErr,
	}, unknown
}

func (r *record) frameKind() string {
	if r.frame == frameEvent {
		return "event " + r.lastEvent[:min(len(r.lastEvent), maxNameKept)]
	}
	return r.frame.String()
}
