package supervisor

import (
	"context"
	"iter"
	"sync/atomic"
)

// board shows the newest status to any number of observers. Values form a
// linked list: an observer walks it at its own pace, so none misses a
// transition and none can hold up the owner (BEHAVIOUR A2). What every
// observer has passed is garbage.
type board struct {
	newest atomic.Pointer[posting]
}

type posting struct {
	status Status
	next   *posting      // set before more is closed
	more   chan struct{} // closed when next is there
}

func newBoard(first Status) *board {
	b := &board{}
	b.newest.Store(&posting{status: first, more: make(chan struct{})})
	return b
}

// post is for the owner only.
func (b *board) post(s Status) {
	last := b.newest.Load()
	last.next = &posting{status: s, more: make(chan struct{})}
	b.newest.Store(last.next)
	close(last.more)
}

func (b *board) status() Status { return b.newest.Load().status }

// watch yields the newest status, then every later one in order, until ctx ends,
// or until ended is closed and all have been seen.
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
