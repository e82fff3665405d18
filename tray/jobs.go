package tray

import (
	"context"
	"sync"
)

// jobs carries out clicks on other goroutines, so that the loop is never blocked. Only the
// loop starts jobs.
type jobs struct {
	all  sync.WaitGroup
	busy map[string]bool // key: what the job does
	done chan func()     // functions that the loop calls after a job
}

func newJobs() *jobs { return &jobs{busy: map[string]bool{}, done: make(chan func(), 8)} }

// start starts a job, unless a job that does the same is running; then the click needs no
// other one. So the number of jobs is limited and every click is accepted. The loop calls
// the function that the job returns.
func (j *jobs) start(ctx context.Context, what string, job func(context.Context) func()) {
	if j.busy[what] {
		return
	}
	j.busy[what] = true
	j.all.Go(func() {
		finish := job(ctx)
		select {
		case j.done <- func() { delete(j.busy, what); finish() }:
		case <-ctx.Done():
		}
	})
}

// wait waits until every job has returned.
func (j *jobs) wait() { j.all.Wait() }
