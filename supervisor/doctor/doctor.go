// Package doctor looks at everything clawtray depends on and says for each
// thing how it is and, where something is wrong, what to do (BEHAVIOUR N4). It
// changes nothing, works with and without a running clawtray, and cannot hang.
//
// A [Check] looks at one thing and returns [Finding] values. [Examine] runs
// checks side by side, each with its own deadline. [Findings.Text] is the result
// for a person; its JSON is for programs. [Subject.Checks] are the checks of the
// machine; the tray has its own for the desktop, and main puts them together.
package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Level is how bad a finding is.
type Level string

// The levels. A warning needs nobody; a problem does.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Problem Level = "problem"
)

// Finding is how one thing is. All texts are for people.
type Finding struct {
	Name   string   `json:"name"` // stable: "settings", "runtime", "last-run" ...
	Level  Level    `json:"level"`
	Detail string   `json:"detail"`
	Remedy string   `json:"remedy,omitempty"` // what to do, in one line
	More   []string `json:"more,omitempty"`   // the long version, such as where the runtime was looked for
}

// Check looks at one thing. Look may return several findings, or none when there
// is nothing to say on this machine; it must change nothing.
type Check struct {
	Name  string // of the finding that says Look did not answer
	Limit time.Duration
	Look  func(context.Context) []Finding
}

// defaultLimit is for a check without a Limit: what is healthy answers in
// milliseconds, a busy machine in a second.
const defaultLimit = 5 * time.Second

// Findings are the answers of all checks, in the order of the checks.
type Findings []Finding

// Healthy reports whether there is no problem. Warnings are healthy.
func (f Findings) Healthy() bool { return f.count(Problem) == 0 }

func (f Findings) count(level Level) (n int) {
	for _, one := range f {
		if one.Level == level {
			n++
		}
	}
	return n
}

// MarshalJSON is {"healthy": bool, "findings": [...]}.
func (f Findings) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Healthy  bool      `json:"healthy"`
		Findings []Finding `json:"findings"`
	}{f.Healthy(), append([]Finding{}, f...)})
}

// Examine runs the checks and returns what they found, with redact applied to
// every text. It returns by the longest limit at the latest: a check that does
// not answer is itself a problem, and is left to itself.
func Examine(ctx context.Context, checks []Check, redact func(string) string) Findings {
	answers := make([]chan []Finding, len(checks))
	for i, c := range checks {
		answers[i] = make(chan []Finding, 1)
		go func() { answers[i] <- c.run(ctx) }()
	}
	var all Findings
	for _, answer := range answers {
		for _, f := range <-answer {
			f.Detail, f.Remedy = redact(f.Detail), redact(f.Remedy)
			for i := range f.More {
				f.More[i] = redact(f.More[i])
			}
			all = append(all, f)
		}
	}
	return all
}

// run waits for Look, but not longer than its limit: a file system that is gone
// holds a look for ever, whatever its context says.
func (c Check) run(ctx context.Context) []Finding {
	limit := c.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	found := make(chan []Finding, 1)
	go func() { found <- c.Look(ctx) }()
	select {
	case f := <-found:
		return f
	case <-ctx.Done():
	}
	select {
	case f := <-found: // it answered at the same moment
		return f
	default:
	}
	return []Finding{{Name: c.Name, Level: Problem, Detail: fmt.Sprintf("no answer within %v", limit),
		Remedy: "Try again; if it stays so, a disk, a program or the system behind it hangs."}}
}
