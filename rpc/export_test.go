package rpc

// IgnorePolicy makes the session send frames larger than the gateway accepts.
func (s *Session) IgnorePolicy() { s.maxRequest = 0 }

// Expiring reports whether a timer waits for the end of calls.
func (s *Session) Expiring() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.expiring
}
