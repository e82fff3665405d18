package supervisor

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// exitText says how a process ended: "exit code 1", "SIGKILL" or "exit code unknown".
func exitText(e Exit) string {
	if e.Signal != "" {
		return e.Signal
	}
	if e.Code < 0 {
		return "exit code unknown"
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

// Outcome is how one generation ended.
type Outcome struct {
	Cause    Cause
	Order    *order        // set when we ended the generation ourselves
	Exit     *Exit         // nil when no process of ours ended
	Mode     Mode          // the mode of the generation
	Theirs   bool          // the generation was attached to somebody else's gateway
	ReadyFor time.Duration // how long the last connection was ready; zero when the gateway never was ready
	Lost     bool          // only the connection ended; the process still runs
	Counted  bool          // Decide has already counted the same trouble as a lost connection
	Remains  []int         // pids of the processes that could not be ended
	Orphans  bool          // descendants of the process may still run; nobody has looked for them
}

// WasReady reports whether the generation ever was ready.
func (o Outcome) WasReady() bool { return o.ReadyFor > 0 }

// exitConfig is EX_CONFIG, the exit code of a gateway that refuses to start (measured from
// OpenClaw 2026.6.11 on).
const exitConfig = 78

// startFailure finds the cause of an exit before ready in the exit code and in lines, the
// end of stderr. last is the last meaningful line. After a signal the words do not count,
// because the process could not say why it ended.
func startFailure(e Exit, lines []string, last string) Cause {
	if c, is := outOfMemory(e, lines); is {
		return c
	}
	if e.Signal != "" {
		return Cause{Code: StartExit, Detail: exitText(e), LastLine: last}
	}
	lines = slices.DeleteFunc(slices.Clone(lines), goesOn.MatchString)
	all := strings.ToLower(strings.Join(lines, "\n"))
	for _, w := range exitWords {
		if i := strings.Index(all, strings.ToLower(w.words)); i >= 0 {
			if at := strings.Index(all, strings.ToLower(w.about)); w.about != "" && at >= 0 {
				i = at
			}
			c := Cause{Code: w.code, Detail: lineAt(strings.Join(lines, "\n"), i), LastLine: last}
			if c.Code == Migrating {
				c.Until = leaseEnd(c.Detail)
			}
			return c
		}
	}
	if e.Code == exitConfig { // the code has many reasons; while the reason is unknown, doctor must not change the file
		return Cause{Code: StartRefused, Detail: last, LastLine: last}
	}
	return Cause{Code: StartExit, Detail: exitText(e), LastLine: last}
}

// leaseTime matches the time at which another process's lease ends, as gateways print it:
// "or after 2026-11-26T10:51:57.000Z" (OpenClaw 2026.9.6).
var leaseTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// leaseEnd returns the time in a line; zero when the line contains none.
func leaseEnd(line string) time.Time {
	end, _ := time.Parse(time.RFC3339, leaseTime.FindString(line))
	return end
}

// heapExhausted matches what V8 prints before it aborts. Only addresses follow that line.
var heapExhausted = regexp.MustCompile(`heap out of memory|Fatal process out of memory`)

// outOfMemory recognises a Node.js process that has used up its heap, before or after the
// gateway was ready.
func outOfMemory(e Exit, lines []string) (Cause, bool) {
	if e.Signal == "" && e.Code == 0 {
		return Cause{}, false
	}
	for _, line := range lines {
		if heapExhausted.MatchString(line) {
			return Cause{Code: OutOfMemory, Detail: exitText(e)}, true
		}
	}
	return Cause{}, false
}

// lineAt returns the line of s that contains byte i, without the gateway's time stamp and
// shortened to fit into a sentence.
func lineAt(s string, i int) string {
	if i >= len(s) { // rare letters change their length in lower case, so i can be outside
		return ""
	}
	start := strings.LastIndexByte(s[:i], '\n') + 1
	line, rest, _ := strings.Cut(s[start:], "\n")
	line = strings.TrimSpace(withoutTime(line))
	if strings.HasSuffix(line, ":") { // the next line says the details
		next, _, _ := strings.Cut(rest, "\n")
		line += " " + strings.TrimSpace(withoutTime(next))
	}
	return short(strings.TrimRight(line, ".")) // the caller puts it into a sentence
}

// short shortens s to a length that fits into a sentence.
func short(s string) string {
	const fits = 200 // runes
	if r := []rune(s); len(r) > fits {
		return string(r[:fits]) + "…"
	}
	return s
}

// exit waits for the last lines of the ended process and returns the cause of its end.
func (g *generation) exit(ctx context.Context) error {
	select {
	case <-g.outDone:
	case <-ctx.Done():
	case <-time.After(lastWords):
	}
	exit := g.proc.Exit()
	if g.readyAt.IsZero() {
		if c, is := g.obstacle(ctx); is && exit.Code != 0 {
			c.LastLine = g.lastLine()
			return c
		}
		if c, is := g.announcedEnd(exit); is {
			return c
		}
		c := startFailure(exit, g.out.LastErrors(), g.lastLine())
		if c.Code == ConfigInvalid && g.plan.repaired != "" {
			c.Detail += "; doctor said: " + g.plan.repaired
		}
		if c.Code == PortConflict {
			if by, err := g.whoListens(ctx); err == nil {
				c = g.conflict(ctx, by)
			}
		}
		if owner := g.host.StateOwner(ctx, g.conf.Paths.StateDir); c.Code == StateDirOwned && owner != nil {
			c = g.owned(*owner)
		}
		return c
	}
	return g.exitMeaning(exit)
}

// obstacle looks for problems that make every start fail, whatever the gateway's last words
// were, for example a full disk.
func (g *generation) obstacle(ctx context.Context) (Cause, bool) {
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	return obstacleCause(g.host.Obstacle(ctx))
}

// lastWords is how long we wait for more output of a process that has ended. There is a
// limit because a grandchild may keep the output open for ever.
const lastWords = 250 * time.Millisecond

// exitMeaning returns the cause of the end of a gateway that had been ready (BEHAVIOUR G).
// The exit code alone says nothing, because gateways end with 0 for many reasons.
func (g *generation) exitMeaning(e Exit) Cause {
	if c, is := outOfMemory(e, g.out.LastErrors()); is {
		return c
	}
	if c, is := g.announcedEnd(e); is {
		return c
	}
	if e.Signal != "" {
		return Cause{Code: Killed, Detail: exitText(e), LastLine: g.lastLine()}
	}
	return Cause{Code: Exited, Detail: exitText(e), LastLine: g.lastLine()}
}

// announcedEnd returns the cause of an end that the gateway has announced. The exit code of
// an adopted process is unknown (-1).
func (g *generation) announcedEnd(e Exit) (Cause, bool) {
	restarts, is := g.announced()
	switch {
	case !is || e.Code > 0 || e.Signal != "":
		return Cause{}, false
	case restarts: // the gateway expects its supervisor to start it again
		return Cause{Code: InPlaceRestart, Detail: exitText(e)}, true
	}
	return Cause{Code: StoppedOutside}, true
}

// announced reports whether the gateway said that it would end, and whether it will start
// again: by an event to the last connection, or only in its output, as long as it has not
// quite started (measured, OpenClaw 2026.8.2).
func (g *generation) announced() (restarts, is bool) {
	if g.lastClose != nil && g.lastClose.Notice != nil {
		return g.lastClose.Notice.Restarts, true
	}
	return g.out.Announced()
}

func (g *generation) lastLine() string {
	if g.out == nil {
		return ""
	}
	return g.out.Last()
}
