package supervisor

import (
	"slices"
	"time"
)

// pending is a request that may not have been answered yet.
type pending struct {
	request  Request
	launches int           // the owner's launches when the request came
	failures int           // the owner's failures when the request came
	sent     bool          // the request was handed to the generation
	held     bool          // the request waits for the end of its burst
	leader   *pending      // the first request of the burst; its answer is the answer of this one, too
	due      time.Time     // when held ends; zero while that is unknown
	hurry    chan struct{} // closed when nobody wants to wait for active work any longer
	answer   Answer
	err      error
	done     chan struct{}
}

func newPending(r Request) *pending {
	return &pending{request: r, hurry: make(chan struct{}), done: make(chan struct{})}
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

// take does what a request changes at once. settle gives the answer when the request is
// finished.
func (o *owner) take(p *pending) {
	if o.quit != nil && p.request.Intent != Quit {
		p.finish(o.status, Answer{Result: ResultSuperseded, Message: "clawtray is quitting."}, Cause{Code: UserQuit})
		return
	}
	o.log.Debug("request", "intent", p.request.Intent, "now", p.request.Now, "automatic", p.request.Automatic)
	cause := p.request.cause()
	p.launches, p.failures = o.launches, o.failures
	o.waiting = append(o.waiting, p)
	switch p.request.Intent {
	case Start, Retry, TakeOver, Install, LastGood, SafeStart:
		o.start(p, cause)
	case RestoreConfig:
		o.restoreConfig(p)
	case Stop:
		o.stop(p, &order{For: forStop, Drain: o.cfg.Policy.DrainStop, Cause: cause})
	case Restart, Reload:
		if p.request.Intent == Reload {
			o.cfg.OnReload()
		}
		o.restart(p, cause)
	case Quit:
		o.quitting(p, cause)
	}
}

var userCause = map[Intent]CauseCode{
	Start: UserStart, Stop: UserStop, Restart: UserRestart, Reload: UserReload, Retry: UserRetry, TakeOver: UserStart, Install: UserStart, Quit: UserQuit,
	LastGood: UserStart, SafeStart: UserStart,
}

// start makes the gateway wanted. A start by a person forgets earlier failures (BEHAVIOUR
// B2); an automatic start keeps the count.
func (o *owner) start(p *pending, cause Cause) {
	o.wanted = true
	if !p.request.Automatic {
		o.history = History{}
		o.status.Attempts = 0
	}
	anew := o.plans(p)
	switch {
	case o.gen == nil:
		o.retry.Stop()
		o.status.Cause = cause
		o.launch()
	case o.gen.goesDown(): // owner.over starts the next generation when this one has ended
	case o.gen.serves():
		p.finish(o.status, Answer{Result: ResultAlreadyRunning, Message: "The gateway is running already."}, nil)
	case o.gen.where.at == blocked && (anew || len(o.status.Pending) > 0): // a new process is needed; the generation checks first that it can start
		o.forward(p)
	case anew:
		o.end(&order{For: forRestart, Cause: cause})
	default:
		poke(o.gen.retry)
	}
}

// plans records what the next generation does first for this request, and reports whether
// the request needs a new generation.
func (o *owner) plans(p *pending) (anew bool) {
	free := o.gen == nil || o.gen.goesDown() || o.gen.where.at == watching
	runs := o.gen.serves()
	if !p.request.Automatic && !runs {
		o.safe = p.request.Intent == SafeStart
	}
	switch p.request.Intent {
	case Install:
		if free {
			o.next.install, o.next.newest = true, o.status.Cause.Code == Downgrade
		}
		return free
	case LastGood:
		o.next.lastGood = !runs && (free || o.gen.where.at != blocked) // a running gateway has accepted the current configuration
		return o.next.lastGood
	case SafeStart:
		return !runs
	}
	return false
}

// stop makes the gateway unwanted and winds it down.
func (o *owner) stop(p *pending, by *order) {
	o.wanted, o.safe, o.next = false, false, plan{}
	o.status.Repaired = nil
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
	case o.gen.goesDown():
		o.insist(by)
	default:
		o.end(by)
	}
}

// end sends the generation an order to end.
func (o *owner) end(by *order) {
	o.gen.ending = true
	o.gen.down.tighten(by)
	o.gen.cancel(by)
}

// insist gives a further order to a generation that is winding down. When the order is no
// more final than the one before, somebody does not want to wait, so the wind-down goes on
// to its next step.
func (o *owner) insist(by *order) {
	before := o.gen.down.ordered()
	o.end(by)
	if before != nil && by.For.finality() <= before.For.finality() {
		o.gen.down.skip()
	}
}

// supersede answers the requests that a stop makes pointless (BEHAVIOUR C1).
func (o *owner) supersede() {
	for _, p := range o.waiting {
		switch p.request.Intent {
		case Start, Retry, TakeOver, Install, LastGood, SafeStart, Restart, Reload:
			p.finish(o.status, Answer{Result: ResultSuperseded, Message: "A stop came in between."}, Cause{Code: UserStop})
		}
	}
}

