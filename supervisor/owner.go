package supervisor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// owner holds the lifecycle state. Only the goroutine of Run uses it.
type owner struct {
	*Supervisor
	status    Status // what observers see; the owner's decisions do not depend on what a generation wrote into it
	history   History
	incidents incidents
	report    recorder

	lives
	wishes
	settings *Settings
	timers
	beside beside
}

// lives are the current generation and what the one before has left behind.
type lives struct {
	gen      *running        // the current generation; nil between two generations
	last     Process         // the last process that crashed or could not be ended; its remaining descendants are ours to end
	stuck    *Cause          // says that last could not be ended; nil otherwise
	freed    <-chan struct{} // closed when the stuck process ends after all; nil when only its descendants are left
	launches int             // how often the gateway was started, restarts in place included
	failures int             // how often the gateway has failed
}

// wishes are what people and programs want of the gateway.
type wishes struct {
	wanted  bool // somebody wants the gateway to run
	safe    bool // run the gateway without channels and plugins
	next    plan // what the next generation does before it starts the gateway
	waiting []*pending
	quit    *pending // the first Quit; nil while nobody wants to quit
}

// beside is for work that may block and that the owner must not wait for. It runs on other
// goroutines.
type beside struct {
	ctx     context.Context // ends with Run
	helpers *sync.WaitGroup
}

// timers are the clocks of the owner. The channels of the three timers wake it.
type timers struct {
	retry      *time.Timer // launches the next generation; runs while the phase is Waiting
	forgive    *time.Timer // resets the attempts when the gateway has stayed ready
	burst      *time.Timer // ends the debounce time of automatic restarts and of reloads
	quietUntil time.Time   // after sleep: until then no failure counts and nobody is notified
}

// running is a generation together with what the owner knows about it.
type running struct {
	*generation
	cancel context.CancelCauseFunc
	where  stand // as the generation reported last
	ending bool  // the owner has ordered it to end
}

// goesDown reports whether the generation is winding down, by the owner's order or by
// itself.
func (r *running) goesDown() bool { return r.ending || r.where.at == descending }

// serves reports whether the generation is connected and has no order to end.
func (r *running) serves() bool { return r != nil && r.where.at == serving && !r.ending }

// waits reports whether the generation can go on only when a person acts or something
// outside changes, and has no order to end.
func (r *running) waits() bool {
	return (r.where.at == blocked || r.where.at == watching) && !r.ending
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(0)
	t.Stop()
	return t
}

func (o *owner) finished() bool { return o.quit != nil && o.gen == nil && len(o.waiting) == 0 }

// launch starts the next generation. When the gateway before could not be ended, launch
// tries to end it again first, because two gateways must never run at the same time.
// Descendants of it that nothing can end do not prevent the start.
func (o *owner) launch() {
	if o.stuck != nil && !closed(o.last.Done()) {
		cause := o.status.Cause
		o.enter(Starting, cause)
		o.sweep(&order{For: forRestart, Cause: cause}, Managed)
		return
	}
	o.stuck, o.freed = nil, nil
	g := o.generation()
	g.plan, o.next = o.next, plan{}
	g.plan.safe = o.safe
	if g.cfg.Port != 0 {
		o.status.Port = g.cfg.Port
	}
	o.launched()
	o.history.Starts++
	o.incidents = o.incidents.attempt()
	if o.status.State == Stopped || o.status.State == Failed {
		o.enter(Starting, o.status.Cause)
	}
	o.status.Error = ""
	o.status.waitOver()
	o.startLife(g.run)
}

func (o *owner) launched() {
	o.launches++
	o.status.Launches = o.launches
}

// watch starts a generation that does not start a gateway, but waits for somebody else's
// gateway or for a change of the configuration. Meanwhile the status continues to say what
// is wrong.
func (o *owner) watch(mode Mode, what watched) {
	g := o.generation()
	g.plan = plan{watch: what}
	g.mode = mode
	o.gen.where = stand{at: watching, mode: mode}
	o.startLife(g.run)
}

