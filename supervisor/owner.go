package supervisor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"time"

	"clawtray/rpc"
)

// owner is the lifecycle state. Only Run's goroutine touches it.
type owner struct {
	*Supervisor
	status    Status
	history   History
	incidents incidents
	report    recorder

	wanted  bool        // somebody wants the gateway to run
	gen     *running    // the generation at work; nil between two
	last    Process     // the last one that ended by itself: what it left behind is ours
	retry   *time.Timer // wakes the next generation while Waiting
	forgive *time.Timer // attempts are forgotten when the gateway stays ready
	waiting []*pending
	quit    *pending // the ladder of a Quit is under way, or done
	repair  bool     // the next generation runs doctor first
	install bool     // the next generation fetches the managed runtime first
	newest  bool     // and not the pinned one: the state was written by a newer one

	settings   *Settings   // what the next start of the gateway uses; nil: nothing new
	failures   int         // how often State became Failed
	quietUntil time.Time   // after sleep: nothing counts, nobody is told
	burst      *time.Timer // ends the debounce of programmatic restarts and of reloads
}

// running is a generation with the owner's ends of its channels.
type running struct {
	*generation
	cancel context.CancelCauseFunc
	ending bool // an order is on its way or being carried out
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(0)
	t.Stop()
	return t
}

func (o *owner) finished() bool { return o.quit != nil && o.gen == nil && len(o.waiting) == 0 }

// launch starts the next generation.
func (o *owner) launch() {
	g := o.next()
	g.repair, g.install, g.newest = o.repair, o.install, o.newest
	o.repair, o.install = false, false
	o.status.Port = g.cfg.Port
	o.status.Launches++
	o.history.Starts++
	o.incidents = o.incidents.attempt()
	if o.status.State == Stopped || o.status.State == Failed {
		o.enter(Starting, o.status.Cause)
	}
	o.status.Error, o.status.NextRetryAt = "", time.Time{}
	o.work(g.run)
}

// next makes a generation that does nothing yet the one at work.
func (o *owner) next() *generation {
	cfg := o.cfg // one life keeps to one configuration
	g := &generation{
		cfg: &cfg, p: o.cfg.Policy, host: o.host, log: o.log, hub: o.hub, beat: o.beat,
		commands: make(chan command, 1), rung: make(chan struct{}, 1), retry: make(chan struct{}, 1), saidReady: make(chan struct{}, 1),
		silence: make(chan rpc.Silence, 1), awake: newAlarm(), timing: &stopwatch{},
	}
	s := o.Supervisor
	g.tell = func(change func(*Status)) { s.send(func(o *owner) { o.apply(change) }) }
	g.note = func(write func(*recorder)) { s.send(func(o *owner) { write(&o.report) }) }
	o.gen = &running{generation: g}
	return g
}

// work runs the generation and takes its end.
func (o *owner) work(life func(context.Context) Outcome) {
	ctx, cancel := context.WithCancelCause(context.Background())
	o.gen.cancel = cancel
	s := o.Supervisor
	go func() {
		outcome := life(ctx)
		cancel(nil)
		s.send(func(o *owner) { o.over(outcome) })
	}()
}

// sweep ends what the last gateway of ours left behind: descendants that
// outlived it, when a stop finds no other of ours in its place (BEHAVIOUR C4).
func (o *owner) sweep(by *order, mode Mode) {
	g := o.next()
	g.proc = o.last
	o.gen.ending = true
	o.status.StoppingFor, o.status.NextRetryAt = by.For, time.Time{}
	o.work(func(context.Context) Outcome {
		if len(g.proc.Remains()) > 0 {
			g.kill()
		}
		return Outcome{Cause: by.Cause, Order: by, Mode: mode}
	})
}

// apply takes over what the generation saw.
func (o *owner) apply(change func(*Status)) {
	before := o.status
	change(&o.status)
	now := time.Now()
	if c := &o.status.Cause; c.Code != NoCause && c.At.IsZero() {
		c.At = now
	}
	if o.status.State != before.State {
		o.status.Since = now
		o.changed(before, now)
	}
}

// changed does what a transition brings with it.
func (o *owner) changed(before Status, now time.Time) {
	switch o.status.State {
	case Running:
		o.incidents = o.incidents.end(now)
		o.history = o.history.Ready()
		o.forgive.Reset(o.cfg.Policy.Forgive)
		o.status.Error = ""
		o.report.ready(o.gen.timing.timing())
		o.log.Info("metrics", "metrics", o.metrics())
	case Reconnecting:
		// A restart, asked for or the gateway's own, is no trouble unless it fails.
		if o.status.Cause.Code != InPlaceRestart && o.status.StoppingFor == "" {
			o.incidents = o.incidents.open(o.status.Cause, now, o.quiet())
		}
	case Failed:
		o.failures++
		o.incidents = o.incidents.open(o.status.Cause, now, false)
		o.status.Error = o.status.Cause.Error()
		o.hub.emit(errorEvent(o.status.Cause))
		o.log.Info("metrics", "metrics", o.metrics())
	}
	if before.State == Running {
		o.forgive.Stop()
	}
}

// quiet reports whether trouble now is what a person asked for.
func (o *owner) quiet() bool { return len(o.waiting) > 0 || time.Now().Before(o.quietUntil) }

