package supervisor

import (
	"slices"
	"time"
)

// incidents is the record of trouble, newest first. It is a value: methods
// return the changed one and leave what was published alone.
type incidents struct {
	list []Incident
	n    int
}

// open begins an incident, or gives the open one its newest cause.
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

// end closes the open incident, if any.
func (i incidents) end(now time.Time) incidents {
	if len(i.list) == 0 || !i.list[0].Open() {
		return i
	}
	list := slices.Clone(i.list)
	list[0].Ended = now
	return incidents{list, i.n}
}

// attempt counts a start for the open incident, if any.
func (i incidents) attempt() incidents {
	if len(i.list) == 0 || !i.list[0].Open() {
		return i
	}
	list := slices.Clone(i.list)
	list[0].Attempts++
	return incidents{list, i.n}
}
