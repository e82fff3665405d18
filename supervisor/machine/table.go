package machine

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"sync"

	"clawtray/supervisor/openclaw"
)

// identity names one process until the next boot. The pid alone does not, because the
// system uses pids again.
type identity struct {
	pid   int
	start int64 // start time from inspect, in the system's own unit
}

// processInfo is what the system tells about a process.
type processInfo struct {
	identity
	parent int  // pid; 0 where the system does not tell reliably
	ended  bool // a zombie: nothing runs any more
}

// errGone says that no process has this pid. Every other error of inspect means that the
// system did not let us look.
var errGone = errors.New("no process has this pid")

// lives reports whether a process is still alive.
func lives(id identity) (bool, error) {
	info, err := inspect(id.pid)
	if errors.Is(err, errGone) {
		return false, nil
	}
	return err == nil && info.start == id.start && !info.ended, err
}

// mark is how we recognise the processes of one run of clawtray: the gateway, and all that
// it starts, directly or indirectly. They have the run id in their environment, and where
// the system can do it a brand, too (see brand_linux.go).
type mark struct {
	runID string
	// from is a start time. We read the environment only of processes that are not older:
	// older ones cannot be of this run. In a run whose processes all have the brand, from
	// is later than every process, because the brand alone tells.
	from int64
}

// withBrand is the mark of a run whose processes all have the brand.
func withBrand(runID string) mark { return mark{runID: runID, from: math.MaxInt64} }

// unbranded is the mark of a run that began at since and whose processes have no brand. 0
// means that the beginning is not known.
func unbranded(runID string, since int64) mark {
	return mark{runID: runID, from: since}
}

// environment reports whether a process has the run id in its environment. That is
// expensive, but the only way for processes without a brand.
func (m mark) environment(pid int) (bool, error) {
	env, err := environ(pid)
	if err != nil && kindOf(err) == Retry { // we lack something, such as a descriptor; otherwise the system does not show it to us
		return false, err
	}
	return bytes.Contains(env, []byte("\x00"+openclaw.RunIDVar+"="+m.runID+"\x00")), nil
}

// kin are the runs whose processes are ours: this run, and earlier runs whose gateway or
// run file we took over. It outlives an adopted gateway, so that a stop also finds the
// processes which that gateway has left behind.
type kin struct {
	mu    sync.Mutex
	marks []mark
	look  lane
}

// add adds a run.
func (k *kin) add(m mark) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range k.marks {
		if k.marks[i].runID == m.runID {
			k.marks[i].from = min(k.marks[i].from, m.from) // the first gateway of the run may lack the brand of the second
			return
		}
	}
	k.marks = append(k.marks, m)
}

func (k *kin) all() []mark {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.marks)
}

// living lists the living processes of all these runs, without ourselves and our other
// children. The error says that the system did not let us look at all of them.
func (k *kin) living(ctx context.Context) ([]processInfo, error) {
	return call[[]processInfo]{what: "looking through the list of processes", do: func() ([]processInfo, error) {
		all, err := table()
		if err != nil {
			return nil, err
		}
		marks := k.all()
		var failed error
		found := family(all, os.Getpid(), func(p processInfo) bool {
			ours, err := carries(marks, p)
			if err != nil {
				failed = err
			}
			return ours
		})
		return found, failed
	}}.in(ctx, &k.look)
}

// mark is the mark of a run.
func (k *kin) mark(runID string) mark {
	for _, m := range k.all() {
		if m.runID == runID {
			return m
		}
	}
	return unbranded(runID, 0)
}

// carries reports whether a process has one of the marks.
func carries(marks []mark, p processInfo) (ours bool, err error) {
	for _, m := range marks {
		if ours, err = m.on(p); ours || err != nil {
			break
		}
	}
	return ours, err
}

// family picks the processes that have a mark, and all their descendants, because a
// command may have cleared its environment, and macOS shows the environment of its own
// shells to nobody. It calls carries at most once for each process. We ourselves are the
// process me. It is left out, and its descendants are not picked for its sake, because we
// also start processes that do not belong to a gateway.
func family(all []processInfo, me int, carries func(processInfo) bool) []processInfo {
	type node struct {
		processInfo
		known, ours bool
	}
	nodes := make(map[int]*node, len(all))
	for _, p := range all {
		if !p.ended && p.pid != me {
			nodes[p.pid] = &node{processInfo: p}
		}
	}
	var found []processInfo
	var path []*node
	for _, p := range all {
		// Go up to the first ancestor that has a mark or whose answer is known. That answer
		// holds for all processes on the way. A node becomes known on the way up, so that
		// the loop ends also when the parents form a circle, as they may in a list that
		// changed while it was read.
		path = path[:0]
		ours := false
		for n := nodes[p.pid]; n != nil; n = nodes[n.parent] {
			if n.known {
				ours = n.ours
				break
			}
			n.known = true
			path = append(path, n)
			if n.ours = carries(n.processInfo); n.ours {
				ours = true
				break
			}
		}
		for _, n := range path {
			if n.ours = ours; ours {
				found = append(found, n.processInfo)
			}
		}
	}
	return found
}
