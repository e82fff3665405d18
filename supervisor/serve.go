package supervisor

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"clawtray/rpc"
)

const (
	// packageEvery is after how many beats the installed OpenClaw is looked at again:
	// that asks about some fifty files.
	packageEvery = 60
	// callEvery is after how many beats a quiet gateway is asked something, and after
	// a call that failed at every beat: it costs the gateway's time, too (PAINS P19).
	callEvery = 4
)

// serve stays with one connection until it ends. A nil return means that the
// process may still live: connect again.
func (g *generation) serve(ctx context.Context) error {
	s := g.session
	defer func() {
		g.hub.connect(nil)
		if g.drainSession != s { // kept for the ladder: active work is asked about over it
			s.Close()
		}
		g.session = nil
	}()
	// work ends with this connection: everything that asks the gateway something.
	work, stop := context.WithCancel(ctx)
	defer g.helpers.Wait()
	defer stop()

	ready := make(chan bool, 1)
	events := s.Subscribe(4, "health", "config.changed", "tick")
	defer events.Close()
	beat, beats, checked := g.beat.C(), 0, func() {}
	awake := g.awake.C()
	verdicts := make(chan judgement, 1)
	verifying := false
	ended := make(chan error, 1) // a command that wants the generation to end
	var suppressed atomic.Bool
	look := func() { g.helpers.Go(func() { g.lookAtConfig(work, s) }) }
	lookAtPackage := func() { g.helpers.Go(func() { g.lookAtPackage(work, s) }) }
	look()
	lookAtPackage()
	g.showHealth(s.Hello().Snapshot.Health)
	g.helpers.Go(func() {
		g.awaitReadiness(work, ready)
		g.lookAtBreaker(work, &suppressed)
	})

	for {
		select {
		case <-ctx.Done():
			return g.leave(s, context.Cause(ctx))
		case <-g.exited():
			select { // the socket of a dead process closes at once; its last words tell what the exit means
			case <-s.Done():
			case <-time.After(lastWords):
			}
			g.closed(closeOf(s))
			return g.exit(ctx)
		case <-s.Done():
			e := closeOf(s)
			if e.Notice == nil && g.endsToo(ctx) { // one death, not a close and then an exit (BEHAVIOUR G3)
				g.closed(e)
				return g.exit(ctx)
			}
			g.lost(e)
			return nil
		case full := <-ready:
			g.tell(func(st *Status) { st.GatewayReady = full })
		case ev, ok := <-events.C():
			switch {
			case !ok: // the session is over; Done follows
				events = s.Subscribe(0, "none")
			case ev.Name == "health":
				g.showHealth(ev.Payload)
			case ev.Name == "config.changed":
				look()
			case ev.Name == "tick":
				g.beat.strike(g.p.Tend / 4) // they come every 30 s in all versions; were they a flood, it is none of ours
			}
		case <-beat:
			beat = g.beat.C()
			beats++
			look()
			if beats%packageEvery == 0 {
				lookAtPackage()
			}
			checked() // was it not answered, it is asked again at once
			if beats%callEvery == 0 || s.Stats().ConsecutiveFailures > 0 {
				checked = g.checkRPC(work, s)
			}
			if suppressed.Load() { // the breaker clears itself in the running gateway
				g.helpers.Go(func() { g.lookAtBreaker(work, &suppressed) })
			}
		case silence := <-g.silence:
			if silence.Misses == 0 {
				g.tell(func(st *Status) {
					st.Health = st.Health.without(ReasonHeartbeatMissed, ReasonVerifying, ReasonBusy, ReasonNotAnswering)
				})
				continue
			}
			g.note(func(r *recorder) { r.diagnostics.LastHeartbeatTimeout = time.Now() })
			g.tell(func(st *Status) { st.Health = st.Health.with(reason(ReasonHeartbeatMissed, silence.Misses)) })
			if silence.Unresponsive && !verifying {
				verifying = true
				g.tell(func(st *Status) { st.Health = st.Health.with(reason(ReasonVerifying, nil)) })
				g.helpers.Go(func() { verdicts <- g.verify(work, s, silence) })
			}
		case v := <-verdicts:
			verifying = false
			if v == hangs {
				return Cause{Code: Hung, Detail: "no sign of life on any path", LastLine: g.lastLine()}
			}
			g.tell(func(st *Status) { st.Health = st.Health.without(ReasonVerifying, ReasonBusy, ReasonNotAnswering) })
		case <-awake:
			awake = g.awake.C()
			g.helpers.Go(func() { g.checkAfterSleep(work, s) })
		case c := <-g.commands:
			g.helpers.Go(func() {
				if err := g.perform(work, s, c); err != nil {
					select {
					case ended <- err:
					default:
					}
				}
			})
		case err := <-ended:
			return g.leave(s, err)
		}
	}
}

