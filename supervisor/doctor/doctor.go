// Package doctor checks everything that clawtray depends on. For each thing it says how it
// is and, when something is wrong, what to do (BEHAVIOUR N4). It changes nothing, works
// with and without a running clawtray, and cannot hang.
//
// A [Check] looks at one thing and returns [Finding] values. [Examine] runs checks at the
// same time, each with its own deadline. [Findings.Text] is the result for people, and its
// JSON is for programs. [Subject.Checks] are the checks of the machine. The tray has checks
// of the desktop, and package commands joins both.
package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"clawtray/supervisor/words"
)

// Level is how bad a finding is.
type Level string

// The levels. A problem needs a person; a warning does not.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Problem Level = "problem"
)

// Finding is the state of one thing. All texts are for people.
type Finding struct {
	Name   string   `json:"name"` // stable: "settings", "runtime", "last-run" ...
	Level  Level    `json:"level"`
	Detail string   `json:"detail"`
	Remedy string   `json:"remedy,omitempty"` // what to do, in one line
	More   []string `json:"more,omitempty"`   // details, such as where the runtime was searched
}

// Check checks one thing. Look may return several findings, or none when there is nothing
// to say on this machine. Look must change nothing.
type Check struct {
	Name  string // name of the finding when Look does not answer in time
	Limit time.Duration
	Look  func(context.Context) []Finding
}

// defaultLimit is the limit of a check without one. A healthy thing answers in
// milliseconds, or in a second on a busy machine.
const defaultLimit = 5 * time.Second

// Findings are the findings of all checks, in the sequence of the checks.
type Findings []Finding

// Healthy reports whether there is no problem. Warnings do not count.
func (f Findings) Healthy() bool { return f.count(Problem) == 0 }

func (f Findings) count(level Level) (n int) {
	for _, one := range f {
		if one.Level == level {
			n++
		}
	}
	return n
}

// MarshalJSON returns {"healthy": bool, "findings": [...]}.
func (f Findings) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Healthy  bool      `json:"healthy"`
		Findings []Finding `json:"findings"`
	}{f.Healthy(), append([]Finding{}, f...)})
}

// Examine runs the checks and returns what they found, with redact applied to
// every text. It returns by the longest limit at the latest: a check that does
// not answer is itself a problem, and is left to itself.
func Examine(ctx context.Context, checks []Check, t words.Doctor, redact func(string) string) Findings {
	answers := make([]chan []Finding, len(checks))
	for i, c := range checks {
		answers[i] = make(chan []Finding, 1)
		go func() { answers[i] <- c.run(ctx, t) }()
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
func (c Check) run(ctx context.Context, t words.Doctor) []Finding {
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
	case f := <-found: // Look answered at the same moment
		return f
	default:
	}
	return []Finding{{Name: c.Name, Level: Problem, Detail: fmt.Sprintf(t.Silent, limit), Remedy: t.SilentRemedy}}
}