// generation creates a generation and makes it the current one. It does nothing until
// startLife runs it.
func (o *owner) generation() *generation {
	cfg := o.cfg // a copy, so that the settings do not change during one generation
	s := o.Supervisor
	g := &generation{signals: newSignals(), down: &windDown{}, timing: &stopwatch{}}
	r := &running{generation: g}
	// Drop messages that arrive after their generation has ended.
	send := func(f func(*owner)) {
		s.send(func(o *owner) {
			if o.gen == r {
				f(o)
			}
		})
	}
	g.tools = tools{cfg: &cfg, p: o.cfg.Policy, host: o.host, log: o.log, hub: o.hub, beat: o.beat, desk: o.desk,
		tell: func(change func(*Status)) { send(func(o *owner) { o.apply(change) }) },
		stand: func(st stand, change func(*Status)) {
			send(func(o *owner) { o.stands(st, change) })
		},
		note: func(write func(*recorder)) { s.send(func(o *owner) { write(&o.report) }) },
		weigh: func(ctx context.Context, out Outcome) (d Decision) {
			answer := make(chan Decision, 1)
			send(func(o *owner) { answer <- o.lost(out) })
			select {
			case d = <-answer:
			case <-ctx.Done():
			}
			return d
		}}
	o.gen = r
	return g
}

// startLife runs life, the main function of the current generation, on a goroutine and
// hands its outcome to over.
func (o *owner) startLife(life func(context.Context) Outcome) {
	ctx, cancel := context.WithCancelCause(context.Background())
	o.gen.cancel = cancel
	s := o.Supervisor
	go func() {
		outcome := life(ctx)
		cancel(nil)
		s.send(func(o *owner) { o.over(outcome) })
	}()
}

// sweep ends what the last gateway of ours has left behind: processes that could not be
// ended before, and descendants that still run after their gateway, when a stop finds no
// newer gateway of ours (BEHAVIOUR C4).
func (o *owner) sweep(by *order, mode Mode) {
	g := o.generation()
	g.proc, g.mode = o.last, mode
	o.gen.ending = true
	o.stuck, o.freed = nil, nil
	g.down.tighten(by)
	o.status.StoppingFor = string(by.For)
	o.status.waitOver()
	o.startLife(func(context.Context) Outcome {
		out := Outcome{Cause: by.Cause, Mode: mode}
		if g.leftovers() {
			out.Remains = g.kill()
		}
		return out
	})
}

// stands records the new position of the generation and applies its change of the status.
func (o *owner) stands(st stand, change func(*Status)) {
	o.gen.where = st
	if st.starts {
		o.launched()
	}
	if st.at == serving && !o.gen.ending {
		o.wanted = true // also when somebody else brought the gateway back
	}
	o.apply(change)
}

// apply changes the status and does what follows from a new state.
func (o *owner) apply(change func(*Status)) {
	before := o.status
	change(&o.status)
	o.status.endWaits()
	o.status.redact(o.cfg.Redact.String)
	now := time.Now()
	c := &o.status.Cause
	newCause := c.Code != NoCause && c.At.IsZero()
	if newCause {
		c.At = now
	}
	switch {
	case o.status.State != before.State:
		o.status.Since = now
		o.changed(before, now)
	case o.status.State == Failed && newCause:
		o.failed(before, now)
	}
}

// changed updates incidents, history, timers and log after a change of the state.
func (o *owner) changed(before Status, now time.Time) {
	switch o.status.State {
	case Running:
		o.incidents = o.incidents.end(now)
		o.history = o.history.Ready()
		o.forgive.Reset(o.cfg.Policy.Forgive)
		o.status.Error = ""
		o.report.ready(o.gen.timing.timing())
		o.log.Info("metrics", "metrics", o.metrics())
	case Failed:
		o.failed(before, now)
	}
	if before.State == Running {
		o.forgive.Stop()
	}
}

// failed counts a failure, which answers the requests that wait for an end. A failure can
// follow another one without a state between them, as when a stop fails as well.
func (o *owner) failed(before Status, now time.Time) {
	o.failures++
	o.incidents = o.incidents.open(o.status.Cause, now, false)
	o.status.Error = o.status.Cause.Error()
	if before.State == Failed && before.Cause.Code == o.status.Cause.Code {
		return // told already
	}
	o.hub.emit(errorEvent(o.status.Cause))
	o.log.Info("metrics", "metrics", o.metrics())
}

// quiet reports whether nobody should be notified of trouble now: because somebody waits
// for an answer and hears of it anyway, or because the machine has just slept.
func (o *owner) quiet() bool { return len(o.waiting) > 0 || time.Now().Before(o.quietUntil) }

