package main

import (
	"context"
	"log/slog"
	"os"
	"reflect"
	"time"

	"clawtray/rpc"
	"clawtray/supervisor"
	"clawtray/supervisor/settings"
	"clawtray/tray"
)

// live puts changes of the settings file in force while clawtray runs.
type live struct {
	flags
	file    settings.File
	level   *slog.LevelVar
	redact  *rpc.Redactor
	log     *slog.Logger
	machine *supervisor.Machine
	s       *supervisor.Supervisor
	notify  chan tray.Level // holds the newest level until the tray takes it
	look    chan struct{}   // holds one wish to read the file now
	beat    chan struct{}   // holds one wish to read it if it has changed

	started settings.Settings // what the gateway was started with; the supervisor's owner changes it
}

// effective is what is in force: the command line comes before the file.
func (f flags) effective(file settings.File) settings.Settings {
	set := file.Settings
	if f.port != 0 {
		set.Port = f.port
	}
	if f.debug || f.trace {
		set.LogLevel = "debug"
	}
	return set
}

// lookNow makes run read the file.
func (l *live) lookNow() { poke(l.look) }

// lookAgain makes run look whether the file has changed: one stat, which also
// sees a file behind a link or on a network.
func (l *live) lookAgain() { poke(l.beat) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run follows the file until ctx ends.
func (l *live) run(ctx context.Context) {
	seen := stampOf(l.file.Path)
	l.apply()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.beat:
			if stampOf(l.file.Path) == seen {
				continue
			}
		case <-l.look:
		}
		seen = stampOf(l.file.Path)
		next := settings.Read(l.file.Path)
		if reflect.DeepEqual(next, l.file) {
			continue
		}
		l.file = next
		l.log.Info("the settings have changed")
		l.apply()
		l.complain()
	}
}

// stamp changes when a file does; that of a missing one is zero.
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
func (l *live) complain() {
	for _, mistake := range l.file.Mistakes {
		l.log.Warn("a mistake in the settings; for a wrong value the default is used", "mistake", mistake.Error())
	}
}

// apply puts the file in force, each setting as soon as it can be.
func (l *live) apply() {
	set := l.effective(l.file)
	_ = l.level.UnmarshalText([]byte(set.LogLevel)) // settings.Read has checked it
	l.redact.Add(set.Token)
	select {
	case <-l.notify:
	default:
	}
	l.notify <- tray.Level(set.Notifications)
	var mistakes []string
	for _, m := range l.file.Mistakes {
		mistakes = append(mistakes, m.Sentence())
	}
	l.s.Configure(supervisor.Settings{
		Policy: policy(set.Supervision), Port: set.Port, Mistakes: mistakes,
		Adopt: func() {
			l.machine.Configure(set.Node, set.OpenClaw, set.Token, set.NodeOptions)
			l.started = set
		},
		Pending: func() []string { return pending(l.started, set) },
	})
}

// pending names what, beside the port, only a restart of the gateway puts in force.
func pending(now, next settings.Settings) (what []string) {
	for _, one := range [][3]string{{"node", now.Node, next.Node}, {"openclaw", now.OpenClaw, next.OpenClaw}, {"token", now.Token, next.Token},
		{"node_options", now.NodeOptions, next.NodeOptions}} {
		if one[1] != one[2] {
			what = append(what, one[0])
		}
	}
	return what
}
