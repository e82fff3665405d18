package supervisor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"clawtray/supervisor/openclaw"
)

// watch waits for what the plan names and starts nothing meanwhile. A start by a person
// ends the wait.
func (g *generation) watch(ctx context.Context) error {
	if g.plan.watch == nothing {
		return nil
	}
	g.stand(stand{at: watching, mode: g.mode}, func(*Status) {})
	changed, pause := g.gatewayAnswers, slowPoll
	switch g.plan.watch {
	case configuration:
		changed = g.configChange(ctx)
	case freePort:
		changed, pause = g.portFreed(), portPause
	}
	for !changed(ctx) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-g.retry:
			g.plan = plan{insist: true}
			g.beginStart()
			return nil
		case <-time.After(pause):
		}
	}
	if g.plan.watch.startsOurs() {
		g.plan = plan{}
		g.beginStart()
	}
	return ctx.Err()
}

// beginStart begins a start after a wait.
func (g *generation) beginStart() {
	g.mode = NoMode
	g.stand(stand{at: climbing, mode: NoMode, starts: true}, func(s *Status) { s.State = Starting })
}

// gatewayAnswers reports whether somebody else's gateway answers, again or for the first
// time. Its port may have changed: either the configuration has a new one, or the process
// that holds the lock of the state directory names it.
func (g *generation) gatewayAnswers(ctx context.Context) bool {
	g.plan.port = 0
	g.conf = openclaw.Effective{} // forget the old port, because it may have changed
	e, err := g.readGateway(ctx)
	if err != nil {
		return false
	}
	if o := g.host.StateOwner(ctx, e.Paths.StateDir); o != nil && o.Port != 0 && !e.IsRemote() {
		g.plan.port = o.Port
		e = e.At(o.Port, sourceRunning)
	}
	g.conf = e
	return g.isGateway(ctx) && (e.IsRemote() || g.isOfOurUser(ctx))
}

// isOfOurUser reports whether a program of our own user has the port, because claim does not
// attach to any other.
func (g *generation) isOfOurUser(ctx context.Context) bool {
	by, err := g.lookAtPort(ctx, g.listener)
	return err == nil && by.User == ""
}

// configChange returns a function that reports whether the configuration has changed and
// then stayed the same for configQuiet (XU12). A usable configuration counts as changed,
// because it was changed before the first look.
func (g *generation) configChange(ctx context.Context) func(context.Context) bool {
	before, _ := g.configState(ctx)
	last, since := before, time.Now()
	return func(ctx context.Context) bool {
		now, usable := g.configState(ctx)
		if now != last {
			last, since = now, time.Now()
		}
		return (usable || last != before) && time.Since(since) >= configQuiet
	}
}

// portPause is the time between two looks at a port that another program has.
const portPause = 5 * time.Second

// portFreed returns a function that reports whether nobody has had the port for two looks: a
// program that restarts gives its port back for a moment only. It sends nothing to the other
// program, and connects only when the system shows no listener, which may be another user's.
// The configuration may have got another port meanwhile.
func (g *generation) portFreed() func(context.Context) bool {
	free, likely := 0, 0 // the pid of the other program makes a look cheap
	return func(ctx context.Context) bool {
		if e, err := g.readGateway(ctx); err == nil {
			g.conf = e
		}
		if g.conf.IsRemote() { // the configuration needs no port here any more
			return true
		}
		by, err := g.lookAtPort(ctx, likely)
		free, likely = free+1, by.PID
		if !errors.Is(err, ErrNoListener) || g.accepts(ctx) {
			free = 0
		}
		return free >= 2
	}
}

// configState returns a text that differs after each relevant change of the configuration,
// and whether a gateway could be started with it.
func (g *generation) configState(ctx context.Context) (state string, usable bool) {
	e, err := g.readGateway(ctx)
	if err == nil {
		err = g.startable(ctx, e)
	}
	return fmt.Sprint(fileState(e.File), err), err == nil
}

// fileState returns a text that differs after each change of a configuration's files.
func fileState(f openclaw.ConfigFile) string {
	return fmt.Sprint(f.Exists, f.Hash, f.Changed.UnixNano())
}
