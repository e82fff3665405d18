package supervisor

import (
	"context"
	"sync"
	"time"

	"clawtray/rpc"
)

// sleptAtLeast is the step of the wall clock against the monotonic one that
// counts as sleep, and how much later than due a look has to be. The monotonic
// clock stands still in suspend on Linux and macOS and goes on on Windows; a
// clock that was set, or a machine that starved us, looks the same, and is
// treated the same, which is harmless (PAINS P9).
const sleptAtLeast = 20 * time.Second

// gap notices jumps of the wall clock. The zero value takes its first look for
// the start.
type gap struct {
	wall time.Time
	mono time.Duration
}

// look compares two looks that are at most due apart, unless the machine slept.
// wall is read without its monotonic part; mono is the time since any fixed
// moment on the monotonic clock.
func (g *gap) look(wall time.Time, mono, due time.Duration) (slept time.Duration) {
	wall = wall.Round(0)
	if !g.wall.IsZero() {
		took := mono - g.mono
		slept = max((wall.Sub(g.wall) - took).Abs(), took-due)
	}
	g.wall, g.mono = wall, mono
	if slept < sleptAtLeast {
		return 0
	}
	return slept
}

// watchClock keeps the beat and tells the owner when the machine has slept, until
// ctx ends. logind, where there is one, says it at once.
//
// The gateway is not told beforehand: gateway.suspend.prepare (from OpenClaw
// 2026.8 on) is for hosts that freeze one process. It is refused whenever
// anything is active, and an idle gateway loses nothing in its sleep.
func (s *Supervisor) watchClock(ctx context.Context) {
	began := time.Now()
	var g gap
	woke := s.host.Wakes(ctx)
	due := s.cfg.Policy.Tend + beatSlack
	for {
		now := time.Now()
		if slept := g.look(now, now.Sub(began), due); slept > 0 {
			s.log.Info("the clock jumped: the machine slept, or its time was set", "by", slept.Round(time.Second))
			s.Woke()
		}
		beat := s.beat.C()
		select {
		case <-ctx.Done():
			return
		case <-time.After(due): // a timer set anew would wake the program at its old time, too
			s.beat.strike(0)
			s.cfg.OnBeat()
		case <-beat:
			s.cfg.OnBeat()
		case _, ok := <-woke:
			if !ok {
				woke = nil
				continue
			}
			s.log.Info("the machine woke up")
			s.Woke()
		}
	}
}

// Wakes implements Host.
func (m *Machine) Wakes(ctx context.Context) <-chan struct{} { return watchSleep(ctx) }

// Woke says that the machine has slept. Every deadline that runs begins anew,
// what was waiting goes on at once, the connection is checked, and for
// Policy.WakeQuiet no failure counts and nobody is notified (BEHAVIOUR F3).
func (s *Supervisor) Woke() { s.send(func(o *owner) { o.woke(time.Now()) }) }

func (o *owner) woke(now time.Time) {
	o.quietUntil = now.Add(o.cfg.Policy.WakeQuiet)
	switch {
	case o.gen != nil:
		o.gen.awake.ring()
	case o.status.Phase == Waiting:
		o.retry.Reset(0)
	}
}

// alarm tells everybody who waits in a generation that the machine has slept.
type alarm struct {
	mu sync.Mutex
	c  chan struct{}
}

func newAlarm() *alarm { return &alarm{c: make(chan struct{})} }

// C is closed when the alarm rings next.
func (a *alarm) C() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.c
}

func (a *alarm) ring() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.c)
	a.c = make(chan struct{})
}

// timeout is context.WithTimeout in time awake: sleep makes it begin anew.
func (g *generation) timeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	g.helpers.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-g.awake.C():
			case <-time.After(d):
				cancel(context.DeadlineExceeded)
				return
			}
		}
	})
	return ctx, func() { cancel(nil) }
}

// checkAfterSleep drops a connection that did not survive the sleep, so that
// serve makes a new one to the same process at once.
func (g *generation) checkAfterSleep(ctx context.Context, s *rpc.Session) {
	ctx, cancel := context.WithTimeout(ctx, g.p.VerifyTimeout)
	defer cancel()
	if err := s.Ping(ctx); err != nil && ctx.Err() == context.DeadlineExceeded {
		g.log.Info("the connection did not survive the sleep")
		s.Abort(err)
	}
}
