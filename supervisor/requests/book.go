package requests

import (
	"cmp"
	"slices"
	"time"
)

// maxPending limits the requests of a book. More than a person can answer are an attack or
// a mistake. Further requests are read when there is room again.
const maxPending = 1000

// Book has the pending requests of one gateway. The zero value is empty. It contains no
// clock: its methods get the time.
type Book struct {
	now     Mark
	pending map[key]entry
	gone    map[key]Mark // answered or expired requests, kept until the next list has been read
}

// Mark is a moment between two changes of a book.
type Mark uint64

type key struct {
	kind Kind
	id   string
}

type entry struct {
	Request
	since Mark
}

func (r Request) key() key { return key{r.Kind, r.ID} }

// Requested adds a request from an event.
func (b *Book) Requested(r Request) {
	b.now++
	b.put(r)
}

func (b *Book) put(r Request) {
	if _, known := b.pending[r.key()]; !known && len(b.pending) >= maxPending {
		return
	}
	if b.pending == nil {
		b.pending = map[key]entry{}
	}
	b.pending[r.key()] = entry{r, b.now}
}

// Resolved removes a request that somebody has answered.
func (b *Book) Resolved(kind Kind, id string) {
	b.now++
	if b.gone == nil {
		b.gone = map[key]Mark{}
	}
	delete(b.pending, key{kind, id})
	if len(b.gone) < 10*maxPending {
		b.gone[key{kind, id}] = b.now
	}
}

// Begin returns the mark for a list. Call it before the gateway is asked for the list,
// because the list is older than the events that arrive meanwhile.
func (b *Book) Begin() Mark { return b.now }

// Listed adds the list of one kind that was asked for at began. A request from a later
// event stays, and a request that was resolved later does not come back. Only one list may
// be asked for at a time.
func (b *Book) Listed(kind Kind, list []Request, began Mark) {
	b.now++
	for k, e := range b.pending {
		if k.kind == kind && e.since <= began {
			delete(b.pending, k)
		}
	}
	for _, r := range list {
		if _, newer := b.pending[r.key()]; !newer && b.gone[r.key()] <= began {
			b.put(r)
		}
	}
	for k, at := range b.gone {
		if k.kind == kind && at <= began {
			delete(b.gone, k)
		}
	}
}

// Expire removes the requests that have expired at now, and returns when the next one
// expires; zero means never.
func (b *Book) Expire(now time.Time) (next time.Time) {
	for k, e := range b.pending {
		switch {
		case e.Expires.IsZero():
		case !now.Before(e.Expires):
			b.Resolved(k.kind, k.id)
		case next.IsZero() || e.Expires.Before(next):
			next = e.Expires
		}
	}
	return next
}

// Find returns the pending request with this kind and id. An empty kind means any kind.
func (b *Book) Find(kind Kind, id string) (Request, bool) {
	for k, e := range b.pending {
		if k.id == id && (kind == "" || k.kind == kind) {
			return e.Request, true
		}
	}
	return Request{}, false
}

// Pending returns all pending requests, oldest first.
func (b *Book) Pending() []Request {
	all := make([]Request, 0, len(b.pending))
	for _, e := range b.pending {
		all = append(all, e.Request)
	}
	slices.SortFunc(all, func(a, b Request) int {
		return cmp.Or(a.Asked.Compare(b.Asked), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind))
	})
	return all
}
