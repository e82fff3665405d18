package supervisor

import (
	"context"
	"time"
)

// sleptAtLeast is the step of the wall clock against the monotonic one that
// counts as sleep. The monotonic clock stands still in suspend on Linux and
// macOS; a clock that was set, or a machine that starved us, looks the same, and
// is treated the same, which is harmless (PAINS P9).
const sleptAtLeast = 20 * time.Second

// gap notices jumps of the wall clock. The zero value takes its first look for
// the start.
type gap struct {
	wall time.Time
	mono time.Duration
}

// look compares two looks. wall is read without its monotonic part; mono is the
// time since any fixed moment on the monotonic clock.
func (g *gap) look(wall time.Time, mono time.Duration) (slept time.Duration) {
	wall = wall.Round(0)
	if !g.wall.IsZero() {
		slept = wall.Sub(g.wall) - (mono - g.mono)
	}
	g.wall, g.mono = wall, mono
	if slept.Abs() < sleptAtLeast {
		return 0
	}
	return slept.Abs()
}

// watchClock tells the owner when the machine has slept, until ctx ends. It
// wakes as seldom as the rest of a quiet supervisor; logind, where there is one,
// says it at once.
func (s *Supervisor) watchClock(ctx context.Context) {
	began := time.Now()
	var g gap
	woke := watchSleep(ctx)
	tick := time.NewTicker(s.cfg.Policy.Tend)
	defer tick.Stop()
	for {
		now := time.Now()
		if slept := g.look(now, now.Sub(began)); slept > 0 {
			s.log.Info("the clock jumped: the machine slept, or its time was set", "by", slept.Round(time.Second))
			s.Woke()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
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

// Woke says that the machine has slept. What was waiting goes on at once, the
// connection is checked, and for Policy.WakeQuiet no failure counts and nobody is
// notified (BEHAVIOUR F3).
func (s *Supervisor) Woke() { s.send(func(o *owner) { o.woke(time.Now()) }) }

func (o *owner) woke(now time.Time) {
	o.quietUntil = now.Add(o.cfg.Policy.WakeQuiet)
	switch {
	case o.gen != nil:
		poke(o.gen.awake)
	case o.status.Phase == Waiting:
		o.retry.Reset(0)
	}
}
