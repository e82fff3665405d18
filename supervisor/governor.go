package supervisor

import (
	"slices"
	"time"
)

// Governor bounds automatic restarts (BEHAVIOUR D3). What a person asks for
// never passes it; it clears the record instead.
type Governor struct {
	Cooldown    time.Duration // least distance after the first restart, doubling with each
	MaxCooldown time.Duration
	Budget      int // restarts within Window before a person has to look
	Window      time.Duration
}

// Restarts is the governor's memory: when automatic restarts were made, oldest
// first. It is a value; its methods return the changed one.
type Restarts []time.Time

// Allow says how long an automatic restart at now has to wait, or that the
// budget is spent and when it would reopen.
func (g Governor) Allow(r Restarts, now time.Time) (wait time.Duration, reopens time.Time, ok bool) {
	recent := r.since(now.Add(-g.Window))
	if len(recent) >= g.Budget {
		return 0, recent[len(recent)-g.Budget].Add(g.Window), false
	}
	if len(recent) == 0 {
		return 0, time.Time{}, true
	}
	next := recent[len(recent)-1].Add(doubled(g.Cooldown, len(recent)-1, g.MaxCooldown))
	return max(0, next.Sub(now)), time.Time{}, true
}

// Add records a restart at t and forgets what is older than the window.
func (r Restarts) Add(t time.Time, window time.Duration) Restarts {
	return append(slices.Clone(r.since(t.Add(-window))), t)
}

func (r Restarts) since(t time.Time) Restarts {
	i, _ := slices.BinarySearchFunc(r, t, time.Time.Compare)
	return r[i:]
}
