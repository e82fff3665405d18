package supervisor

import (
	"context"
	"iter"
	"sync/atomic"
)

// board publishes the status to any number of observers. The statuses are a linked list,
// which each observer follows at its own pace. So no observer misses a status, and none can
// block the owner (BEHAVIOUR A2). Entries that all observers have read can be
// garbage-collected.
type board struct {
	newest atomic.Pointer[posting]
}

type posting struct {
	status Status
	next   *posting      // set before more is closed
	more   chan struct{} // closed when next is set
}

func newBoard(first Status) *board {
	b := &board{}
	b.newest.Store(&posting{status: first, more: make(chan struct{})})
	return b
}

// post publishes a status. Only the owner calls it.
func (b *board) post(s Status) {
	last := b.newest.Load()
	last.next = &posting{status: s, more: make(chan struct{})}
	b.newest.Store(last.next)
	close(last.more)
}

func (b *board) status() Status { return b.newest.Load().status }

// watch yields the current status and then every later one in sequence. It ends with ctx,
// or when ended is closed and all statuses were yielded.
func (b *board) watch(ctx context.Context, ended <-chan struct{}) iter.Seq[Status] {
	return func(yield func(Status) bool) {
		p := b.newest.Load()
		for yield(p.status) {
			select {
			case <-p.more:
				p = p.next
			case <-ctx.Done():
				return
			case <-ended:
				if !closed(p.more) {
					return
				}
				p = p.next
			}
		}
	}
}
