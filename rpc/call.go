package rpc

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

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
	c, err := s.send(ctx, method, body, result == nil)
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
func (s *Session) send(ctx context.Context, method string, params []byte, drop bool) (*call, error) {
	deadline := time.Now().Add(s.o.CallTimeout)
	if end, ok := ctx.Deadline(); ok && !end.After(deadline) {
		deadline = time.Time{} // ctx ends the call; our timer would go off long after it
	}
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
	c.id, c.drop, c.deadline = s.nextID, drop, deadline
	c.frame = appendRequest(c.frame[:0], c.id, method, params)
	s.pending[c.id] = c
	s.queue = append(s.queue, c)
	// A lone caller writes its request itself, which spares waking the writer.
	// Several leave it to the writer, which sends all of theirs in one flush.
	if s.wire.sock != nil && len(s.pending) == 1 && !s.writing {
		s.flush(false)
	} else {
		s.wake()
	}
	first := !s.expiring && !deadline.IsZero()
	s.expiring = s.expiring || first
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
			timer.Reset(time.Until(next))
			select {
			case <-timer.C:
			case <-s.ending:
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
		case c.deadline.IsZero():
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
