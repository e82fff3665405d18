package machine

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// lane runs calls that can hang for ever, such as reading a file on a network mount whose
// server is gone. It runs one call at a time, in a goroutine of its own, and a caller
// waits only until its context ends. While a call hangs, further callers wait for their
// turn, so that repeated looks leave one goroutine behind, not many. The zero value is
// ready for use.
type lane struct {
	mu   sync.Mutex
	turn chan struct{} // holds one value while a call runs
}

func (l *lane) queue() chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.turn == nil {
		l.turn = make(chan struct{}, 1)
	}
	return l.turn
}

// settle is how long a call that observes its context may take to return after the
// context has ended. When it returns within that time, nothing is left running.
const settle = time.Second

// call is one call in a lane.
type call[T any] struct {
	what string // "reading /home/user/.openclaw/openclaw.json", for the error
	do   func() (T, error)
	// undo takes back what do has done, when do returns after its caller has left. It may
	// be nil.
	undo func(T)
	// settles is how long the caller waits for do after the context has ended.
	settles time.Duration
}

// in runs the call in a lane. When ctx ends before the call, the error names what hangs,
// and the result of the call is undone when it comes.
func (c call[T]) in(ctx context.Context, l *lane) (T, error) {
	var none T
	late := func() (T, error) { return none, fmt.Errorf("%s did not end in time: %w", c.what, context.Cause(ctx)) }
	if ctx.Err() != nil {
		return late()
	}
	turn := l.queue()
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return late()
	}
	type result struct {
		value T
		err   error
	}
	got, left := make(chan result), make(chan struct{})
	defer close(left)
	go func() {
		defer func() { <-turn }()
		value, err := c.do()
		select {
		case got <- result{value, err}:
		case <-left:
			if c.undo != nil && err == nil {
				c.undo(value)
			}
		}
	}()
	select {
	case r := <-got:
		return r.value, r.err
	case <-ctx.Done():
	}
	if c.settles > 0 {
		select {
		case r := <-got:
			return r.value, r.err
		case <-time.After(c.settles):
		}
	}
	return late()
}

// gate lets callbacks through until it is closed. A call that goes on in a lane after its
// caller has left must not call the caller back.
type gate struct {
	mu     sync.Mutex
	closed bool
}

func (g *gate) pass(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		f()
	}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}