// enter sets the state and its cause.
func (o *owner) enter(s State, c Cause) {
	o.apply(func(st *Status) { st.State, st.Cause = s, c })
}

// over handles the end of the current generation. An order counts also when it came while
// the generation was ending by itself.
func (o *owner) over(out Outcome) {
	gen := o.gen
	if by := gen.down.ordered(); by != nil {
		out.Order, out.Cause = by, by.Cause
	}
	if gen.proc != nil {
		if o.last = nil; out.Orphans || len(out.Remains) > 0 {
			o.last = gen.proc
		}
	}
	o.gen = nil
	o.useSettings()
	o.forgive.Stop()
	now := time.Now()
	if out.Exit != nil {
		o.hub.emit(exitEvent(*out.Exit))
	}
	o.log.Info("generation ended", "cause", out.Cause.Code, "why", out.Cause.Sentence(), "ready", out.ReadyFor.Round(time.Millisecond))
	o.status = o.status.reset()
	ends := out.Order != nil && out.Order.For.finality() >= forStop.finality()
	switch {
	case len(out.Remains) > 0 && (ends || !closed(gen.proc.Done())):
		o.couldNotEnd(out)
	case ends:
		o.ended(out, gen.down.rest())
	case out.Order != nil:
		o.enter(Starting, out.Cause)
		o.launch()
	default:
		o.decide(out, now)
	}
}

// ended handles the end of a generation that nobody wants to run any more. by is its order
// with what is left of the time limit, or nil.
func (o *owner) ended(out Outcome, by *order) {
	if o.last != nil {
		if by == nil {
			by = &order{For: forStop, Cause: out.Cause}
		}
		o.sweep(by, out.Mode)
		return
	}
	o.stopped(out.Cause)
	if out.Mode == Attached {
		o.status.Mode = Attached // we have disconnected; the gateway keeps running
	}
	if o.wanted && o.quit == nil { // somebody asked for a start while the old gateway was winding down
		o.settle()
		o.launch()
	}
}

// couldNotEnd enters Failed and names the processes that survived SIGKILL. No gateway is
// started while they run. When they end later, goOn notices.
func (o *owner) couldNotEnd(out Outcome) {
	pids := strings.Trim(fmt.Sprint(out.Remains), "[]")
	o.stuck = &Cause{Code: CouldNotEnd, Detail: "pid " + strings.ReplaceAll(pids, " ", ", ")}
	if slices.Contains(out.Remains, o.last.PID()) { // Done is closed at once when the process has ended by now
		o.freed = o.last.Done()
	}
	o.wanted = o.wanted && (out.Order == nil || out.Order.For.finality() < forStop.finality())
	o.log.Error("the gateway could not be ended", "pids", out.Remains)
	o.enter(Failed, *o.stuck)
}

// goOn continues after a stuck process has ended: with the start that somebody wants, or by
// ending its descendants.
func (o *owner) goOn() {
	cause := *o.stuck
	if o.wanted {
		o.launch()
		return
	}
	o.sweep(&order{For: forStop, Cause: cause}, Managed)
}

// stopped enters Stopped and forgets the history, attempts and errors (BEHAVIOUR C5).
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

// weigh calls Decide for an end that nobody ordered and keeps the new history. Shortly
// after a sleep no failure counts (BEHAVIOUR F3).
func (o *owner) weigh(out Outcome, now time.Time) Decision {
	before := o.history
	quiet := now.Before(o.quietUntil)
	if quiet {
		before.Tries, before.Attempts, before.Restarts, before.Losses = 0, 0, nil, nil
	}
	d, h := Decide(o.cfg.Policy, before, out, now, rand.Float64()) // #nosec G404 -- it spreads retries over time and guards nothing
	if quiet {
		h.Tries, h.Attempts, h.Restarts, h.Losses = o.history.Tries, o.history.Attempts, o.history.Restarts, o.history.Losses
	}
	o.history = h
	o.status.Attempts = h.Attempts
	o.log.Warn("decided", "verdict", d.Verdict.String(), "delay", d.Delay, "reason", d.Reason.Code, "why", d.Reason.Error())
	o.report.decided(d, h, out)
	return d
}

