package rpc

// IgnorePolicy makes the session send frames larger than the gateway accepts.
func (s *Session) IgnorePolicy() { s.maxRequest = 0 }
