package supervisor

import (
	"slices"
	"time"
)

// Governor limits automatic restarts (BEHAVIOUR D3). It never limits a restart that a
// person asks for; such a restart clears the record instead.
type Governor struct {
	Cooldown    time.Duration // minimum time to the next restart; doubles with each restart within Window
	MaxCooldown time.Duration
	Budget      int // how many restarts are allowed within Window
	Window      time.Duration
}

// Restarts are the times of the automatic restarts, oldest first. It is a value; its
// methods return the changed one.
type Restarts []time.Time

// Allow reports whether an automatic restart at now is allowed, and how long it has to
// wait. When the budget is used up, ok is false and reopens says when the next restart will
// be allowed.
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

// Add records a restart at t and removes times that are older than the window.
func (r Restarts) Add(t time.Time, window time.Duration) Restarts {
	return append(slices.Clone(r.since(t.Add(-window))), t)
}

func (r Restarts) since(t time.Time) Restarts {
	i, _ := slices.BinarySearchFunc(r, t, time.Time.Compare)
	return r[i:]
}
