package supervisor

import (
	"context"
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
	changed := g.gatewayAnswers
	if g.plan.watch == configuration {
		changed = g.configChange(ctx)
	}
	for !changed(ctx) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-g.retry:
			g.plan = plan{insist: true}
			g.beginStart()
			return nil
		case <-time.After(slowPoll):
		}
	}
	if g.plan.watch == configuration {
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
	return g.isGateway(ctx)
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
