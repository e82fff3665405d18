package supervisor

import (
	"context"
	"sync"
	"time"

	"clawtray/rpc"
)

// sleptAtLeast is the difference between the wall clock and the monotonic clock that counts
// as sleep. It is also how late a look must be to count as sleep. The second rule is needed
// because the monotonic clock stands still in suspend on Linux and macOS, but continues on
// Windows. A clock that was set, or a machine that gave us no CPU time, looks the same and
// is treated the same, which is harmless (PAINS P9).
const sleptAtLeast = 20 * time.Second

// gap notices jumps of the wall clock. The first look only records the time.
type gap struct {
	wall time.Time
	mono time.Duration
}

// look compares this look with the one before and returns how long the machine slept, or 0.
// Without sleep, two looks are at most due apart. wall is read without its monotonic part;
// mono is the time on the monotonic clock since any fixed moment.
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

// watchClock makes the beat regular and tells the owner when the machine has slept, until
// ctx ends. Where logind runs, it reports sleep at once.
//
// The gateway is not told before sleep: gateway.suspend.prepare (from OpenClaw 2026.8 on)
// is for hosts that freeze one process. It is refused while anything is active, and an idle
// gateway loses nothing by sleeping.
func (s *Supervisor) watchClock(ctx context.Context) {
	began := time.Now()
	var g gap
	var woke <-chan struct{}
	wakes := s.wakes(ctx)
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
		case <-time.After(due): // a new timer each time, because a timer that is reset would wake the program at its old time, too
			s.beat.strike(0)
			s.cfg.OnBeat()
		case <-beat:
			s.cfg.OnBeat()
		case woke = <-wakes:
			wakes = nil
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

// wakes asks the system to report sleep. It does so on another goroutine, because a system
// bus that hangs may never answer. The channel receives the result of [ProcessHost.Wakes].
func (s *Supervisor) wakes(ctx context.Context) <-chan (<-chan struct{}) {
	asked := make(chan (<-chan struct{}), 1)
	go func() { asked <- s.host.Wakes(ctx) }()
	return asked
}

// Woke tells the owner that the machine has slept. Every running deadline starts again,
// waiting retries are made at once, and the connection is checked. For Policy.WakeQuiet, no
// failure counts and nobody is notified (BEHAVIOUR F3).
func (s *Supervisor) Woke() { s.send(func(o *owner) { o.woke(time.Now()) }) }

func (o *owner) woke(now time.Time) {
	o.quietUntil = now.Add(o.cfg.Policy.WakeQuiet)
	switch {
	case o.gen != nil:
		o.gen.down.slept()
		o.gen.awake.ring()
	case o.wanted: // the gateway waits for its next start
		o.retry.Reset(0)
	}
}

// alarm wakes all goroutines that wait for it, each time it rings.
type alarm struct {
	mu sync.Mutex
	c  chan struct{}
}

func newAlarm() *alarm { return &alarm{c: make(chan struct{})} }

// C returns a channel that is closed when the alarm rings next.
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

// timeout is context.WithTimeout that counts only time awake: after a sleep the time starts
// again.
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

// checkAfterSleep closes a connection that did not survive the sleep, so that a new one to
// the same process is made at once.
func (g *generation) checkAfterSleep(ctx context.Context, s *rpc.Session) {
	ctx, cancel := context.WithTimeout(ctx, g.p.VerifyTimeout)
	defer cancel()
	if err := s.Ping(ctx); err != nil && ctx.Err() == context.DeadlineExceeded {
		g.log.Info("the connection did not survive the sleep")
		s.Abort(err)
	}
}
