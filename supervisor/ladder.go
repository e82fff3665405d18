package supervisor

import (
	"context"
	"errors"
	"time"
)

const (
	// killWait is how long a process may take to vanish after SIGKILL; more means
	// it hangs in the kernel, which nobody can change.
	killWait = 5 * time.Second
	// hungWait is how long a gateway that hangs gets to hear the signal.
	hungWait = time.Second
	// reserve is what the ladder keeps of its limit for SIGKILL and the checks after it.
	reserve = 1500 * time.Millisecond
)

// errStopped is what waiting calls fail with once the signal goes out (BEHAVIOUR C3).
var errStopped = errors.New("gateway stopped")

// end closes the generation's books: what is ours is wound down, rung by rung,
// and checked to be gone (BEHAVIOUR C4).
func (g *generation) end(err error) Outcome {
	var o Outcome
	var cause Cause
	switch {
	case errors.As(err, &o.Order):
		o.Cause = o.Order.Cause
	case errors.As(err, &cause):
		o.Cause = cause
	default:
		o.Cause = Cause{Code: Internal, Detail: err.Error()}
	}
	if g.proc == nil {
		g.letGo(o.Order)
	} else {
		g.ladder(o.Order, o.Cause)
		exit := g.proc.Exit()
		o.Exit = &exit
		g.proc.Release()
		<-g.outDone
	}
	return o
}

// stopMethods are what a gateway could be asked to end with. None of the measured
// ones (2026.3 to 2026.9) has them; one that does says so in its hello.
var stopMethods = []string{"gateway.shutdown", "gateway.stop", "shutdown"}

// letGo leaves a gateway that somebody else runs. An explicit stop asks it to
// end, where it offers that (BEHAVIOUR C2); nothing else ends it.
func (g *generation) letGo(o *order) {
	s := g.drainSession
	if s == nil {
		return
	}
	defer s.Close()
	g.drainSession = nil
	if o == nil || o.For != "stop" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), g.p.VerifyTimeout)
	defer cancel()
	for _, method := range stopMethods {
		if !s.Supports(method) {
			continue
		}
		if err := s.Call(ctx, method, nil, nil); err != nil {
			g.log.Warn("the gateway refused to stop", "method", method, "err", err)
		}
		return
	}
}

// ladder takes the process down. Without an order it has failed in some way and
// there is no work to wait for.
func (g *generation) ladder(o *order, cause Cause) {
	if o == nil {
		o = &order{Cause: cause}
	}
	began := time.Now()
	left := func(step time.Duration) time.Duration {
		if o.Limit == 0 {
			return step
		}
		return max(0, min(step, o.Limit-reserve-time.Since(began)))
	}
	g.tell(func(s *Status) { s.StoppingFor = o.For })
	if !closed(g.proc.Done()) {
		g.drain(o, left)
		g.terminate(o, left)
	}
	if !closed(g.proc.Done()) || (o.For != "" && len(g.proc.Remains()) > 0) {
		g.kill()
	}
	g.tell(func(s *Status) { s.Phase, s.ActiveWork, s.Deadline = Idle, 0, time.Time{} })
}

// drain waits for active work, then aborts what is left, so that the signal ends
// the gateway in half a second and not in five minutes.
func (g *generation) drain(o *order, left func(time.Duration) time.Duration) {
	s := g.drainSession
	if s == nil {
		return
	}
	defer func() {
		s.Abort(errStopped)
		g.drainSession = nil
	}()
	limit := left(o.Drain)
	if o.For == "logout" || !g.awaitWork(context.Background(), s, limit) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), max(left(g.p.VerifyTimeout), time.Second))
	defer cancel()
	g.abortWork(ctx, s)
	g.awaitWork(ctx, s, left(abortWait))
}

// abortWait is how long aborted work may take to end before the signal goes out anyway.
const abortWait = 2 * time.Second

// terminate sends the signal and waits for the leader to end.
func (g *generation) terminate(o *order, left func(time.Duration) time.Duration) {
	wait := left(g.p.Terminate)
	if o.Cause.Code == Hung {
		wait = min(wait, hungWait) // it has not answered for minutes
	}
	g.tell(func(s *Status) {
		s.Phase, s.Deadline = Terminating, time.Now().Add(wait)
		if s.State == Running { // it no longer is
			s.State, s.Cause = afterwards(o), o.Cause
		}
		s.Facts = Facts{ProcessAlive: true}
		s.GatewayReady = false
	})
	if err := g.proc.Terminate(); err != nil {
		g.log.Warn("the gateway could not be signalled", "err", err)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		awake := g.awake.C()
		select {
		case <-g.proc.Done():
			return
		case <-timer.C:
			return
		case <-g.rung:
			return
		case <-awake:
			timer.Reset(wait)
		}
	}
}

// kill is the last resort: gateways count unclean ends.
func (g *generation) kill() {
	g.tell(func(s *Status) { s.Phase = Killing })
	g.log.Warn("ending what is left of the gateway by force", "pids", g.proc.Remains())
	deadline := time.After(killWait)
	for {
		if err := g.proc.Kill(); err != nil {
			g.log.Warn("kill failed", "err", err)
		}
		if closed(g.proc.Done()) && len(g.proc.Remains()) == 0 {
			return
		}
		select {
		case <-g.proc.Done():
		case <-deadline:
			g.log.Error("could not end everything", "pids", g.proc.Remains())
			return
		case <-time.After(fastPoll):
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// afterwards is the state a gateway that is being ended is on its way to.
func afterwards(o *order) State {
	switch o.For {
	case "stop", "quit", "logout":
		return Stopped
	case "restart":
		return Starting
	}
	return Reconnecting
}
