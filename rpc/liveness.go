package rpc

import (
	"sync/atomic"
	"time"
)

// tickSlack is how late a tick may be before the connection counts as silent.
const tickSlack = 2 * time.Second

// Silence is what Options.OnSilence gets. A session only reports that its gateway is
// silent; it does not end for that reason.
type Silence struct {
	// Misses counts the pings in a row after which nothing arrived. 0 means that
	// something has arrived again. With the default Limits the third miss comes after
	// 1 min 44 s of silence, on Windows after 3 min 25 s.
	Misses int

	LastFrame     time.Time // when bytes of any kind arrived last
	LastFrameKind string    // what they were, as Stats.LastFrameKind
}

// tellAfter is how often, at most, the reader tells the watch goroutine that bytes
// arrive. That goroutine then sets its timer anew, so that the timer does not wake a
// quiet program while the gateway is alive.
const tellAfter = time.Second

// watch is what the reader and the watch goroutine tell each other.
type watch struct {
	alive  chan struct{} // bytes have arrived; capacity 1
	silent atomic.Bool   // the gateway is silent, and the watch goroutine waits for the next bytes
	told   time.Time     // when the reader told of bytes; only the reader uses it
}

// lifeSeen is called by the reader whenever bytes arrive.
func (s *Session) lifeSeen() {
	now := s.wire.seen.lastTime()
	if s.watch.silent.Load() || now.Sub(s.watch.told) > tellAfter {
		s.watch.told = now
		select {
		case s.watch.alive <- struct{}{}:
		default:
		}
	}
}

// watchSilence is the watch goroutine. Every byte that arrives is a sign of life, so
// it sends pings only after a time of silence.
func (s *Session) watchSilence() {
	misses := 0
	report := func(n int) {
		if n == misses {
			return
		}
		misses = n
		s.reportSilence(n)
	}
	for {
		for { // until nothing has arrived for quietAfter
			left := time.Until(s.wire.seen.lastTime().Add(s.quietAfter()))
			if left <= 0 {
				break
			}
			select {
			case <-time.After(left): // a Timer that is Reset also wakes the program at its old time (Go 1.23 to 1.26)
			case <-s.watch.alive:
			case <-s.life.ending:
				return
			}
		}
		for { // while the gateway is silent
			seen := s.wire.seen.reads.Load()
			s.sendPing(nil)
			if !s.sleepUnlessAlive(seen, s.o.Limits.PongTimeout) {
				return
			}
			if s.wire.seen.reads.Load() != seen {
				break
			}
			report(misses + 1)
			if !s.sleepUnlessAlive(seen, max(s.o.Limits.PingInterval-s.o.Limits.PongTimeout, 0)) {
				return
			}
			if s.wire.seen.reads.Load() != seen {
				break
			}
		}
		report(0)
	}
}

// quietAfter is the silence after which a ping is sent. A gateway promises a tick
// event at an interval (policy.tickIntervalMs, 30 s in all measured versions). While
// ticks come, no ping is needed.
func (s *Session) quietAfter() time.Duration {
	return min(max(s.o.Limits.PingInterval, s.terms.hello.Policy.TickInterval()+tickSlack), 2*s.o.Limits.PingInterval)
}

// sleepUnlessAlive waits for d, or until more has arrived than the seen reads. It
// reports false when the session has ended.
func (s *Session) sleepUnlessAlive(seen uint64, d time.Duration) bool {
	s.watch.silent.Store(true)
	defer s.watch.silent.Store(false)
	over := time.After(d)
	for s.wire.seen.reads.Load() == seen {
		select {
		case <-over:
			return true
		case <-s.watch.alive:
		case <-s.life.ending:
			return false
		}
	}
	return true
}

func (s *Session) reportSilence(misses int) {
	s.mu.Lock()
	s.record.misses = misses
	kind := s.record.frameKind()
	s.mu.Unlock()
	s.o.OnSilence(Silence{Misses: misses, LastFrame: s.wire.seen.lastTime(), LastFrameKind: kind})
}
