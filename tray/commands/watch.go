package commands

import (
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"clawtray/supervisor"
	"clawtray/supervisor/words"
	"clawtray/tray"
)

// follow prints a line for each change until the statuses end. It leaves out changes
// that the line does not show, because the reader would see the same line twice.
func follow(w io.Writer, statuses iter.Seq2[supervisor.Status, error]) error {
	var last string
	var since time.Time
	for s, err := range statuses {
		if err != nil {
			return err
		}
		at := time.Now()
		if !s.PhaseSince.Equal(since) {
			at, since = s.PhaseSince, s.PhaseSince
		}
		if text := line(s); text != last {
			last = text
			fmt.Fprintf(w, "%s  %s\n", at.Local().Format("15:04:05.000"), text)
		}
	}
	return nil
}

// line returns a status as one line: the state, who runs the gateway, the cause, and what
// happens next.
func line(s supervisor.Status) string {
	t := words.Here()
	var b strings.Builder
	b.WriteString(string(s.State))
	add := func(when bool, format string, args ...any) {
		if when {
			fmt.Fprintf(&b, format, args...)
		}
	}
	clock := func(t time.Time) string { return t.Local().Format("15:04:05") }
	add(s.Phase != supervisor.Idle, " (%s)", s.Phase)
	add(s.Mode != supervisor.NoMode, " %s", s.Mode)
	add(s.PID != 0, " pid %d", s.PID)
	add(s.Cause.Code != supervisor.NoCause, ": %s", tray.Sentence(s.Cause))
	add(!s.NextRetryAt.IsZero(), t.Said.Attempt, clock(s.NextRetryAt), s.Attempts, s.MaxAttempts)
	add(s.ActiveWork > 0, t.Said.Active, s.ActiveWork)
	add(!s.Deadline.IsZero(), t.Said.Until, clock(s.Deadline))
	add(s.SlowStart, t.Said.Slow, s.LastLine)
	if s.State == supervisor.Running {
		for _, r := range s.Health.Reasons {
			add(true, "; %s: %s", r.Severity, tray.Reason(r))
		}
	}
	return b.String()
}
