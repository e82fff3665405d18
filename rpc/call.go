package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// call is one request in flight. A session uses the values again, because a new
// channel and a new buffer would cost more than the rest of the call.
type call struct {
	id       uint64
	frame    []byte
	drop     bool      // the caller does not want the payload
	deadline time.Time // zero: the caller's context ends the call
	outcome  chan outcome
}

type outcome struct {
	payload []byte // raw JSON, owned by the receiver
	failure []byte // raw error of the answer; nil when ok
	ok      bool
	deep    bool  // the answer nests too deeply to be read
	err     error // the session ended, or context.DeadlineExceeded
}

// Call sends one request and waits for its answer. params is marshalled as JSON;
// nil sends no params. The payload of the answer is unmarshalled into result, which
// must be a pointer: a *json.RawMessage gets the payload as it came, and a nil result
// drops it.
//
// The call ends when ctx ends, or Limits.CallTimeout after it began; its wait for a
// turn (Limits.MaxInFlight) counts as well. An answer that comes later is dropped and
// counted in [Stats].
//
// The error is an [*Error]. These kinds come from this side:
//   - KindInvalidParams: method is empty, result is no pointer, params cannot be
//     marshalled, or the request is larger than the gateway accepts. Nothing was sent.
//   - KindProtocol: the answer has another shape than result.
//   - KindCanceled: ctx was cancelled, or the session was ended with Close or Abort.
//   - KindTransport: no answer came in time, or the connection broke.
//
// Every other kind is an answer of the gateway.
func (s *Session) Call(ctx context.Context, method string, params, result any) error {
	deadline := time.Now().Add(s.callTimeout())
	body, invalid := s.checkCall(method, params, result)
	if invalid != nil {
		return invalid
	}
	if err := s.takeTurn(ctx, method, deadline); err != nil {
		return err
	}
	defer func() { <-s.calls.turns }()
	if end, ok := ctx.Deadline(); ok && !end.After(deadline) {
		deadline = time.Time{} // ctx ends the call first, so it needs no timer of ours
	}
	c, ended := s.send(method, body, result == nil, deadline)
	if ended != nil {
		return ended.failed(method)
	}
	got, failed := s.await(ctx, c, method)
	s.finish(c, method, failed)
	switch {
	case failed != nil:
		return failed
	case got.deep:
		return &Error{Op: method, Kind: KindProtocol, Message: fmt.Sprintf("the answer nests deeper than %d levels", maxDepth)}
	case !got.ok:
		return answerError(method, got.failure)
	}
	return decodeResult(method, got.payload, result)
}

// callTimeout is Limits.CallTimeout. It also works on a Session that no Dial made.
func (s *Session) callTimeout() time.Duration {
	if s == nil {
		return 0
	}
	return s.o.Limits.CallTimeout
}

// checkCall returns the params as JSON, or what is wrong with the call.
func (s *Session) checkCall(method string, params, result any) ([]byte, *Error) {
	invalid := func(message string, err error) ([]byte, *Error) {
		return nil, &Error{Op: method, Kind: KindInvalidParams, Message: message, Err: err}
	}
	if !s.opened() {
		return nil, notOpened.failed(method)
	}
	if method == "" {
		return invalid("a call needs the name of a method", nil)
	}
	if result != nil {
		if target := reflect.ValueOf(result); target.Kind() != reflect.Pointer || target.IsNil() {
			return invalid("the result must be nil or a pointer to what the answer is decoded into", nil)
		}
	}
	body, err := marshalParams(params)
	if err != nil {
		return invalid("", err)
	}
	if !s.terms.allow(len(body) + len(method)) {
		return invalid("the request is larger than the gateway accepts", nil)
	}
	return body, nil
}

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

// takeTurn waits until fewer than Limits.MaxInFlight calls are in flight, or until
// ctx, the deadline or the session ends.
func (s *Session) takeTurn(ctx context.Context, method string, deadline time.Time) error {
	if ctx.Err() != nil {
		return contextError(method, ctx)
	}
	select {
	case s.calls.turns <- struct{}{}:
		return nil
	default:
	}
	s.calls.waiting.Add(1)
	defer s.calls.waiting.Add(-1)
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case s.calls.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return contextError(method, ctx)
	case <-timer.C:
		return callTimeout(method)
	case <-s.life.ending:
		return s.endedBy().failed(method)
	}
}

func callTimeout(method string) *Error {
	return &Error{Op: method, Kind: KindTransport, Message: "no answer in time", Err: context.DeadlineExceeded}
}

// send registers a call and puts its request into the outbox. A zero deadline means
// that the caller's context ends the call.
func (s *Session) send(method string, params []byte, drop bool, deadline time.Time) (*call, *CloseError) {
	s.mu.Lock()
	if s.life.ended != nil {
		s.mu.Unlock()
		return nil, s.life.ended
	}
	c := s.calls.add(drop, deadline)
	c.frame = appendRequest(c.frame[:0], c.id, method, params)
	s.outbox.requests = append(s.outbox.requests, c)
	// A lone caller writes its request itself, which saves waking the writer goroutine.
	// Several callers leave it to that goroutine, which sends all requests in one flush.
	if s.wire.sock != nil && len(s.calls.pending) == 1 && !s.outbox.writing {
		s.flush(false)
	} else {
		s.outbox.wake()
	}
	first := s.calls.needsTimer(deadline)
	s.mu.Unlock()
	if first {
		s.calls.armed <- struct{}{}
	}
	return c, nil
}

// await waits for what ends the call.
func (s *Session) await(ctx context.Context, c *call, method string) (outcome, *Error) {
	var got outcome
	select {
	case got = <-c.outcome:
	case <-ctx.Done():
		if !s.forget(c) {
			<-c.outcome // it ended at this moment; take the outcome, because the call will be used again
		}
		return got, contextError(method, ctx)
	}
	switch {
	case got.err == nil:
		return got, nil
	case got.err == context.DeadlineExceeded:
		return got, callTimeout(method)
	}
	return got, s.endedBy().failed(method)
}

// forget removes a call that still waits for an answer. It reports false when the
// outcome is being sent already.
func (s *Session) forget(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, waiting := s.calls.take(c.id); !waiting {
		return false
	}
	s.outbox.drop(c)
	return true
}

// finish notes for Stats how the call ended and keeps it to be used again.
func (s *Session) finish(c *call, method string, failed *Error) {
	if cap(c.frame) > keepBuffer {
		c.frame = nil
	}
	s.mu.Lock()
	s.record.calls.ended(method, failed)
	s.calls.free = append(s.calls.free, c)
	s.mu.Unlock()
}

// expire is the goroutine that ends calls at their deadlines. It has one timer for
// all of them, because a timer per call would cost more than the rest of the call.
func (s *Session) expire() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.calls.armed:
		case <-s.life.ending:
			return
		}
		for next := s.expireNow(); !next.IsZero(); next = s.expireNow() {
			timer.Reset(time.Until(next))
			select {
			case <-timer.C:
			case <-s.life.ending:
				return
			}
		}
	}
}

// expireNow ends the calls whose deadline has passed and returns the deadline that
// comes next. Zero means that no call has one, so that send has to wake expire again.
func (s *Session) expireNow() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	overdue, next := s.calls.takeOverdue(time.Now())
	for _, c := range overdue {
		s.outbox.drop(c)
		c.outcome <- outcome{err: context.DeadlineExceeded}
	}
	return next
}
