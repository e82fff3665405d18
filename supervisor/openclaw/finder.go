package openclaw

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"strings"
	"time"
)

// finder is the state of one search: its inputs, what was asked already, and the trace.
type finder struct {
	ctx   context.Context // of the call of Resolve that uses this finder
	s     Search
	trace Trace

	shellLimit time.Duration // loginShellLimit, longer in tests

	asked map[string]node // by path, because several sources offer the same Node
	noted map[Step]bool   // what the trace contains already
	login *[]string       // the login shell's PATH; nil until the shell was asked
}

func newFinder(ctx context.Context, s Search) *finder {
	s.OS = cmp.Or(s.OS, runtime.GOOS)
	s.ProjectDir = cmp.Or(s.ProjectDir, s.Home)
	return &finder{ctx: ctx, s: s, shellLimit: loginShellLimit, asked: map[string]node{}, noted: map[Step]bool{}}
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

// allTooOld reports whether every Node in the trace whose version is known is too old for the range.
func (f *finder) allTooOld(engines string) bool {
	told := false
	for _, s := range f.trace {
		if s.What == "node" && s.Version != "" {
			told = true
			if !tooOld(engines, s.Version) {
				return false
			}
		}
	}
	return told
}
