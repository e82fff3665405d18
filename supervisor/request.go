package supervisor

import (
	"time"
)

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
