package rpc

import (
	"runtime"
	"slices"
	"time"

	"github.com/gorilla/websocket"
)

// lastWords is how long a session goes on reading after a write has failed. What
// the gateway sent before it closed lies unread in the buffers of this system.
// Reading it takes milliseconds, and longer only on an overloaded machine.
const lastWords = 5 * time.Second

// outbox holds what is to be written, and who writes. Session.mu guards all but kick.
type outbox struct {
	requests []*call
	pings    []uint64      // ids
	pong     []byte        // payload of the ping to answer; nil when no answer is due
	writing  bool          // a goroutine is writing
	broken   error         // of the write that failed; nothing is written after it
	kick     chan struct{} // wakes the writer goroutine; capacity 1
}

// wake makes the writer goroutine look into the outbox.
func (b *outbox) wake() {
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

func (b *outbox) isEmpty() bool { return len(b.requests) == 0 && b.pong == nil && len(b.pings) == 0 }

// drop takes out a request that has not been written.
func (b *outbox) drop(c *call) {
	if i := slices.Index(b.requests, c); i >= 0 {
		b.requests = slices.Delete(b.requests, i, i+1)
	}
}

// dropPing takes out a ping that has not been written.
func (b *outbox) dropPing(id uint64) {
	b.pings = slices.DeleteFunc(b.pings, func(queued uint64) bool { return queued == id })
}

// encode empties the outbox into ws, whose connection is corked and never blocks.
func (b *outbox) encode(ws *websocket.Conn, o *Options) error {
	for _, c := range b.requests {
		o.trace("sent", c.frame)
		if err := ws.WriteMessage(websocket.TextMessage, c.frame); err != nil {
			return err
		}
	}
	clear(b.requests)
	b.requests = b.requests[:0]
	if b.pong != nil {
		if err := ws.WriteControl(websocket.PongMessage, b.pong, time.Time{}); err != nil {
			return err
		}
		b.pong = nil
	}
	for _, id := range b.pings {
		if err := ws.WriteControl(websocket.PingMessage, pingPayload(id), time.Time{}); err != nil {
			return err
		}
	}
	b.pings = b.pings[:0]
	return nil
}

// write is the writer goroutine. It writes all that has gathered in the outbox with
// one flush.
func (s *Session) write() {
	for {
		select {
		case <-s.outbox.kick:
		case <-s.life.ending:
			return
		}
		runtime.Gosched() // let other callers add their requests, so that one flush sends them all
		s.mu.Lock()
		if !s.outbox.writing { // else the goroutine that writes wakes this one when it is done
			s.flush(true)
		}
		broken := s.outbox.broken
		s.mu.Unlock()
		if broken != nil {
			s.awaitLastWords()
			return
		}
	}
}

// awaitLastWords lets the reader find out why the connection is over: the
// shutdown notice and the close frame may still be unread.
func (s *Session) awaitLastWords() {
	select {
	case <-s.life.ending:
	case <-time.After(lastWords):
		_ = s.wire.Close() // ends the reader, and with it the session
	}
}

// flush writes what is in the outbox. The caller holds s.mu; flush releases it while
// it writes. A write that fails only stops all writing. The reader ends the session,
// because only the reader learns why the connection is over.
func (s *Session) flush(wait bool) {
	if s.outbox.broken != nil {
		return
	}
	s.outbox.writing = true
	err := s.outbox.encode(s.ws, &s.o)
	s.mu.Unlock()
	more := false
	if err == nil {
		more, err = s.wire.flush(wait)
	}
	s.mu.Lock()
	s.outbox.writing, s.outbox.broken = false, err
	if err != nil || more || !s.outbox.isEmpty() {
		s.outbox.wake()
	}
}
