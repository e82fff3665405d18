package settings

import (
	"context"
	"log/slog"
	"os"
	"reflect"
	"time"

	"clawtray/rpc/redact"
	"clawtray/supervisor"
	"clawtray/supervisor/machine"
)

// Following is what a [Follower] reads and changes.
type Following struct {
	File     File                    // the file as clawtray read it at its start
	Override func(Settings) Settings // applies the command line, which has priority over the file

	Level   *slog.LevelVar // of the log
	Redact  *redact.Redactor
	Log     *slog.Logger
	Machine *machine.Machine
	// Menu tells the menu its new settings. Only one goroutine calls it, and it must not
	// block.
	Menu func(Settings)
}

// Follower applies changes of the settings file while clawtray runs. [Follow] creates one.
type Follower struct {
	Following
	s    *supervisor.Supervisor
	look chan struct{} // holds one value: read the file now
	beat chan struct{} // holds one value: read the file if it has changed

	started Settings // settings of the running gateway; only the supervisor's owner writes them
}

// Follow returns a follower, and logs the mistakes that the file has already.
// [Follower.Run] starts it.
func Follow(f Following) *Follower {
	l := &Follower{Following: f, started: f.Override(f.File.Settings), look: make(chan struct{}, 1), beat: make(chan struct{}, 1)}
	l.complain()
	return l
}

// LookNow makes Run read the file.
func (l *Follower) LookNow() { poke(l.look) }

// LookAgain makes Run read the file if its time or size has changed. Unlike a watch on
// the folder, this also notices a file behind a link or on a network.
func (l *Follower) LookAgain() { poke(l.beat) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run configures s and follows the file until ctx ends.
func (l *Follower) Run(ctx context.Context, s *supervisor.Supervisor) {
	l.s = s
	seen := stampOf(l.File.Path)
	l.apply()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.beat:
			if stampOf(l.File.Path) == seen {
				continue
			}
		case <-l.look:
		}
		seen = stampOf(l.File.Path)
		next := Read(l.File.Path)
		if reflect.DeepEqual(next, l.File) {
			continue
		}
		l.File = next
		l.Log.Info("the settings have changed")
		l.apply()
		l.complain()
	}
}

// stamp distinguishes two versions of a file. The stamp of a missing file is zero.
type stamp struct {
	at   time.Time
	size int64
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// complain logs the mistakes.
func (l *Follower) complain() {
	for _, mistake := range l.File.Mistakes {
		l.Log.Warn("a mistake in the settings; for a wrong value the default is used", "mistake", mistake.Error())
	}
}

// apply makes the settings of the file take effect: some at once, the others at the next
// start of the gateway.
func (l *Follower) apply() {
	set := l.Override(l.File.Settings)
	_ = l.Level.UnmarshalText([]byte(set.LogLevel)) // Read has checked it
	l.Redact.Add(set.Token)
	l.Menu(set)
	var mistakes []string
	for _, m := range l.File.Mistakes {
		mistakes = append(mistakes, m.Sentence())
	}
	l.s.Configure(supervisor.Settings{
		Policy: set.Supervision.policy(), Port: set.Port, NoRequests: !set.Approvals, Mistakes: mistakes,
		Adopt: func() {
			l.Machine.Configure(set.Node, set.OpenClaw, set.NodeOptions, set.given())
			l.started = set
		},
		Pending: func() []string { return pending(l.started, set) },
	})
}

// pending names the changed settings that need a restart of the gateway, except the
// port, which the supervisor compares itself.
func pending(now, next Settings) (what []string) {
	for _, one := range [][3]string{{"node", now.Node, next.Node}, {"openclaw", now.OpenClaw, next.OpenClaw}, {"token", now.Token, next.Token},
		{"node_options", now.NodeOptions, next.NodeOptions}} {
		if one[1] != one[2] {
			what = append(what, one[0])
		}
	}
	return what
}