// lost decides what to do about a connection that ended while the process still runs.
func (o *owner) lost(out Outcome) Decision {
	now := time.Now()
	d := o.weigh(out, now)
	if out.Cause.Code != InPlaceRestart || d.Delay > 0 {
		// Losses that follow each other within the time of Forgive are one incident.
		o.incidents = o.incidents.reopen(now.Add(-o.cfg.Policy.Forgive)).open(out.Cause, now, o.quiet())
	}
	if d.Verdict == StartAgain && d.Delay > 0 {
		o.apply(func(s *Status) { s.Phase, s.NextRetryAt = Waiting, now.Add(d.Delay) })
	}
	return d
}

// decide decides what to do after the end of a generation that nobody ordered, and does it.
func (o *owner) decide(out Outcome, now time.Time) {
	d := o.weigh(out, now)
	if d.Verdict == GiveUp && out.Exit != nil { // without Exit no process was started
		d.Reason.Tried = tried(max(o.history.Starts, 1), o.status.Port, o.report.diagnostics.Command)
	}
	switch d.Verdict {
	case GiveUp:
		what := waitsFor[d.Reason.Code]
		if out.Theirs && what != configuration { // its owner brings it back; none of ours is started unasked
			what = theirGateway
		}
		o.wanted = o.wanted && what.startsOurs()
		o.status.Mode = out.Mode
		o.enter(Failed, d.Reason)
		if what != nothing {
			o.watch(out.Mode, what)
		}
		return
	case StayStopped:
		o.wanted = false
		o.stopped(d.Reason)
		return
	case RepairFirst:
		o.next.repair, o.next.because = true, d.Reason
	}
	next := Starting
	if o.history.EverReady {
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

// waitsFor says which failures can end without a person, and what the owner waits for then.
var waitsFor = map[CauseCode]watched{
	AttachedGone: theirGateway, StateDirOwned: theirGateway, RemoteUnreachable: theirGateway,
	ConfigUnreadable: configuration, ConfigForeign: configuration, ConfigBroken: configuration, ConfigLost: configuration,
	ConfigClobbered: configuration, ConfigConflict: configuration, SecretUnresolved: configuration, RemoteGateway: configuration,
	PortConflict: freePort, PortForeignUser: freePort,
}

// reset returns the status without the facts about one process (BEHAVIOUR C5).
func (s Status) reset() Status {
	s.Phase, s.PID, s.StartedAt, s.ConnectedAt, s.GatewayReady = Idle, 0, time.Time{}, time.Time{}, false
	s.StoppingFor, s.ActiveWork, s.Deadline, s.NextRetryAt = "", 0, time.Time{}, time.Time{}
	s.Waiting, s.Activity, s.Channels = 0, Activity{}, nil
	s.LastLine, s.SlowStart, s.Facts, s.Drift, s.InstalledVersion, s.Install = "", false, Facts{}, Drift{}, "", nil
	s.Health = Health{}.with(reason(ReasonNotRunning, nil))
	s.Health = s.withSettings()
	return s
}

// endWaits clears the facts that belong to another phase.
func (s *Status) endWaits() {
	if s.Phase != Draining {
		s.ActiveWork = 0
	}
	if s.Phase != Draining && s.Phase != Terminating {
		s.Deadline = time.Time{}
	}
	if s.Phase != Waiting {
		s.NextRetryAt = time.Time{}
	}
}

// waitOver ends the wait for the next attempt. Phase and NextRetryAt describe that wait
// together, so they must change together.
func (s *Status) waitOver() {
	if s.Phase == Waiting {
		s.Phase = Idle
	}
	s.NextRetryAt = time.Time{}
}

// publish gives the status to the observers if it has changed.
func (o *owner) publish() {
	o.status.Incidents = o.incidents.list
	last := o.board.status()
	o.status.Seq = last.Seq
	o.status.Health.Reasons = since(time.Now(), o.status.Health.Reasons, last.Health.Reasons)
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

// since returns the reasons with the time when each of them began. last are the reasons of
// the status before.
func since(now time.Time, reasons, last []Reason) []Reason {
	reasons = slices.Clone(reasons)
	for i := range reasons {
		r := &reasons[i]
		r.Since = now
		if before := slices.IndexFunc(last, func(l Reason) bool { return l.Code == r.Code }); before >= 0 {
			r.Since = last[before].Since
		}
	}
	return reasons
}

// poke wakes the goroutine that waits on c, at once or at its next receive.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// same reports whether two statuses are equal, apart from their sequence numbers.
func same(a, b Status) bool {
	a.Seq, b.Seq = 0, 0
	return reflect.DeepEqual(a, b)
}
