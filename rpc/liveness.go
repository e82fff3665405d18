package rpc

import (
	"context"
	"encoding/binary"
	"slices"
	"time"
)

// tickSlack is how much later than promised a tick may come before the
// connection counts as silent.
const tickSlack = 2 * time.Second

// Silence is what the liveness watch tells its owner. The watch only reports:
// whether a silent gateway is restarted is not its business (F2).
type Silence struct {
	Misses        int       // consecutive pings after which nothing at all arrived; 0: life has returned
	LastFrame     time.Time // when bytes of any kind arrived last
	LastFrameKind string    // what they were, as in Stats
	Unresponsive  bool      // Misses has reached Options.MaxMisses
}

// postponeAfter is how long a watch that waits for silence goes without hearing of
// life. Its timer then never goes off while there is some, which would wake a quiet
// program for nothing.
const postponeAfter = time.Second

// lifeSeen is called by the reader whenever bytes arrive.
func (s *Session) lifeSeen() {
	life := s.wire.lastLife()
	if s.silent.Load() || life.Sub(s.postponed) > postponeAfter {
		s.postponed = life
		select {
		case s.alive <- struct{}{}:
		default:
		}
	}
}

// watch is the liveness goroutine (F1). Any byte that arrives is a sign of
// life; a ping is sent only after a time of silence.
func (s *Session) watch() {
	misses := 0
	report := func(n int) {
		if n == misses {
			return
		}
		misses = n
		s.reportSilence(n)
	}
	for {
		for { // until nothing has arrived for that long
			left := time.Until(s.wire.lastLife().Add(s.quietAfter()))
			if left <= 0 {
				break
			}
			select {
			case <-time.After(left): // a timer set anew would wake a quiet program at its old time, too (Go 1.23 to 1.26)
			case <-s.alive:
			case <-s.ending:
				return
			}
		}
		for { // while it stays silent
			seen := s.wire.reads.Load()
			s.sendPing(nil)
			if !s.sleepUnlessAlive(seen, s.o.PongTimeout) {
				return
			}
			if s.wire.reads.Load() != seen {
				break
			}
			report(misses + 1)
			if !s.sleepUnlessAlive(seen, max(s.o.PingInterval-s.o.PongTimeout, 0)) {
				return
			}
			if s.wire.reads.Load() != seen {
				break
			}
		}
		report(0)
	}
}

// quietAfter is how long silence is nothing unusual. Gateways promise a tick
// (policy.tickIntervalMs, 30 s in all versions): while ticks come, no ping is needed.
func (s *Session) quietAfter() time.Duration {
	return min(max(s.o.PingInterval, s.hello.Policy.TickInterval()+tickSlack), 2*s.o.PingInterval)
}

// sleepUnlessAlive waits for d, or until more has arrived than the seen reads;
// false means that the session ended.
func (s *Session) sleepUnlessAlive(seen uint64, d time.Duration) bool {
	s.silent.Store(true)
	defer s.silent.Store(false)
	over := time.After(d)
	for s.wire.reads.Load() == seen {
		select {
		case <-over:
			return true
		case <-s.alive:
		case <-s.ending:
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
	if s.o.OnSilence != nil {
		s.o.OnSilence(Silence{Misses: misses, LastFrame: s.wire.lastLife(), LastFrameKind: kind, Unresponsive: misses >= s.o.MaxMisses})
	}
}

// Ping asks for one sign of life and waits for its pong.
func (s *Session) Ping(ctx context.Context) error {
	pong := make(chan struct{})
	id := s.sendPing(pong)
	defer s.forgetPing(id)
	select {
	case <-pong:
		return nil
	case <-ctx.Done():
		return contextError("ping", ctx)
	case <-s.ending:
		return &Error{Op: "ping", Kind: KindTransport, Err: s.Err()}
	}
}

// sendPing queues a ping; pong, if any, is closed when its answer comes.
func (s *Session) sendPing(pong chan struct{}) uint64 {
	s.mu.Lock()
	s.lastPing++
	id := s.lastPing
	s.pings = append(s.pings, id)
	if pong != nil {
		s.pongs[id] = pong
	}
	s.mu.Unlock()
	s.wake()
	return id
}

func (s *Session) forgetPing(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pongs, id)
	s.pings = slices.DeleteFunc(s.pings, func(queued uint64) bool { return queued == id })
}

func pingPayload(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

// ponged handles an incoming pong; the reader calls it.
func (s *Session) ponged(payload string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record.frame = framePong
	s.record.lastPong = time.Now()
	if len(payload) != 8 {
		return nil
	}
	id := binary.BigEndian.Uint64([]byte(payload))
	if pong := s.pongs[id]; pong != nil {
		delete(s.pongs, id)
		close(pong)
	}
	return nil
}

// pinged handles an incoming ping; the reader calls it. Only the newest ping
// is answered (RFC 6455, 5.5.3), so a flood of them costs nothing.
func (s *Session) pinged(payload string) error {
	s.mu.Lock()
	s.record.frame = framePing
	s.pong = append([]byte{}, payload...)
	s.mu.Unlock()
	s.wake()
	return nil
}
