package openclaw

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"strings"
)

// finder carries one search: its inputs, what was asked already, and the trace.
type finder struct {
	ctx   context.Context // of the one Resolve call this finder lives for
	s     Search
	trace Trace

	asked map[string]node // by path: the same Node is offered by several sources
	noted map[Step]bool   // the trace says each thing once
	login *[]string       // the login shell's PATH, nil until it was asked
}

func newFinder(ctx context.Context, s Search) *finder {
	s.OS = cmp.Or(s.OS, runtime.GOOS)
	s.ProjectDir = cmp.Or(s.ProjectDir, s.Home)
	return &finder{ctx: ctx, s: s, asked: map[string]node{}, noted: map[Step]bool{}}
}

func (f *finder) note(s Step) {
	if !f.noted[s] {
		f.noted[s] = true
		f.trace = append(f.trace, s)
	}
}

// foundNodes lists the Nodes of the trace for a message: "22.22.3 at /usr/bin/node".
func (f *finder) foundNodes() string {
	var found []string
	for _, s := range f.trace {
		if s.What != "node" || s.Verdict == Absent {
			continue
		}
		words := s.Version + " at " + s.Path
		if s.Version == "" {
			words = s.Path + " (unusable: " + s.Why + ")"
		}
		if !slices.Contains(found, words) {
			found = append(found, words)
		}
	}
	return strings.Join(found, ", ")
}
