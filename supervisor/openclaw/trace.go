package openclaw

import (
	"fmt"
	"strings"
)

// Verdict is the result for one candidate.
type Verdict string

// The verdicts of a Step.
const (
	Chosen   Verdict = "chosen"
	Rejected Verdict = "rejected"
	Skipped  Verdict = "skipped" // not needed any more
	Absent   Verdict = "absent"  // nothing was found there
)

// Step is one thing that Resolve looked at.
type Step struct {
	What    string  `json:"what"` // "node", "openclaw", "login shell", "cache"
	Source  string  `json:"source"`
	Path    string  `json:"path,omitempty"`
	Version string  `json:"version,omitempty"`
	Verdict Verdict `json:"verdict"`
	Why     string  `json:"why,omitempty"`
}

func (s Step) String() string {
	parts := []string{fmt.Sprintf("%-8s %-8s %s", s.Verdict, s.What, s.Source)}
	for _, p := range []string{s.Path, s.Version} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	line := strings.Join(parts, "  ")
	if s.Why != "" {
		line += ": " + s.Why
	}
	return line
}

// Trace lists what Resolve looked for, where, what it found, and why it chose as it did
// (BEHAVIOUR N4).
type Trace []Step

func (t Trace) String() string {
	lines := make([]string, len(t))
	for i, s := range t {
		lines[i] = s.String()
	}
	return strings.Join(lines, "\n")
}
