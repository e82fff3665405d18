package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"runtime"
	"slices"
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
	record   record            // what Stats reports

	ending  chan struct{} // closed when ended is set
	done    chan struct{} // closed when all goroutines have ended
	running sync.WaitGroup
}

// call is one request in flight. Sessions reuse them: channels, timers and
// buffers cost more than the call itself.
type call struct {
	id       uint64
	frame    []byte
	drop     bool // the caller does not want the payload
	deadline time.Time
	outcome  chan outcome
}

type outcome struct {
	payload []byte // raw JSON, owned by the receiver
	failure []byte // raw error of the answer; nil when ok
	ok      bool
	err     error // the session ended, or context.DeadlineExceeded
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

// Call sends one request and waits for its answer. params is marshalled as
// JSON; nil sends none. The answer's payload is decoded into result; a nil
// result drops it and a *json.RawMessage receives it as it came. The error is
// an [*Error]. A call ends at once when ctx does, or after Options.CallTimeout;
// an answer that comes later is dropped and counted.
func (s *Session) Call(ctx context.Context, method string, params, result any) error {
	body, err := marshalParams(params)
	if err != nil {
		return &Error{Op: method, Kind: KindInvalidParams, Err: err}
	}
	if s.maxRequest > 0 && int64(len(body)+len(method)) > s.maxRequest {
		return &Error{Op: method, Kind: KindInvalidParams, Message: "the request is larger than the gateway accepts"}
	}
	if err := s.takeSlot(ctx, method); err != nil {
		return err
	}
	defer func() { <-s.slots }()
	c, err := s.send(method, body, result == nil)
	if err != nil {
		return &Error{Op: method, Kind: KindTransport, Err: err}
	}
	got, failed := s.await(ctx, c, method)
	s.finish(c, method, failed)
	switch {
	case failed != nil:
		return failed
	case !got.ok:
		return answerError(method, got.failure)
	}
	return decodeResult(method, got.payload, result)
}

// requestOverhead is more than the envelope of a request takes, so that no
// request within the limit makes the gateway close the connection (1009).
const requestOverhead = 256

func decodeResult(method string, payload []byte, result any) error {
	if result == nil {
		return nil
	}
	if raw, ok := result.(*json.RawMessage); ok {
		*raw = payload
		return nil
	}
	if len(payload) == 0 { // an ok answer without payload
		return nil
	}
	if err := json.Unmarshal(payload, result); err != nil {
		return &Error{Op: method, Kind: KindProtocol, Message: "the answer has an unexpected shape: " + err.Error(), Err: err}
	}
	return nil
}

// takeSlot waits until fewer than Options.MaxInFlight calls are in flight.
func (s *Session) takeSlot(ctx context.Context, method string) error {
	if ctx.Err() != nil {
		return contextError(method, ctx)
	}
	select {
	case s.slots <- struct{}{}:
		return nil
	default:
	}
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	timer := time.NewTimer(s.o.CallTimeout)
	defer timer.Stop()
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return contextError(method, ctx)
	case <-timer.C:
		return callTimeout(method)
	case <-s.ending:
		return &Error{Op: method, Kind: KindTransport, Err: s.Err()}
	}
}

func callTimeout(method string) *Error {
	return &Error{Op: method, Kind: KindTransport, Message: "no answer in time", Err: context.DeadlineExceeded}
}

// send registers a call and hands its frame to the writer.
func (s *Session) send(method string, params []byte, drop bool) (*call, error) {
	s.mu.Lock()
	if s.ended != nil {
		s.mu.Unlock()
		return nil, s.ended
	}
	var c *call
	if n := len(s.free); n > 0 {
		c, s.free = s.free[n-1], s.free[:n-1]
	} else {
		c = &call{outcome: make(chan outcome, 1)}
	}
	s.nextID++
	c.id, c.drop, c.deadline = s.nextID, drop, time.Now().Add(s.o.CallTimeout)
	c.frame = appendRequest(c.frame[:0], c.id, method, params)
	s.pending[c.id] = c
	s.queue = append(s.queue, c)
	// A lone caller writes its request itself, which spares waking the writer.
	// Several leave it to the writer, which sends all of theirs in one flush.
	if s.wire.try != nil && len(s.pending) == 1 && !s.writing {
		s.flush(false)
	} else {
		s.wake()
	}
	first := !s.expiring
	s.expiring = true
	s.mu.Unlock()
	if first {
		s.armed <- struct{}{}
	}
	return c, nil
}

// wake makes the writer look at what there is to write.
func (s *Session) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// await waits for what ends the call.
func (s *Session) await(ctx context.Context, c *call, method string) (outcome, *Error) {
	var got outcome
	select {
	case got = <-c.outcome:
	case <-ctx.Done():
		if !s.forget(c) {
			<-c.outcome // it ended at this very moment; the caller is gone all the same
		}
		return got, contextError(method, ctx)
	}
	switch {
	case got.err == nil:
		return got, nil
	case got.err == context.DeadlineExceeded:
		return got, callTimeout(method)
	}
	return got, &Error{Op: method, Kind: KindTransport, Err: got.err}
}

// forget takes the call back; false means that its outcome is on its way.
func (s *Session) forget(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, waiting := s.pending[c.id]; !waiting {
		return false
	}
	delete(s.pending, c.id)
	s.unqueue(c)
	return true
}

// unqueue drops a request that was never written. s.mu is held.
func (s *Session) unqueue(c *call) {
	if i := slices.Index(s.queue, c); i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
	}
}

// finish keeps what Stats needs and the call for reuse.
func (s *Session) finish(c *call, method string, failed *Error) {
	if cap(c.frame) > keepBuffer {
		c.frame = nil
	}
	s.mu.Lock()
	s.record.called(method, failed)
	s.free = append(s.free, c)
	s.mu.Unlock()
}

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

// expire is the goroutine that ends calls whose time is over. It has one timer
// for all: a timer per call would cost more than the rest of the call.
func (s *Session) expire() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.armed:
		case <-s.ending:
			return
		}
		for next := s.expireNow(); !next.IsZero(); next = s.expireNow() {
			if !s.sleep(timer, time.Until(next)) {
				return
			}
		}
	}
}

// expireNow ends the calls whose time is over and returns when the next one's
// is; zero means that no call waits and that send has to arm the timer again.
func (s *Session) expireNow() (next time.Time) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range s.pending {
		switch {
		case !c.deadline.After(now):
			delete(s.pending, id)
			s.unqueue(c)
			c.outcome <- outcome{err: context.DeadlineExceeded}
		case next.IsZero() || c.deadline.Before(next):
			next = c.deadline
		}
	}
	s.expiring = !next.IsZero()
	return next
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
			event = Event{Name: s.nameOf(f.name), Seq: f.seq, Payload: append(json.RawMessage(nil), f.payload...)}
		}
		select {
		case sub.events <- event:
		default:
			sub.dropped.Add(1)
			s.record.dropped++
		}
	}
}

// trace logs a frame, redacted.
func (s *Session) trace(direction string, b []byte) { traceFrame(s.o, direction, b) }

// maxTraced bounds how much of a frame is traced.
const maxTraced = 4 << 10

func traceFrame(o Options, direction string, b []byte) {
	if !o.Trace.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	text := string(o.Redactor.JSON(b))
	if len(text) > maxTraced {
		text = text[:maxTraced] + "..."
	}
	o.Trace.Debug("rpc frame", "direction", direction, "bytes", len(b), "frame", text)
}
