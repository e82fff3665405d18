package machine

import (
	"errors"
	"hash/fnv"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A brand is a resource limit that nobody uses, set to a value that is made from the run
// id. Every process that the gateway starts inherits it, also one that clears its
// environment, starts a session of its own and loses its parent. The kernel shows it to
// the same user with one system call that never waits, so it is cheap to look through
// thousands of processes.
//
// We could instead become the parent of all orphans (PR_SET_CHILD_SUBREAPER). But then the
// orphans of all that we start would come to us, and we could not tell an orphan of the
// gateway from the browser that we opened.

// brandLimit is the limit on how long a real-time thread may run without a pause. A brand
// sets it to more than 146,000 years.
const brandLimit = unix.RLIMIT_RTTIME

// brandOf is the brand of a run: the value of the limit, in microseconds.
func brandOf(runID string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(runID))
	return h.Sum64()>>2 | 1<<62
}

// branding is locked while this process has a brand itself.
var branding sync.Mutex

// startBranded calls start, which starts one process, and lets that process inherit the
// brand of a run. Until start returns, we have the brand ourselves: a brand that is set
// later would miss what the process starts at once. The result is the mark of the run; it
// has no brand when the system refuses.
func startBranded(runID string, since int64, start func() (pid int, err error)) (mark, error) {
	branding.Lock()
	defer branding.Unlock()
	var before unix.Rlimit
	err := unix.Getrlimit(brandLimit, &before)
	if err == nil {
		err = unix.Setrlimit(brandLimit, &unix.Rlimit{Cur: brandOf(runID), Max: before.Max})
	}
	if err != nil {
		_, err := start()
		return unbranded(runID, since), err
	}
	pid, err := start()
	_ = unix.Setrlimit(brandLimit, &before) // cannot fail, because this limit was allowed before
	takeBack(runID, pid, before)
	return withBrand(runID), err
}

// takeBack removes the brand from our other children, which another goroutine may have
// started at the same moment.
func takeBack(runID string, leader int, before unix.Rlimit) {
	all, err := table()
	if err != nil {
		return // this is very rare; then a stop would end such a child, too
	}
	for _, p := range all {
		if p.parent == os.Getpid() && p.pid != leader && branded(p.pid, runID) {
			_ = unix.Prlimit(p.pid, brandLimit, &before, nil)
		}
	}
}

func branded(pid int, runID string) bool {
	var limit unix.Rlimit
	err := unix.Prlimit(pid, brandLimit, nil, &limit)
	return err == nil && limit.Cur == brandOf(runID)
}

// on reports whether a process carries the mark.
func (m mark) on(p processInfo) (bool, error) {
	var limit unix.Rlimit
	err := unix.Prlimit(p.pid, brandLimit, nil, &limit)
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ESRCH):
		return false, nil // another user's, or gone
	case err == nil && limit.Cur == brandOf(m.runID):
		return true, nil
	case err == nil && limit.Cur == unix.RLIM_INFINITY && p.start < m.from:
		return false, nil
	}
	return m.environment(p.pid) // there is no brand, or it set a limit of its own
}
