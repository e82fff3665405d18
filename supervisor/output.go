package supervisor

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

const (
	startupLines = 120  // kept of a start, for diagnosis (BEHAVIOUR J3)
	recentLines  = 200  // kept overall
	maxLine      = 4096 // bytes of a line that are kept; a gateway may log whole payloads
	telling      = 1024 // bytes of a line that say what it is worth; the rest is payload, and slow to search
	repeatEvery  = 50   // a repeated line is logged once, then each time this many came
)

// Line is one line of the child's output, without its end.
type Line struct {
	Text   string
	Stderr bool
}

// Severity is what a line of the child's output is worth.
type Severity uint8

// The severities, from noise to trouble.
const (
	Drop Severity = iota
	Debug
	Info
	Warn
)

var (
	ansi = regexp.MustCompile("\x1b\\[[0-9;?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(\x07|\x1b\\\\)")
	// Lines that Node and OpenClaw print at every start and that say nothing about trouble.
	noise = regexp.MustCompile(`(?i)^\s*$|ExperimentalWarning|--trace-warnings|--trace-deprecation|DeprecationWarning|^\(Use .node`)
	// What comes with trouble and does not say what it is.
	chatter = regexp.MustCompile(`(?i)^\s+at |startup trace:|\[ws\]|wrote stability bundle`)
	// What comes all the time, and says so when it fails.
	routine  = regexp.MustCompile(`(?i)heartbeat|\btick\b`)
	troubled = regexp.MustCompile(`(?i)\berror|did not|\bfail|\bfatal|invalid|refus|denied|cannot|unable|EADDRINUSE|ENOSPC|EACCES|EROFS|EPERM|panic|uncaught|unhandled|\bwarn|blocked|already|timed? ?out|unsupported|requires|breaker`)
)

// Classify says what a line is worth. Everything unknown on stderr is a
// warning: better one line too many than a lost reason.
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

// Output keeps the child's last words: the start's and the newest lines, in
// order, bounded, redacted. It is safe for concurrent use.
type Output struct {
	redact func(string) string

	mu        sync.Mutex
	startup   []string
	recent    ring
	last      string // newest Warn line, or newest Info line before any
	lastIsBad bool
	repeated  string
	count     int
	dropped   int
}

// NewOutput returns an empty record. redact is applied to each line before it
// is kept; nil keeps lines as they are.
func NewOutput(redact func(string) string) *Output {
	if redact == nil {
		redact = func(s string) string { return s }
	}
	return &Output{redact: redact, recent: ring{lines: make([]string, 0, recentLines)}}
}

// Add records a line. It returns the text to log with its severity; repeats is
// 1 for a new line, 0 for a repetition that should not be logged, and the count
// at every 50th.
func (o *Output) Add(l Line) (text string, sev Severity, repeats int) {
	l.Text = strings.TrimRight(ansi.ReplaceAllString(strings.ToValidUTF8(l.Text, "?"), ""), "\r\n \t")
	if len(l.Text) > maxLine {
		l.Text = strings.ToValidUTF8(l.Text[:maxLine], "") + "…"
	}
	sev = Classify(l)
	text = o.redact(l.Text)

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

// Last is the newest line that says something about trouble; before any, the newest line.
func (o *Output) Last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last
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

var leadingTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)\s*`)

// withoutTime is the line without the time the gateway puts first, so that a
// repetition is seen as one.
func withoutTime(s string) string { return leadingTime.ReplaceAllString(s, "") }

// ring keeps the newest cap(lines) lines.
type ring struct {
	lines []string
	next  int // where the next one goes once full
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