// restart handles a Restart or a Reload. When a person asks, it forgets earlier failures
// (BEHAVIOUR D3). A running gateway gets the request later, from settle; restart does only
// what cannot wait for that.
func (o *owner) restart(p *pending, cause Cause) {
	if p.request.Automatic || p.request.Intent == Reload && o.gen != nil {
		o.hold(p)
		return
	}
	o.wanted, o.safe = true, false
	o.status.Repaired = nil // the person has seen it
	o.history = o.history.cleared()
	o.status.Attempts = 0
	by := &order{For: forRestart, Drain: p.request.drain(o.cfg.Policy.DrainRestart), Cause: cause}
	switch {
	case o.gen == nil:
		o.retry.Stop()
		o.status.Cause = cause
		o.launch()
	case o.gen.goesDown():
		o.gen.down.tighten(by)
	case o.gen.where.at == blocked && (o.gen.where.mode == Managed || len(o.status.Pending) > 0):
		if o.forward(p); !p.sent { // the gateway runs, but we cannot sign in
			o.end(&order{For: forRestart, Cause: cause})
		}
	case o.gen.waits():
		poke(o.gen.retry)
	default:
		o.hurry(p) // a second request means: do not wait any longer
	}
}

// hurry tells an earlier restart, if there is one, that nobody wants to wait for active
// work any longer.
func (o *owner) hurry(p *pending) {
	for _, other := range o.waiting {
		if other != p && other.sent && !closed(other.hurry) {
			close(other.hurry)
		}
	}
}

// forward hands a waiting restart or reload to the running gateway. A request that came
// while the gateway was starting is carried out now, once (BEHAVIOUR D1). settle does not
// forward requests that can join another one (D2).
func (o *owner) forward(p *pending) {
	c := command{
		intent: p.request.Intent,
		now:    p.request.Now,
		drain:  p.request.drain(o.cfg.Policy.DrainRestart),
		fresh:  len(o.status.Pending) > 0,
		cause:  p.request.cause(),
		hurry:  p.hurry,
		reply:  func(a Answer, err error) { o.send(func(o *owner) { p.finish(o.status, a, err) }) },
		again:  func() { o.send(func(*owner) { p.sent = false }) },
	}
	select {
	case o.gen.commands <- c:
		p.sent = true
	default:
	}
}

// whenIdle is the longest wait of a request that waits until the gateway is idle.
const whenIdle = 7 * 24 * time.Hour

// drain returns how long the request lets active work go on; usual is the time from the
// settings.
func (r Request) drain(usual time.Duration) time.Duration {
	switch {
	case r.Now:
		return 0
	case r.WhenIdle:
		return whenIdle
	}
	return usual
}

// cause returns the reason that the status shows for the request.
func (r Request) cause() Cause {
	if r.Cause.Code != NoCause {
		return r.Cause
	}
	return Cause{Code: userCause[r.Intent]}
}

func (o *owner) quitting(p *pending, cause Cause) {
	by := &order{For: forQuit, Drain: p.request.drain(o.cfg.Policy.DrainStop), Limit: o.cfg.Policy.QuitLimit, Cause: cause}
	if p.request.WhenIdle && !p.request.Now {
		by.Limit = 0 // the steps after the wait have limits of their own
	}
	if cause.Code == SessionEnd {
		by.For, by.Drain, by.Limit = forLogout, 0, o.cfg.Policy.LogoutLimit
	}
	if o.quit == nil {
		o.quit = p
	}
	o.stop(p, by)
}

// settle answers the requests that are finished and removes them. It also forwards restarts
// and reloads to a gateway that serves now.
func (o *owner) settle() {
	for _, p := range o.waiting {
		switch p.request.Intent {
		case Start, Retry, TakeOver, Install, LastGood, SafeStart:
			o.settleStart(p)
		case Stop, Quit:
			o.settleStop(p)
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

func (o *owner) settleStop(p *pending) {
	switch {
	case o.gen != nil:
	case o.status.State == Failed: // some process could not be ended
		p.finish(o.status, Answer{}, o.status.Cause)
	default:
		p.finish(o.status, stoppedAnswer(o.status), nil)
	}
}

func (o *owner) settleStart(p *pending) {
	switch {
	case o.gen.serves():
		p.finish(o.status, Answer{Result: ResultRunning, Message: "The gateway is running."}, nil)
	case o.status.State == Failed && o.failures > p.failures:
		p.finish(o.status, Answer{}, o.status.Cause)
	case o.status.State == Stopped && o.gen == nil && !o.wanted:
		p.finish(o.status, Answer{Result: ResultSuperseded}, o.status.Cause)
	}
}

func (o *owner) settleRestart(p *pending) {
	switch {
	case o.gen.serves() && o.launches > p.launches:
		a := Answer{Result: ResultRestarted, Message: "The gateway was restarted."}
		if p.request.Intent == Reload {
			a = Answer{Result: ResultAppliedByRestart, Message: "The configuration was applied by a restart."}
		}
		p.finish(o.status, a, nil)
	case o.gen.serves() && !p.sent && !p.held && p.leader == nil && !o.performs():
		o.forward(p)
	case o.status.State == Failed && o.failures > p.failures:
		p.finish(o.status, Answer{}, o.status.Cause)
	case o.status.State == Stopped && o.gen == nil && !o.wanted:
		p.finish(o.status, Answer{Result: ResultSuperseded}, o.status.Cause)
	}
}

// performs reports whether the gateway is already carrying out a restart or a reload. A
// further request joins a restart (BEHAVIOUR D2), and is handed over after a reload.
func (o *owner) performs() bool {
	return slices.ContainsFunc(o.waiting, func(p *pending) bool { return p.sent && !closed(p.done) })
}

// stoppedAnswer is the answer to a finished stop.
func stoppedAnswer(s Status) Answer {
	if s.Mode == Attached {
		return Answer{Result: ResultLeftRunning, Message: "clawtray let go of the gateway. Somebody else runs it, so it keeps running."}
	}
	return Answer{Result: ResultStopped, Message: "The gateway is stopped."}
}
