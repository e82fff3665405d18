package supervisor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"clawtray/rpc"
)

// Exit is how a process ended.
type Exit struct {
	Code   int    // exit code; -1 when a signal ended it, or when the system does not tell
	Signal string // name of the signal, for example "SIGKILL"; empty for an exit code
}

func (e Exit) String() string {
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
	Order    *order        // set when we ended it ourselves
	Exit     *Exit         // nil: no process of ours ended
	Mode     Mode          // what it was
	ReadyFor time.Duration // how long it was ready; zero means it never was
}

// WasReady reports whether the generation ever was ready.
func (o Outcome) WasReady() bool { return o.ReadyFor > 0 }

// exitWords maps words in the last lines of a gateway that ended before it was
// ready to a cause, most specific first. Exit code 78 is a class, not a cause
// (measured: configuration, another owner, a full disk, a downgrade), and old
// versions use 1 for the same, so the words decide and the code is only the
// fallback.
var exitWords = []struct {
	words string
	code  CauseCode
}{
	{"owns gateway-lifecycle", StateDirOwned},
	{"already owns this state directory", StateDirOwned},
	{"gateway already running (pid", StateDirOwned},
	{"EADDRINUSE", PortConflict},
	{"another gateway instance is already listening", PortConflict},
	{"requires a newer OpenClaw", Downgrade},
	{"newer than this binary", Downgrade},
	{"ENOSPC", DiskFull},
	{"no space left", DiskFull},
	{"database or disk is full", DiskFull},
	{"EROFS", StateDirUnusable},
	{"read-only file system", StateDirUnusable},
	{"EACCES", StateDirUnusable},
	{"ENOTDIR", StateDirUnusable},
	{"migration lock", MigrationLock},
	{"node:sqlite is unavailable", NodeTooOld},
	{"Unsupported Node", NodeTooOld},
	{"requires Node", NodeTooOld},
	{"Config invalid", ConfigInvalid},
	{"Invalid config", ConfigInvalid},
	{"Gateway start blocked", ConfigInvalid},
	{"Missing config", ConfigInvalid},
	{"Refusing to bind gateway", ConfigInvalid},
	{"Unrecognized key", ConfigInvalid},
	{"lastTouchedVersion", Downgrade},
}

// exitConfig is EX_CONFIG: what the gateway ends with when it refuses to start
// (measured from OpenClaw 2026.6.11 on).
const exitConfig = 78

// startFailure names the cause of an exit before ready from its code and its output.
func startFailure(e Exit, lines []string, last string) Cause {
	all := strings.ToLower(strings.Join(lines, "\n"))
	for _, w := range exitWords {
		if i := strings.Index(all, strings.ToLower(w.words)); i >= 0 {
			return Cause{Code: w.code, Detail: lineAt(strings.Join(lines, "\n"), i), LastLine: last}
		}
	}
	if e.Code == exitConfig {
		return Cause{Code: ConfigInvalid, Detail: last, LastLine: last}
	}
	return Cause{Code: StartExit, Detail: e.String(), LastLine: last}
}

// lineAt is the line of s that holds byte i, without the gateway's time stamp, cut to a
// length that fits into a sentence.
func lineAt(s string, i int) string {
	if i >= len(s) { // lower-casing changed the length: rare letters only
		return ""
	}
	start := strings.LastIndexByte(s[:i], '\n') + 1
	line, rest, _ := strings.Cut(s[start:], "\n")
	line = strings.TrimSpace(withoutTime(line))
	if strings.HasSuffix(line, ":") { // what it is about follows
		next, _, _ := strings.Cut(rest, "\n")
		line += " " + strings.TrimSpace(withoutTime(next))
	}
	return short(line)
}

// short cuts s to a length that fits into a sentence.
func short(s string) string {
	const fits = 200 // runes
	if r := []rune(s); len(r) > fits {
		return string(r[:fits]) + "…"
	}
	return s
}

// lastMeaningful is the last line of s that says something.
func lastMeaningful(s string) string {
	o := NewOutput(nil)
	for l := range strings.Lines(s) {
		o.Add(Line{Text: l})
	}
	return o.Last()
}

// exit waits for the last lines of the ended process and says what its end means.
func (g *generation) exit(ctx context.Context) error {
	select {
	case <-g.outDone:
	case <-ctx.Done():
	case <-time.After(lastWords):
	}
	exit := g.proc.Exit()
	if g.readyAt.IsZero() {
		if c, is := g.host.Obstacle(); is && exit.Code != 0 {
			c.LastLine = g.lastLine()
			return c
		}
		c := startFailure(exit, g.out.Recent(), g.lastLine())
		if c.Code == ConfigInvalid && g.repaired != "" {
			c.Detail += "; doctor said: " + g.repaired
		}
		if c.Code == PortConflict {
			if by, err := g.host.Listener(ctx, g.cfg.Port, 0); err == nil {
				c = g.conflict(by)
			}
		}
		return c
	}
	return g.exitMeaning(exit)
}

// lastWords is how long the output of a process that has ended may still come:
// a grandchild may hold the file open for ever.
const lastWords = 250 * time.Millisecond

// exitMeaning reads the end of a gateway that had been ready (BEHAVIOUR G).
// The exit code alone means nothing: gateways end with 0 for many reasons.
func (g *generation) exitMeaning(e Exit) Cause {
	notice := g.notice()
	switch {
	case notice != nil && notice.Restarts:
		return Cause{Code: InPlaceRestart, Detail: e.String()}
	case notice != nil && e.Code <= 0 && e.Signal == "": // of an adopted process the code is not told
		return Cause{Code: StoppedOutside}
	case e.Signal != "":
		return Cause{Code: Killed, Detail: e.String(), LastLine: g.lastLine()}
	}
	return Cause{Code: Exited, Detail: e.String(), LastLine: g.lastLine()}
}

// notice is the shutdown event of the last connection.
func (g *generation) notice() *rpc.Shutdown {
	if g.lastClose == nil {
		return nil
	}
	return g.lastClose.Notice
}

func (g *generation) lastLine() string {
	if g.out == nil {
		return ""
	}
	return g.out.Last()
}