// enter moves to a state by the owner's own decision.
func (o *owner) enter(s State, c Cause) {
	o.apply(func(st *Status) { st.State, st.Cause = s, c })
}

// over is what follows the end of a generation.
func (o *owner) over(out Outcome) {
	if o.gen.proc != nil {
		if o.last = nil; out.Order == nil {
			o.last = o.gen.proc
		}
	}
	o.gen = nil
	o.adopt()
	o.forgive.Stop()
	now := time.Now()
	if out.Exit != nil {
		o.hub.emit(rpc.Event{Name: EventExit, Payload: fmt.Appendf(nil, "%q", out.Exit)})
	}
	o.log.Info("generation ended", "cause", out.Cause.Code, "why", out.Cause.Sentence(), "ready", out.ReadyFor.Round(time.Millisecond))
	o.status = o.status.reset()
	if out.Order != nil && out.Order.For != "restart" || !o.wanted {
		if o.last != nil {
			o.sweep(&order{For: "stop", Cause: out.Cause}, out.Mode)
			return
		}
		o.stopped(out.Cause)
		if out.Mode == Attached {
			o.status.Mode = Attached // let go of; it keeps running
		}
		if o.wanted { // a start came while the ladder went down
			o.settle()
			o.launch()
		}
		return
	}
	if out.Order != nil {
		o.enter(Starting, out.Cause)
		o.launch()
		return
	}
	o.decide(out, now)
}

// stopped is the state after a wanted stop: everything before is forgotten
// (BEHAVIOUR C5).
func (o *owner) stopped(c Cause) {
	o.status = o.status.reset()
	o.status.Mode, o.status.Attempts, o.status.Error = NoMode, 0, ""
	o.history = History{}
	o.report.stopped()
	o.incidents = o.incidents.end(time.Now())
	if o.status.State != Stopped || c.Code != UserQuit && c.Code != SessionEnd {
		o.enter(Stopped, c)
	}
}

// decide asks the policy what to do about an end that nobody ordered. Right
// after a sleep no failure counts (BEHAVIOUR F3).
func (o *owner) decide(out Outcome, now time.Time) {
	before := o.history
	if now.Before(o.quietUntil) {
		before.Tries, before.Attempts, before.Restarts = 0, 0, nil
	}
	d, h := Decide(o.cfg.Policy, before, out, now, rand.Float64())
	if now.Before(o.quietUntil) {
		h.Tries, h.Attempts, h.Restarts = o.history.Tries, o.history.Attempts, o.history.Restarts
	}
	if d.Verdict == GiveUp && out.Exit != nil { // else no process was tried
		d.Reason.Tried = tried(max(h.Starts, 1), o.cfg.Port, o.report.diagnostics.Command)
	}
	o.history = h
	o.status.Attempts = h.Attempts
	o.log.Warn("decided", "verdict", d.Verdict.String(), "delay", d.Delay, "reason", d.Reason.Code, "why", d.Reason.Error())
	o.report.decided(d, h, out)
	switch d.Verdict {
	case GiveUp:
		o.wanted = false
		o.status.Mode = out.Mode
		o.enter(Failed, d.Reason)
		return
	case StayStopped:
		o.wanted = false
		o.stopped(d.Reason)
		return
	case RepairFirst:
		o.repair = true
	}
	next := Starting
	if h.EverReady {
		next = Reconnecting
		o.incidents = o.incidents.open(d.Reason, now, o.quiet())
	}
	o.enter(next, d.Reason)
	if d.Delay <= 0 {
		o.launch()
		return
	}
	o.apply(func(s *Status) { s.Phase, s.NextRetryAt = Waiting, now.Add(d.Delay) })
	o.retry.Reset(d.Delay)
}

// reset forgets what belonged to one process (BEHAVIOUR C5).
func (s Status) reset() Status {
	s.Phase, s.PID, s.StartedAt, s.ConnectedAt, s.GatewayReady = Idle, 0, time.Time{}, time.Time{}, false
	s.StoppingFor, s.ActiveWork, s.Deadline, s.NextRetryAt = "", 0, time.Time{}, time.Time{}
	s.LastLine, s.SlowStart, s.Facts, s.Drift, s.InstalledVersion, s.Install = "", false, Facts{}, Drift{}, "", nil
	s.Health = Health{}.with(reason(ReasonNotRunning, nil))
	s.Health = s.withSettings()
	return s
}

// publish shows the status if it changed.
func (o *owner) publish() {
	o.status.Incidents = o.incidents.list
	last := o.board.status()
	o.status.Seq = last.Seq
	if same(o.status, last) {
		return
	}
	o.status.Seq++
	if o.status.State != last.State || o.status.Phase != last.Phase {
		o.status.PhaseSince = time.Now()
		o.report.transition(last, o.status)
		o.log.Info("status", "state", o.status.State, "phase", o.status.Phase, "mode", o.status.Mode, "pid", o.status.PID, "cause", o.status.Cause.Code, "attempt", o.status.Attempts)
	}
	o.board.post(o.status)
}

// poke wakes whoever waits on c, now or when it next looks.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// same compares two pictures without their numbers.
func same(a, b Status) bool {
	a.Seq, b.Seq = 0, 0
	return reflect.DeepEqual(a, b)
}
