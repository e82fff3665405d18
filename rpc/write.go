package rpc

import (
	"runtime"
	"time"

	"github.com/gorilla/websocket"
)

// write is the writer goroutine: whatever is queued goes out in one flush.
func (s *Session) write() {
	for {
		select {
		case <-s.kick:
		case <-s.ending:
			return
		}
		runtime.Gosched() // callers that are about to queue share this flush
		s.mu.Lock()
		if !s.writing { // else whoever writes wakes us when done
			s.flush(true)
		}
		s.mu.Unlock()
	}
}

// flush writes all that is queued; s.mu is held, but not while it writes.
func (s *Session) flush(wait bool) {
	s.writing = true
	err := s.encodeQueue()
	s.mu.Unlock()
	more := false
	if err == nil {
		more, err = s.wire.flush(wait)
	}
	if err != nil {
		s.end(closeErrorOf(err))
	}
	s.mu.Lock()
	s.writing = false
	if more || len(s.queue) > 0 || s.pong != nil || len(s.pings) > 0 {
		s.wake()
	}
}

// encodeQueue puts all that is queued into the corked connection, which never
// blocks. s.mu is held.
func (s *Session) encodeQueue() error {
	for _, c := range s.queue {
		if s.o.Trace != nil {
			s.trace("sent", c.frame)
		}
		if err := s.ws.WriteMessage(websocket.TextMessage, c.frame); err != nil {
			return err
		}
	}
	clear(s.queue)
	s.queue = s.queue[:0]
	if s.pong != nil {
		if err := s.ws.WriteControl(websocket.PongMessage, s.pong, time.Time{}); err != nil {
			return err
		}
		s.pong = nil
	}
	for _, id := range s.pings {
		if err := s.ws.WriteControl(websocket.PingMessage, pingPayload(id), time.Time{}); err != nil {
			return err
		}
	}
	s.pings = s.pings[:0]
	return nil
}
