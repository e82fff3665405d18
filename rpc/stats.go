package rpc

import "time"

const (
	// keepUnknown is how many unknown frames are kept for diagnosis, and
	// maxUnknown how much of each, in bytes.
	keepUnknown = 8
	maxUnknown  = 512
)

// Stats is what a session has seen so far.
type Stats struct {
	LastFrame     time.Time // when bytes of any kind arrived last
	LastFrameKind string    // what they were: "response", "event tick", "pong", "ping", "unknown"
	LastPong      time.Time // zero: none yet

	LastSuccess         time.Time // last call that was answered, with an error or not
	LastFailure         time.Time // last call that failed in transport: timed out, closed
	LastFailureMethod   string
	ConsecutiveFailures int // transport failures since the last answer

	Misses        int // consecutive pings without any sign of life
	InFlight      int // calls waiting for an answer
	Waiting       int // calls waiting for their turn
	UnknownFrames uint64
	LateAnswers   uint64   // answers to calls that had already given up
	DroppedEvents uint64   // over all subscriptions, also closed ones
	LastUnknown   []string // the last few unknown frames, redacted and cut

	// DeviceTokenErr is why a device token could not be loaded, saved or
	// cleared; nil when all went well. The session works without.
	DeviceTokenErr error
}

// record is the part of Stats that is guarded by Session.mu.
type record struct {
	frame       frameKind
	lastEvent   []byte
	lastPong    time.Time
	success     time.Time
	failure     time.Time
	failed      string
	consecutive int
	misses      int
	unknowns    uint64
	late        uint64
	dropped     uint64
	lastUnknown []string
	tokenErr    error
	closed      time.Time
}

// called notes how a call ended. A caller that cancels says nothing about the gateway.
func (r *record) called(method string, failed *Error) {
	switch {
	case failed == nil:
		r.success = time.Now()
		r.consecutive = 0
	case failed.Kind == KindTransport:
		r.failure = time.Now()
		r.failed = method
		r.consecutive++
	}
}

// unknown keeps a frame nobody can place.
func (r *record) unknown(b []byte, redactor *Redactor) {
	r.frame = frameUnknown
	r.unknowns++
	if len(r.lastUnknown) == keepUnknown {
		copy(r.lastUnknown, r.lastUnknown[1:])
		r.lastUnknown = r.lastUnknown[:keepUnknown-1]
	}
	r.lastUnknown = append(r.lastUnknown, redactor.cut(b, maxUnknown))
}

// Stats returns what the session has seen so far; it also works after its end.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		LastFrame:           s.wire.lastLife(),
		LastFrameKind:       s.record.frameKind(),
		LastPong:            s.record.lastPong,
		LastSuccess:         s.record.success,
		LastFailure:         s.record.failure,
		LastFailureMethod:   s.record.failed,
		ConsecutiveFailures: s.record.consecutive,
		Misses:              s.record.misses,
		InFlight:            len(s.pending),
		Waiting:             int(s.waiting.Load()),
		UnknownFrames:       s.record.unknowns,
		LateAnswers:         s.record.late,
		DroppedEvents:       s.record.dropped,
		LastUnknown:         append([]string(nil), s.record.lastUnknown...),
		DeviceTokenErr:      s.record.tokenErr,
	}
}

func (r *record) frameKind() string {
	if r.frame == frameEvent {
		return "event " + string(r.lastEvent)
	}
	return r.frame.String()
}
