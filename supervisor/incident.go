package supervisor

import (
	"slices"
	"time"
)

// incidents are the recorded incidents, newest first. It is a value: methods return a
// changed copy and never change a published list.
type incidents struct {
	list []Incident
	n    int
}

// open begins an incident. If one is already open, it gets the new cause.
func (i incidents) open(c Cause, now time.Time, quiet bool) incidents {
	if len(i.list) > 0 && i.list[0].Open() {
		list := slices.Clone(i.list)
		list[0].Cause = c
		return incidents{list, i.n}
	}
	i.n++
	list := append([]Incident{{ID: i.n, Began: now, Cause: c, Quiet: quiet}}, i.list...)
	return incidents{list[:min(len(list), MaxIncidents)], i.n}
}

// reopen opens the newest incident again when its cause was a lost connection and it ended
// later than after.
func (i incidents) reopen(after time.Time) incidents {
	if len(i.list) == 0 || i.list[0].Open() || i.list[0].Ended.Before(after) || i.list[0].Cause.Code != Disconnected {
		return i
	}
	list := slices.Clone(i.list)
	list[0].Ended = time.Time{}
	return incidents{list, i.n}
}

// end ends the open incident, if there is one.
func (i incidents) end(now time.Time) incidents {
	if len(i.list) == 0 || !i.list[0].Open() {
		return i
	}
	list := slices.Clone(i.list)
	list[0].Ended = now
	return incidents{list, i.n}
}

// attempt counts a start in the open incident, if there is one.
func (i incidents) attempt() incidents {
	if len(i.list) == 0 || !i.list[0].Open() {
		return i
	}
	list := slices.Clone(i.list)
	list[0].Attempts++
	return incidents{list, i.n}
}