// endsToo reports whether the process ends with its connection.
func (g *generation) endsToo(ctx context.Context) bool {
	if g.proc == nil {
		return false
	}
	select {
	case <-g.exited():
		return true
	case <-ctx.Done():
	case <-time.After(lastWords):
	}
	return false
}

// leave ends serving on purpose. What follows goes on with the connection.
func (g *generation) leave(s *rpc.Session, why error) error {
	g.drainSession = s
	return why
}

func closeOf(s *rpc.Session) *rpc.CloseError {
	var e *rpc.CloseError
	if errors.As(s.Err(), &e) {
		return e
	}
	return &rpc.CloseError{Err: s.Err()}
}

// lost tells that the connection is gone while the process may live: an
// in-process restart, an announced stop, or a broken socket (BEHAVIOUR G2).
func (g *generation) lost(e *rpc.CloseError) {
	g.closed(e)
	c := Cause{Code: Disconnected, Detail: g.cfg.Redact.String(e.Error()), LastLine: g.lastLine()}
	if e.Notice != nil && e.Notice.Restarts {
		c = Cause{Code: InPlaceRestart}
		g.rebooted, g.bootAt = true, time.Now()
	}
	g.log.Info("connection lost", "cause", c.Code, "close", e.Error())
	g.tell(func(s *Status) {
		if s.StoppingFor != "restart" { // else the cause is who asked for it
			s.Cause = c
		}
		s.State, s.Phase = Reconnecting, Spawned
		s.GatewayReady = false
		s.Facts = Facts{ProcessAlive: s.Facts.ProcessAlive && g.proc != nil}
		s.Health = Health{}.with(reason(ReasonNotRunning, nil))
	})
}

// closed keeps why the connection is over.
func (g *generation) closed(e *rpc.CloseError) {
	g.lastClose = e
	c := Close{At: time.Now(), Code: e.Code, Text: g.cfg.Redact.String(e.Error())}
	g.note(func(r *recorder) { r.diagnostics.LastClose = &c })
}

// perform carries out a restart or a reload on the running gateway. A non-nil
// return ends the generation.
func (g *generation) perform(ctx context.Context, s *rpc.Session, c command) error {
	if c.intent == Reload {
		return g.reload(ctx, s, c)
	}
	return g.restart(ctx, s, c)
}

// restart asks the gateway to restart in place, which keeps its process and
// costs half of a start. Where it cannot, or the work does not end, the
// generation ends and the next one starts (BEHAVIOUR D, C4).
func (g *generation) restart(ctx context.Context, s *rpc.Session, c command) error {
	full := &order{For: "restart", Drain: c.drain, Cause: c.cause}
	if c.now && g.mode == Managed {
		full.Drain = 0
		return full
	}
	if c.fresh && c.intent == Restart {
		return full
	}
	const method = "gateway.restart.request"
	if g.mode == Managed && (!s.Supports(method) || g.outdated(ctx)) {
		return full
	}
	if !s.Supports(method) {
		c.reply(Answer{Result: ResultRejected}, Cause{Code: ConnectRefused, Detail: "this gateway is not ours and cannot be restarted over the protocol"})
		return nil
	}
	var answer struct {
		Status    string    `json:"status"`
		Preflight preflight `json:"preflight"`
	}
	if err := s.Call(ctx, method, map[string]any{"reason": "requested in clawtray"}, &answer); err != nil {
		if ctx.Err() != nil {
			c.again()
			return nil
		}
		g.log.Warn("restart over the protocol was refused", "err", err)
		if g.mode != Managed {
			c.reply(Answer{Result: ResultRejected}, err)
			return nil
		}
		return full
	}
	g.tell(func(st *Status) { st.StoppingFor, st.Cause = "restart", c.cause })
	if answer.Status == "deferred" && g.awaitWork(ctx, s, c.drain) && g.mode == Managed {
		full.Drain = 0
		return full
	}
	// The close follows within a second (measured); the process restarting in place is seen by serve.
	select {
	case <-ctx.Done():
		c.again() // another connection decides: when it did not restart, it is asked again
	case <-time.After(c.drain):
		if g.mode == Managed {
			full.Drain = 0
			return full
		}
		g.tell(func(st *Status) { st.StoppingFor, st.Phase, st.ActiveWork, st.Deadline = "", Ready, 0, time.Time{} })
		c.reply(Answer{Result: ResultRejected}, Cause{Code: ConnectRefused, Detail: "it was asked to restart and did not"})
	}
	return nil
}

// outdated reports whether the package on disk is not the version that runs: an
// in-place restart would go on with the old one.
func (g *generation) outdated(ctx context.Context) bool {
	r, err := g.host.Runtime(ctx)
	return err == nil && r.Version != g.session.Hello().Server.Version
}
