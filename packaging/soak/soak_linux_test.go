package main

import (
	"slices"
	"strings"
	"testing"
)

// TestTableNoticesGrowth: growth of each figure is noticed, also when it began late.
func TestTableNoticesGrowth(t *testing.T) {
	day := make([]sample, 40)
	if !table(day) {
		t.Error("a flat day grows")
	}
	for f := range figures {
		grows := slices.Clone(day)
		for i := range grows {
			grows[i][f] = float64(max(0, i-20))
		}
		if table(grows) {
			t.Errorf("figure %d grows unnoticed", f)
		}
	}
}

// TestCountLeavesOutWhatHasEnded: the scheduler also lists goroutines that have ended and
// that it keeps for reuse.
func TestCountLeavesOutWhatHasEnded(t *testing.T) {
	const trace = `SCHED 0ms: gomaxprocs=2
  P0: status=0
  G1: status=4(chan receive) m=nil lockedm=nil
  G2: status=6() m=nil lockedm=nil
  G3: status=2() m=0 lockedm=nil
SCHED 1000ms: gomaxprocs=2
`
	var d day
	d.count(strings.NewReader(trace))
	if n := d.goroutines.Load(); n != 2 {
		t.Errorf("%d goroutines", n)
	}
}
