package supervisor

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"reflect"
	"sync"
	"time"

	"clawtray/rpc"
)

// Supervisor keeps one gateway. Make it with [New], let it work with
// [Supervisor.Run]; all other methods may be called from any goroutine, also
// before and after Run.
type Supervisor struct {
	cfg   Config
	host  Host
	log   *slog.Logger
	board *board
	hub   *hub

	inbox chan func(*owner) // everything that reaches the owner, in order
	ended chan struct{}     // closed when Run has returned
}

// New returns a supervisor that does nothing yet.
func New(cfg Config, host Host) *Supervisor {
	if cfg.Policy == (Policy{}) {
		cfg.Policy = DefaultPolicy()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Redact == nil {
		cfg.Redact = rpc.NewRedactor()
	}
	now := time.Now()
	first := Status{State: Stopped, Since: now, PhaseSince: now, Port: cfg.Port, MaxAttempts: cfg.Policy.Backoff.Attempts,
		Health: Health{}.with(reason(ReasonNotRunning, nil))}
	return &Supervisor{cfg: cfg, host: host, log: cfg.Log, board: newBoard(first), hub: newHub(),
		inbox: make(chan func(*owner)), ended: make(chan struct{})}
}

// Status is the newest picture of the gateway.
func (s *Supervisor) Status() Status { return s.board.status() }

// Watch yields the newest status at once and then every later one in order,
// until ctx or Run ends. A slow observer delays nobody and misses nothing.
func (s *Supervisor) Watch(ctx context.Context) iter.Seq[Status] { return s.board.watch(ctx, s.ended) }

// Dashboard is the address of the gateway's Control UI, already signed in: the
// token travels in the fragment, which browsers keep to themselves and the page
// removes (measured, OpenClaw 2026.9.6). It is a secret: never log it.
func (s *Supervisor) Dashboard() (string, error) {
	st := s.Status()
	if st.State != Running {
		return "", errors.New("the gateway is not running")
	}
	token, err := s.host.Token()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("http://127.0.0.1:%d/#token=%s", st.Port, url.QueryEscape(token.Value)), nil
}

// ErrEnded is the answer to requests after Run has returned.
var ErrEnded = errors.New("supervisor: not running")

// Do hands a request to the owner and waits for its end: a start until the
// gateway runs or cannot, a stop until everything of ours is gone. Cancelling
// ctx stops waiting, not the work. When what was wanted did not come about the
// error is a [Cause].
func (s *Supervisor) Do(ctx context.Context, r Request) (Answer, error) {
	p := &pending{request: r, done: make(chan struct{})}
	select {
	case s.inbox <- func(o *owner) { o.take(p) }:
	case <-ctx.Done():
		return Answer{Status: s.Status()}, ctx.Err()
	case <-s.ended:
		return Answer{Status: s.Status()}, ErrEnded
	}
	select {
	case <-p.done:
		return p.answer, p.err
	case <-ctx.Done():
		return Answer{Status: s.Status()}, ctx.Err()
	}
}

// pending is a request that has not been answered yet.
type pending struct {
	request  Request
	launches int       // how often the gateway had been started when it was asked for
	failures int       // and how often it had failed
	sent     bool      // handed to the generation
	held     bool      // waits for the end of a burst
	leader   *pending  // of a burst: its answer is ours
	due      time.Time // when held ends
	answer   Answer
	err      error
	done     chan struct{}
}

func (p *pending) finish(s Status, a Answer, err error) {
	if closed(p.done) {
		return
	}
	a.Status = s
	if err != nil && a.Message == "" {
		a.Message = err.Error()
	}
	p.answer, p.err = a, err
	close(p.done)
}

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

// Run supervises until ctx ends or a Quit is done. It returns after everything
// of ours has ended.
func (s *Supervisor) Run(ctx context.Context) error {
	o := &owner{Supervisor: s, status: s.Status(), retry: stoppedTimer(), forgive: stoppedTimer(), burst: stoppedTimer()}
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer close(s.ended) // before the wait: a helper may be about to send
	beside, end := context.WithCancel(context.Background())
	defer end()
	helpers.Go(func() { s.watchClock(beside) })
	helpers.Go(func() { s.checkEnvironment(beside) })
	done := ctx.Done()
	for !o.finished() {
		select {
		case act := <-s.inbox:
			act(o)
		case <-o.retry.C:
			o.launch()
		case <-o.burst.C:
			o.burstOver()
		case <-o.forgive.C:
			o.history = o.history.Forgiven()
			o.status.Attempts = 0
		case <-done:
			done = nil
			o.take(&pending{request: Request{Intent: Quit, Cause: Cause{Code: SessionEnd}}, done: make(chan struct{})})
		}
		o.publish()
		o.settle()
	}
	return nil
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(0)
	t.Stop()
	return t
}

func (o *owner) finished() bool { return o.quit != nil && o.gen == nil && len(o.waiting) == 0 }

// take decides at once what a request changes; its answer comes from settle.
func (o *owner) take(p *pending) {
	if o.quit != nil && p.request.Intent != Quit {
		p.finish(o.status, Answer{Result: ResultSuperseded, Message: "clawtray is quitting."}, Cause{Code: UserQuit})
		return
	}
	o.log.Debug("request", "intent", p.request.Intent, "now", p.request.Now, "automatic", p.request.Automatic)
	cause := p.request.cause()
	p.launches, p.failures = o.status.Launches, o.failures
	o.waiting = append(o.waiting, p)
	switch p.request.Intent {
	case Start, Retry, TakeOver, Install:
		o.start(p, cause)
	case Stop:
		o.stop(p, &order{For: "stop", Drain: o.cfg.Policy.DrainStop, Cause: cause})
	case Restart, Reload:
		if p.request.Intent == Reload && o.cfg.OnReload != nil {
			o.cfg.OnReload()
		}
		o.restart(p, cause)
	case Quit:
		o.quitting(p, cause)
	}
}

var userCause = map[Intent]CauseCode{
	Start: UserStart, Stop: UserStop, Restart: UserRestart, Reload: UserReload, Retry: UserRetry, TakeOver: UserStart, Install: UserStart, Quit: UserQuit,
}

// start makes the gateway wanted. A person's start forgets earlier failures
// (BEHAVIOUR B2); an automatic one keeps the count.
func (o *owner) start(p *pending, cause Cause) {
	o.wanted = true
	if !p.request.Automatic {
		o.history = History{}
		o.status.Attempts = 0
	}
	if p.request.Intent == Install && (o.gen == nil || o.gen.ending) {
		o.install, o.newest = true, o.status.Cause.Code == Downgrade
	}
	switch {
	case o.gen == nil:
		o.retry.Stop()
		o.status.Cause = cause
		o.launch()
	case o.gen.ending: // over launches again
	case o.status.State == Running:
		p.finish(o.status, Answer{Result: ResultAlreadyRunning, Message: "The gateway is running already."}, nil)
	case o.status.State == Failed && (o.status.Cause.Code == AttachedGone || len(o.status.Pending) > 0):
		o.end(&order{For: "restart", Cause: cause}) // somebody else's is gone, or other settings may help: start afresh
	default:
		poke(o.gen.retry)
	}
}

// stop makes the gateway unwanted and ends what runs. Asked for again, the
// ladder goes one rung down.
func (o *owner) stop(p *pending, by *order) {
	o.wanted, o.install = false, false
	o.retry.Stop()
	o.supersede()
	if p.request.Now {
		by.Drain = 0
	}
	switch {
	case o.gen == nil && o.last != nil:
		o.sweep(by, o.status.Mode)
	case o.gen == nil && o.status.State == Stopped && p.request.Intent == Stop:
		p.finish(o.status, Answer{Result: ResultAlreadyStopped, Message: "The gateway is stopped already."}, nil)
	case o.gen == nil:
		o.stopped(by.Cause)
	case o.gen.ending:
		poke(o.gen.rung)
	default:
		o.end(by)
	}
}

// end orders the generation to end.
func (o *owner) end(by *order) {
	o.gen.ending = true
	o.gen.cancel(by)
}

// supersede answers what a stop overrules (BEHAVIOUR C1).
func (o *owner) supersede() {
	for _, p := range o.waiting {
		switch p.request.Intent {
		case Start, Retry, TakeOver, Install, Restart, Reload:
			p.finish(o.status, Answer{Result: ResultSuperseded, Message: "A stop came in between."}, Cause{Code: UserStop})
		}
	}
}

// restart forgets earlier failures when a person asks (BEHAVIOUR D3) and keeps the
// request; settle hands it to the gateway as soon as that
// runs. Only what cannot wait for it is done here.
func (o *owner) restart(p *pending, cause Cause) {
	if p.request.Automatic || p.request.Intent == Reload && o.gen != nil {
		o.hold(p)
		return
	}
	o.wanted = true
	o.history = o.history.cleared()
	o.status.Attempts = 0
	switch {
	case o.gen == nil:
		o.retry.Stop()
		o.status.Cause = cause
		o.launch()
	case o.gen.ending:
		if p.request.Now {
			poke(o.gen.rung)
		}
	case o.status.State == Failed && (o.status.Mode == Managed || len(o.status.Pending) > 0):
		o.end(&order{For: "restart", Cause: cause}) // it runs, but keeps us out
	case o.status.State == Failed:
		poke(o.gen.retry)
	case o.status.Phase == Draining:
		poke(o.gen.rung) // a second click: do not wait any longer
	}
}

// forward hands a waiting restart or reload to the gateway that runs. One asked
// for while the gateway was starting is carried out now, once (BEHAVIOUR D1);
// those that find another under way join it (D2).
func (o *owner) forward(p *pending) {
	c := command{
		intent: p.request.Intent,
		now:    p.request.Now,
		drain:  o.cfg.Policy.DrainRestart,
		fresh:  len(o.status.Pending) > 0,
		cause:  p.request.cause(),
		reply:  func(a Answer, err error) { o.send(func(o *owner) { p.finish(o.status, a, err) }) },
		again:  func() { o.send(func(*owner) { p.sent = false }) },
	}
	select {
	case o.gen.commands <- c:
		p.sent = true
	default:
	}
}

// cause is why the request's effect comes about.
func (r Request) cause() Cause {
	if r.Cause.Code != NoCause {
		return r.Cause
	}
	return Cause{Code: userCause[r.Intent]}
}

func (o *owner) quitting(p *pending, cause Cause) {
	by := &order{For: "quit", Drain: o.cfg.Policy.DrainStop, Limit: o.cfg.Policy.QuitLimit, Cause: cause}
	if cause.Code == SessionEnd {
		by.For, by.Drain, by.Limit = "logout", 0, o.cfg.Policy.LogoutLimit
	}
	if o.quit == nil {
		o.quit = p
	}
	o.stop(p, by)
}

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
		cfg: &cfg, p: o.cfg.Policy, host: o.host, log: o.log, hub: o.hub,
		commands: make(chan command, 1), rung: make(chan struct{}, 1), retry: make(chan struct{}, 1),
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

// send reaches the owner from a generation's goroutines. The owner never waits
// for a generation, so this always gets through while Run runs.
func (s *Supervisor) send(f func(*owner)) {
	select {
	case s.inbox <- f:
	case <-s.ended:
	}
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

// settle answers the requests whose end has come.
func (o *owner) settle() {
	for _, p := range o.waiting {
		switch p.request.Intent {
		case Start, Retry, TakeOver, Install:
			o.settleStart(p)
		case Stop, Quit:
			if o.gen == nil {
				p.finish(o.status, stoppedAnswer(o.status), nil)
			}
		case Restart, Reload:
			o.settleRestart(p)
		}
	}
	for _, p := range o.waiting {
		if l := p.leader; l != nil && closed(l.done) {
			p.finish(o.status, l.answer, l.err)
		}
	}
	kept := o.waiting[:0]
	for _, p := range o.waiting {
		if !closed(p.done) {
			kept = append(kept, p)
		}
	}
	clear(o.waiting[len(kept):])
	o.waiting = kept
}

func (o *owner) settleStart(p *pending) {
	switch {
	case o.status.State == Running && !o.gen.ending:
		p.finish(o.status, Answer{Result: ResultRunning, Message: "The gateway is running."}, nil)
	case o.status.State == Failed && o.failures > p.failures:
		p.finish(o.status, Answer{}, o.status.Cause)
	case o.status.State == Stopped && o.gen == nil && !o.wanted:
		p.finish(o.status, Answer{Result: ResultSuperseded}, o.status.Cause)
	}
}

func (o *owner) settleRestart(p *pending) {
	running := o.status.State == Running && !o.gen.ending
	switch {
	case running && o.status.Launches > p.launches:
		a := Answer{Result: ResultRestarted, Message: "The gateway was restarted."}
		if p.request.Intent == Reload {
			a = Answer{Result: ResultAppliedByRestart, Message: "The configuration was applied by a restart."}
		}
		p.finish(o.status, a, nil)
	case running && !p.sent && !p.held && p.leader == nil && !o.status.Stopping():
		o.forward(p)
	case o.status.State == Failed && o.failures > p.failures:
		p.finish(o.status, Answer{}, o.status.Cause)
	case o.status.State == Stopped && o.gen == nil && !o.wanted:
		p.finish(o.status, Answer{Result: ResultSuperseded}, o.status.Cause)
	}
}

// stoppedAnswer says what a stop left behind.
func stoppedAnswer(s Status) Answer {
	if s.Mode == Attached {
		return Answer{Result: ResultLeftRunning, Message: "clawtray let go of the gateway. Somebody else runs it, so it keeps running."}
	}
	return Answer{Result: ResultStopped, Message: "The gateway is stopped."}
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
