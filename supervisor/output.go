package supervisor

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

const (
	startupLines = 120  // number of first lines that are kept, for diagnosis (BEHAVIOUR J3)
	recentLines  = 200  // number of newest lines that are kept
	errorLines   = 30   // number of newest lines of stderr that are kept, because they say why the process ended
	maxLine      = 4096 // bytes of one line that are kept, because a gateway may log whole payloads
	telling      = 1024 // bytes of one line that Classify reads; the rest is payload and slow to search
	repeatEvery  = 50   // a repeated line is logged once, and then once per this many repetitions
)

// Severity is the importance of a line of the child's output.
type Severity uint8

// The severities, from the least important.
const (
	Drop Severity = iota
	Debug
	Info
	Warn
)

var (
	ansi = regexp.MustCompile("\x1b\\[[0-9;?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(\x07|\x1b\\\\)")
	// noise are lines that Node and OpenClaw print at every start and that do not mean
	// trouble.
	noise = regexp.MustCompile(`(?i)^\s*$|ExperimentalWarning|--trace-warnings|--trace-deprecation|DeprecationWarning|^\(Use .node`)
	// chatter are lines that appear together with trouble but do not say what it is.
	chatter = regexp.MustCompile(`(?i)^\s+at |startup trace:|\[ws\]|wrote stability bundle|` +
		// OpenClaw 2026.9.6 adds these to each failed start, for people who analyse it
		`automatic triage|debugging prompt:|sanitized diagnostics:|coding-agent CLI|if already installed, add its|original failure retained`)
	// routine are lines that appear all the time. When the thing fails, the line also
	// matches troubled.
	routine  = regexp.MustCompile(`(?i)heartbeat|\btick\b`)
	troubled = regexp.MustCompile(`(?i)\berror|did not|\bfail|\bfatal|invalid|refus|denied|cannot|unable|EADDRINUSE|ENOSPC|EACCES|EROFS|EPERM|panic|uncaught|unhandled|\bwarn|blocked|already|timed? ?out|unsupported|requires|breaker`)
)

// Classify returns the severity of a line. Unknown lines on stderr are warnings, because
// one line too many is better than a lost reason.
func Classify(l Line) Severity {
	l.Text = l.Text[:min(len(l.Text), telling)]
	switch {
	case noise.MatchString(l.Text):
		return Drop
	case chatter.MatchString(l.Text):
		return Debug
	case troubled.MatchString(l.Text):
		return Warn
	case routine.MatchString(l.Text):
		return Debug
	case l.Stderr:
		return Warn
	}
	return Info
}

// Output keeps the first and the newest lines of the child's output, oldest first, limited
// in number and redacted. It is safe for concurrent use.
type Output struct {
	redact func(string) string

	mu        sync.Mutex
	startup   []string
	recent    ring
	errors    ring
	last      string // newest Warn line; before there is one, the newest Info line
	lastIsBad bool
	repeated  string
	count     int
	dropped   int
	farewell  string // the line that announces an end, until the gateway is ready again
}

// NewOutput returns an empty record. Each line passes through redact, in the sequence of
// the lines, before it is shortened and kept. A nil redact keeps lines as they are.
func NewOutput(redact func(string) string) *Output {
	if redact == nil {
		redact = func(s string) string { return s }
	}
	return &Output{redact: redact, recent: ring{lines: make([]string, 0, recentLines)}, errors: ring{lines: make([]string, 0, errorLines)}}
}

// Add records a line. It returns the text to log and its severity. repeats is 1 for a new
// line, the count at every repeatEvery-th repetition, and 0 for a line that should not be
// logged.
func (o *Output) Add(l Line) (text string, sev Severity, repeats int) {
	l.Text = strings.TrimRight(ansi.ReplaceAllString(strings.ToValidUTF8(l.Text, "?"), ""), "\r\n \t")
	sev = Classify(l)
	text = o.redact(l.Text)
	if len(text) > maxLine { // shorten after redaction, because redact does not recognise a part of a secret
		text = strings.ToValidUTF8(text[:maxLine], "") + "…"
	}

	o.mu.Lock()
	defer o.mu.Unlock()
	if sev == Drop {
		o.dropped++
		return text, sev, 0
	}
	if len(o.startup) < startupLines {
		o.startup = append(o.startup, text)
	}
	o.recent.add(text)
	if l.Stderr {
		o.errors.add(text)
	}
	if sev == Warn || (sev == Info && !o.lastIsBad) {
		o.last, o.lastIsBad = withoutTime(text), sev == Warn
	}
	if same := withoutTime(text); same != o.repeated {
		o.repeated, o.count = same, 0
	}
	o.count++
	switch {
	case o.count == 1:
		return text, sev, 1
	case o.count%repeatEvery == 0:
		return text, sev, o.count
	}
	return text, sev, 0
}

// Last returns the newest line about trouble; before there is one, the newest other line.
func (o *Output) Last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last
}

// announce records a line that announces the gateway's end; empty when it is ready again.
func (o *Output) announce(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.farewell = line
}

// Announced reports whether the gateway said that it would end, and whether it will start
// again. It is false for a nil Output.
func (o *Output) Announced() (restarts, is bool) {
	if o == nil {
		return false, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.HasSuffix(o.farewell, restartLine), o.farewell != ""
}

// Startup returns the first lines of the start, oldest first.
func (o *Output) Startup() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.startup)
}

// Recent returns the newest lines, oldest first.
func (o *Output) Recent() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.recent.all()
}

// LastErrors returns the end of stderr, oldest line first.
func (o *Output) LastErrors() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.errors.all()
}

var leadingTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)\s*`)

// withoutTime returns the line without the time at its start, so that repetitions are
// equal.
func withoutTime(s string) string { return leadingTime.ReplaceAllString(s, "") }

// ring keeps the newest cap(lines) lines.
type ring struct {
	lines []string
	next  int // index of the oldest line once the ring is full
}

func (r *ring) add(s string) {
	if len(r.lines) < cap(r.lines) {
		r.lines = append(r.lines, s)
		return
	}
	r.lines[r.next] = s
	r.next = (r.next + 1) % len(r.lines)
}

func (r *ring) all() []string {
	return slices.Concat(r.lines[r.next:], r.lines[:r.next])
}
