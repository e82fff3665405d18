package rpc

import "runtime"

// IgnorePolicy makes the session send frames larger than the gateway accepts.
func (s *Session) IgnorePolicy() { s.terms.maxRequest = 0 }

// Expiring reports whether a timer waits for the end of calls.
func (s *Session) Expiring() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls.expiring
}

// Queued is how many requests wait to be written.
func (s *Session) Queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.outbox.requests)
}

// PretendWriting makes the session believe that a goroutine writes, as soon as none does,
// or that it has finished.
func (s *Session) PretendWriting(writing bool) {
	s.mu.Lock()
	for writing && s.outbox.writing { // an answer may arrive before the one that wrote is done
		s.mu.Unlock()
		runtime.Gosched()
		s.mu.Lock()
	}
	s.outbox.writing = writing
	s.mu.Unlock()
	if !writing {
		s.outbox.wake()
	}
}

// WritePing writes a ping on the calling goroutine, as a lone call does with its request.
func (s *Session) WritePing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outbox.pings = append(s.outbox.pings, s.pings.next(nil))
	s.flush(true)
}

// Pinging is how many pings have a caller that waits.
func (s *Session) Pinging() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pings.waiting)
}
