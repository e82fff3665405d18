package rpc

import (
	"sync/atomic"
	"time"
)

// callTable holds the calls that wait for an answer. Session.mu guards all but the
// channels and waiting.
type callTable struct {
	lastID   uint64 // id of the newest request
	pending  map[uint64]*call
	free     []*call       // calls that have ended and can be used again
	expiring bool          // the expire goroutine has a timer for the pending calls
	armed    chan struct{} // wakes the expire goroutine; capacity 1

	turns   chan struct{} // one element per call in flight; its capacity is Limits.MaxInFlight
	waiting atomic.Int64  // calls that wait for a turn
}

// add makes a call pending. A zero deadline means that the caller's context ends it.
func (t *callTable) add(drop bool, deadline time.Time) *call {
	var c *call
	if n := len(t.free); n > 0 {
		c, t.free = t.free[n-1], t.free[:n-1]
	} else {
		c = &call{outcome: make(chan outcome, 1)}
	}
	t.lastID++
	c.id, c.drop, c.deadline = t.lastID, drop, deadline
	t.pending[c.id] = c
	return c
}

// take removes the pending call with this id. Whoever takes a call sends its outcome.
func (t *callTable) take(id uint64) (c *call, waiting bool) {
	c, waiting = t.pending[id]
	delete(t.pending, id)
	return c, waiting
}

// wasUsed reports whether a request with this id was sent at any time.
func (t *callTable) wasUsed(id uint64) bool { return id > 0 && id <= t.lastID }

// needsTimer reports whether the expire goroutine has to be woken for a call with
// this deadline. It reports true once, until that goroutine has no call left.
func (t *callTable) needsTimer(deadline time.Time) bool {
	first := !t.expiring && !deadline.IsZero()
	t.expiring = t.expiring || first
	return first
}

// takeOverdue removes the calls whose deadline has passed, and returns the deadline
// that comes next. It is zero when no call has one.
func (t *callTable) takeOverdue(now time.Time) (overdue []*call, next time.Time) {
	for id, c := range t.pending {
		switch {
		case c.deadline.IsZero():
		case !c.deadline.After(now):
			delete(t.pending, id)
			overdue = append(overdue, c)
		case next.IsZero() || c.deadline.Before(next):
			next = c.deadline
		}
	}
	t.expiring = !next.IsZero()
	return overdue, next
}

// takeAll removes all pending calls. No call can be added after it.
func (t *callTable) takeAll() map[uint64]*call {
	all := t.pending
	t.pending = nil
	return all
}
