package rpc

import (
	"bytes"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Session is one accepted connection. It lives until one side ends it, and it is
// never used again. All methods may be called from any goroutine. A Session that
// neither Dial nor Connect returned behaves like one that is over.
type Session struct {
	o     Options
	ws    *websocket.Conn
	wire  *wireConn
	terms terms // what the gateway said in hello-ok
	watch watch // notices that the gateway has gone silent

	mu     sync.Mutex // guards the rest; where a part has another rule, its type says so
	calls  callTable
	pings  pingTable
	outbox outbox
	events fanout
	record record
	life   life
}

// life is how a session ends. Session.mu guards all but the channels and running.
type life struct {
	ended   *CloseError // why the session is over; nil while it lives
	notice  *Shutdown   // the newest shutdown notice
	noticed time.Time   // when the notice came

	ending  chan struct{} // closed when ended is set
	done    chan struct{} // closed when all goroutines have ended
	running sync.WaitGroup
}

// end notes why the session is over. It reports false when the session was over
// already: the first reason counts.
func (l *life) end(why *CloseError) bool {
	if l.ended != nil {
		return false
	}
	if l.notice != nil && time.Since(l.noticed) <= l.notice.RestartExpected+noticeLife {
		why.Notice = l.notice
	}
	l.ended = why
	return true
}

// terms are what the gateway said in hello-ok about itself and its limits.
type terms struct {
	hello      *Hello
	methods    map[string]bool
	maxRequest int64 // for method and params together, in bytes; 0 when the gateway named no limit
}

// requestOverhead is more bytes than the envelope of a request has. It is subtracted
// from the gateway's limit, because a gateway closes the connection (1009) when a
// request is larger than that.
const requestOverhead = 256

func newTerms(hello *Hello) terms {
	t := terms{hello: hello, methods: make(map[string]bool, len(hello.Features.Methods))}
	for _, m := range hello.Features.Methods {
		t.methods[m] = true
	}
	if hello.Policy.MaxPayload > 0 {
		t.maxRequest = max(hello.Policy.MaxPayload-requestOverhead, 1)
	}
	return t
}

// allow reports whether the gateway accepts a request of this size, in bytes.
func (t *terms) allow(size int) bool { return t.maxRequest == 0 || int64(size) <= t.maxRequest }

func newSession(h *handshake, hello *Hello) *Session {
	return &Session{
		o: h.o, ws: h.ws, wire: h.wire, terms: newTerms(hello),
		watch: watch{alive: make(chan struct{}, 1)},
		calls: callTable{
			lastID:  1, // connect was 1
			pending: map[uint64]*call{},
			armed:   make(chan struct{}, 1),
			turns:   make(chan struct{}, h.o.Limits.MaxInFlight),
		},
		pings:  pingTable{waiting: map[uint64]chan struct{}{}},
		outbox: outbox{kick: make(chan struct{}, 1)},
		events: fanout{names: names{known: map[string]string{}}},
		record: record{tokenErr: h.tokenErr},
		life:   life{ending: make(chan struct{}), done: make(chan struct{})},
	}
}

// start runs the session's goroutines. buf is the read buffer of the handshake, to be
// used again. A caller that wants every event has to subscribe before start.
func (s *Session) start(buf []byte) {
	s.wire.seen.onBytes = s.lifeSeen
	s.wire.cork()
	s.ws.SetPingHandler(s.pinged)
	s.ws.SetPongHandler(s.ponged)
	s.ws.SetCloseHandler(func(int, string) error { return nil }) // no close frame in return: the session drops the socket at once
	for _, run := range []func(){func() { s.read(buf) }, s.write, s.expire, s.watchSilence} {
		s.life.running.Go(run)
	}
	go func() {
		s.life.running.Wait()
		close(s.life.done)
	}()
}

// opened reports whether Dial made s.
func (s *Session) opened() bool { return s != nil && s.wire != nil }

// notOpened is the end of a Session that Dial did not make.
var notOpened = &CloseError{Err: ErrClosed}

// String names the gateway, never a secret.
func (s *Session) String() string {
	if !s.opened() {
		return "no session"
	}
	return "session with " + s.o.Gateway.String()
}

// GoString keeps secrets out of %#v.
func (s *Session) GoString() string { return s.String() }

// Hello is what the gateway said when it accepted the connection. All callers get
// the same value: do not change it.
func (s *Session) Hello() *Hello {
	if !s.opened() {
		return &Hello{}
	}
	return s.terms.hello
}

// Supports reports whether the gateway advertised method.
func (s *Session) Supports(method string) bool { return s.opened() && s.terms.methods[method] }

// Done is a channel that is closed when the session is over and all its goroutines
// have ended. From then on Err says why.
func (s *Session) Done() <-chan struct{} {
	if !s.opened() {
		over := make(chan struct{})
		close(over)
		return over
	}
	return s.life.done
}

// Err is nil while the session lives, and then the [*CloseError] that says why it is
// over.
func (s *Session) Err() error {
	if why := s.endedBy(); why != nil {
		return why
	}
	return nil
}

// endedBy is why the session is over, nil while it lives.
func (s *Session) endedBy() *CloseError {
	if !s.opened() {
		return notOpened
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life.ended
}

// Close ends the session: it drops the socket at once, without a close handshake, and
// waits until the session's goroutines have ended. Calls that wait for an answer fail
// with ErrClosed and KindCanceled. On a session that is over, Close does nothing. The
// error is always nil; it makes Session an io.Closer.
func (s *Session) Close() error {
	s.Abort(ErrClosed)
	return nil
}

// Abort is Close with a cause: Err, and the errors of the calls that waited, wrap
// cause. They still match ErrClosed.
func (s *Session) Abort(cause error) {
	if !s.opened() {
		return
	}
	if cause == nil {
		cause = ErrClosed
	}
	s.end(&CloseError{Err: cause})
	<-s.life.done
}

// end ends the session, unless it is over already.
func (s *Session) end(why *CloseError) {
	s.mu.Lock()
	if !s.life.end(why) {
		s.mu.Unlock()
		return
	}
	pending := s.calls.takeAll()
	s.outbox.requests = nil
	s.events.removeAll()
	s.mu.Unlock()
	close(s.life.ending)
	_ = s.wire.Close() // frees the reader and the writer, whatever they wait for
	for _, c := range pending {
		c.outcome <- outcome{err: why}
	}
}

// read is the reader goroutine. It waits for the socket only: nothing that it does
// with a message may block.
func (s *Session) read(buf []byte) {
	for {
		var err error
		if buf, err = readMessage(s.ws, buf); err != nil {
			s.end(s.reasonOf(err))
			return
		}
		s.o.trace("received", buf)
		s.dispatch(buf)
		if cap(buf) > keepBuffer {
			buf = nil
		}
	}
}

// reasonOf makes the reason of the end from the error that ended reading. When no
// close frame has come and a write failed before, the error of that write says more.
func (s *Session) reasonOf(err error) *CloseError {
	why := closeErrorOf(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outbox.broken != nil && why.Code == websocket.CloseAbnormalClosure {
		why.Err = s.outbox.broken
	}
	return why
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
		switch {
		case err == io.EOF: // the end of this message, not of the connection
			return buf, nil
		case err != nil:
			return buf, err
		case n == 0 && len(buf) == cap(buf): // it was full and there is more
			bigger := make([]byte, len(buf), 2*cap(buf)) // append would copy a large message more often
			copy(bigger, buf)
			buf = bigger
		}
	}
}

// dispatch hands one message to the caller or to the subscribers that it is for.
func (s *Session) dispatch(b []byte) {
	f := parseFrame(b)
	switch f.kind {
	case frameResponse:
		s.answered(f, b)
	case frameEvent:
		if s.happened(f, b) {
			runtime.Gosched()
		}
	default:
		s.mu.Lock()
		s.record.unknown(b)
		s.mu.Unlock()
	}
}

// answered gives an answer to its caller.
func (s *Session) answered(f frame, b []byte) {
	s.mu.Lock()
	s.record.frame = frameResponse
	c, waiting := s.calls.take(f.id)
	if !waiting {
		if s.calls.wasUsed(f.id) {
			s.record.calls.LateAnswers++
		} else {
			s.record.unknown(b)
		}
		s.mu.Unlock()
		return
	}
	drop := c.drop
	s.mu.Unlock()
	got := outcome{ok: f.ok, deep: f.deep}
	switch {
	case f.deep:
	case !f.ok:
		got.failure = bytes.Clone(f.err)
	case !drop:
		got.payload = own(b, f.payload)
	}
	c.outcome <- got // never blocks: the channel has room for one, and only who has taken the call sends
}

// own returns a part of the read buffer b that the receiver may keep. It is a copy,
// except when the part is most of a large buffer: read does not use large buffers
// again, so a large answer needs its memory only once.
func own(b, part []byte) []byte {
	if cap(b) > keepBuffer && len(part) > cap(b)/2 {
		return slices.Clip(part)
	}
	return append([]byte(nil), part...)
}

// happened hands an event to the subscribers. It reports whether the reader should
// let a subscriber run now: on a single processor the reader would otherwise fill the
// buffer of even a fast subscriber during a flood.
func (s *Session) happened(f frame, b []byte) (crowded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := s.events.names.of(f.name)
	s.record.frame, s.record.lastEvent = frameEvent, name
	if name == "shutdown" {
		s.life.notice, s.life.noticed = parseShutdown(f.payload), time.Now()
	}
	lost, crowded := s.events.deliver(name, f, b)
	s.record.dropped += lost
	return crowded
}
