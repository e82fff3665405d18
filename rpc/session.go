package rpc

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// Session is one accepted connection. It lives until either side ends it and
// is never reused. All methods may be called from any goroutine.
type Session struct {
	o       Options
	ws      *websocket.Conn
	wire    *wireConn
	hello   *Hello
	methods map[string]bool

	maxRequest int64 // of method and params, in bytes; 0: the gateway named no limit

	slots   chan struct{} // one element per call in flight (I5)
	waiting atomic.Int64  // calls that wait for a slot
	kick    chan struct{} // wakes the writer; capacity 1
	armed   chan struct{} // wakes the expire goroutine; capacity 1
	alive   chan struct{} // wakes the liveness watch when life returns; capacity 1
	silent  atomic.Bool   // the liveness watch wants to hear of life

	postponed time.Time // when the reader told the liveness watch of life

	mu       sync.Mutex
	ended    *CloseError // why the session is over; nil while it lives
	notice   *Shutdown
	nextID   uint64
	pending  map[uint64]*call
	queue    []*call // to be written
	writing  bool    // somebody writes at the moment
	expiring bool    // the expire goroutine looks after the pending calls
	free     []*call
	pong     []byte   // payload to answer a ping with; nil when none is due
	pings    []uint64 // to be written
	lastPing uint64
	pongs    map[uint64]chan struct{} // who waits for which pong
	subs     []*Subscription
	names    map[string]string // event names seen, for reuse
	slab     []byte            // where payloads of small events are kept
	record   record            // what Stats reports

	ending  chan struct{} // closed when ended is set
	done    chan struct{} // closed when all goroutines have ended
	running sync.WaitGroup
}

// start makes the session run. buf is a read buffer to go on with.
func (s *Session) start(buf []byte) {
	s.wire.onLife = s.lifeSeen
	s.wire.cork()
	s.ws.SetPingHandler(s.pinged)
	s.ws.SetPongHandler(s.ponged)
	s.ws.SetCloseHandler(func(int, string) error { return nil }) // the socket is dropped, not closed politely (C3)
	for _, run := range []func(){func() { s.read(buf) }, s.write, s.expire, s.watch} {
		s.running.Go(run)
	}
	go func() {
		s.running.Wait()
		close(s.done)
	}()
}

// String names the gateway, never a secret.
func (s *Session) String() string { return "session with " + s.o.URL }

// GoString keeps secrets out of %#v.
func (s *Session) GoString() string { return s.String() }

// Hello is what the gateway said when it accepted the connection. It is shared; do not change it.
func (s *Session) Hello() *Hello { return s.hello }

// Supports reports whether the gateway advertised method.
func (s *Session) Supports(method string) bool { return s.methods[method] }

// Done is closed when the session is over and all its goroutines have ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err is nil while the session lives, then the [*CloseError] that says why it is over.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		return nil
	}
	return s.ended
}

// Close drops the socket at once, without a close handshake, and waits for the
// session's goroutines. Waiting calls fail with ErrClosed. Calling it again,
// or on a session that ended by itself, does nothing.
func (s *Session) Close() error {
	s.Abort(ErrClosed)
	return nil
}

// Abort is Close, but waiting calls fail with cause (and match ErrClosed still).
func (s *Session) Abort(cause error) {
	if cause == nil {
		cause = ErrClosed
	}
	s.end(&CloseError{Err: cause})
	<-s.done
}

// end ends the session; the first reason wins.
func (s *Session) end(why *CloseError) {
	s.mu.Lock()
	if s.ended != nil {
		s.mu.Unlock()
		return
	}
	why.Notice = s.notice
	s.ended = why
	s.record.closed = time.Now()
	pending := s.pending
	s.pending, s.queue = nil, nil
	for _, sub := range s.subs {
		close(sub.events)
	}
	s.subs = nil
	s.mu.Unlock()
	close(s.ending)
	_ = s.wire.Close() // frees the reader and the writer, whatever they wait for
	for _, c := range pending {
		c.outcome <- outcome{err: why}
	}
}

// read is the reader goroutine. Nothing it does waits for anybody.
func (s *Session) read(buf []byte) {
	for {
		var err error
		if buf, err = readMessage(s.ws, buf); err != nil {
			s.end(closeErrorOf(err))
			return
		}
		if s.o.Trace != nil {
			s.trace("received", buf)
		}
		s.dispatch(buf)
		if cap(buf) > keepBuffer {
			buf = nil
		}
	}
}

// firstRead is the size a read buffer starts with.
const firstRead = 4 << 10

// readMessage reads one message into buf, which grows as needed.
func readMessage(ws *websocket.Conn, buf []byte) ([]byte, error) {
	_, r, err := ws.NextReader()
	if err != nil {
		return buf, err
	}
	if cap(buf) == 0 {
		buf = make([]byte, 0, firstRead)
	}
	buf = buf[:0]
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil {
			if err == io.EOF { // the end of this message, not of the connection
				err = nil
			}
			return buf, err
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

// dispatch hands one message to whom it is for.
func (s *Session) dispatch(b []byte) {
	f := parseFrame(b)
	switch f.kind {
	case frameResponse:
		s.answered(f, b)
	case frameEvent:
		s.happened(f)
	default:
		s.mu.Lock()
		s.record.unknown(b, s.o.Redactor)
		s.mu.Unlock()
	}
}

// answered gives an answer to its caller.
func (s *Session) answered(f frame, b []byte) {
	s.mu.Lock()
	s.record.frame = frameResponse
	c, waiting := s.pending[f.id]
	if !waiting {
		switch {
		case f.id > 0 && f.id <= s.nextID:
			s.record.late++
		default:
			s.record.unknown(b, s.o.Redactor)
		}
		s.mu.Unlock()
		return
	}
	delete(s.pending, f.id)
	drop := c.drop
	s.mu.Unlock()
	got := outcome{ok: f.ok}
	if f.ok && !drop {
		got.payload = append([]byte(nil), f.payload...)
	} else if !f.ok {
		got.failure = bytes.Clone(f.err)
	}
	c.outcome <- got // never blocks: the channel holds one, and only who took it from pending sends
}

// happened hands an event to the subscribers.
func (s *Session) happened(f frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record.frame = frameEvent
	s.record.lastEvent = append(s.record.lastEvent[:0], f.name[:min(len(f.name), maxNameKept)]...)
	if string(f.name) == "shutdown" {
		s.notice = parseShutdown(f.payload)
	}
	var event Event
	for _, sub := range s.subs {
		if !sub.wants(f.name) {
			continue
		}
		if event.Name == "" {
			event = Event{Name: s.nameOf(f.name), Seq: f.seq, Payload: s.keep(f.payload)}
		}
		select {
		case sub.events <- event:
		default:
			sub.dropped.Add(1)
			s.record.dropped++
		}
	}
}
