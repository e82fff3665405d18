package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"clawtray/rpc"
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
	health := s.Subscribe(4, "health", "config.changed")
	defer health.Close()
	tend := time.NewTicker(g.p.Tend)
	defer tend.Stop()
	verdicts := make(chan judgement, 1)
	verifying := false
	ended := make(chan error, 1) // a command that wants the generation to end
	var suppressed atomic.Bool
	look := func() { g.helpers.Go(func() { g.lookAtConfig(work, s) }) }
	look()
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
			g.lastClose = closeOf(s)
			return g.exit(ctx)
		case <-s.Done():
			g.lost(closeOf(s))
			return nil
		case full := <-ready:
			g.tell(func(st *Status) { st.GatewayReady = full })
		case ev, ok := <-health.C():
			switch {
			case !ok: // the session is over; Done follows
				health = s.Subscribe(0, "none")
			case ev.Name == "health":
				g.tell(func(st *Status) { st.Health = st.Health.with(channelReasons(ev.Payload)) })
			case ev.Name == "config.changed":
				look()
			}
		case <-tend.C:
			look()
			if suppressed.Load() { // the breaker clears itself in the running gateway
				g.helpers.Go(func() { g.lookAtBreaker(work, &suppressed) })
			}
		case silence := <-g.silence:
			if silence.Misses == 0 {
				g.tell(func(st *Status) { st.Health = st.Health.without(ReasonHeartbeatMissed, ReasonVerifying, ReasonBusy) })
				continue
			}
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
			g.tell(func(st *Status) { st.Health = st.Health.without(ReasonVerifying, ReasonBusy) })
		case <-g.awake:
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
	g.lastClose = e
	c := Cause{Code: Disconnected, Detail: e.Error()}
	if e.Notice != nil && e.Notice.Restarts {
		c = Cause{Code: InPlaceRestart}
		g.rebooted = true
	}
	g.note(func(r *recorder) { r.diagnostics.LastClose = e.Error() })
	g.log.Info("connection lost", "cause", c.Code, "close", e.Error())
	g.tell(func(s *Status) {
		if s.StoppingFor != "restart" { // else the cause is who asked for it
			s.Cause = c
		}
		s.State, s.Phase = Reconnecting, Spawned
		s.GatewayReady = false
		s.Facts = Facts{ProcessAlive: s.Facts.ProcessAlive}
	})
}

// awaitReadiness follows /readyz until the gateway says that it is ready. Old
// gateways answer with a web page: they are believed after Policy.AssumeReady
// (BEHAVIOUR B9).
func (g *generation) awaitReadiness(ctx context.Context, ready chan<- bool) {
	assume := time.NewTimer(g.p.AssumeReady)
	defer assume.Stop()
	for wait := fastPoll; ; wait = min(2*wait, time.Second) {
		r, err := g.readyz(ctx)
		if err == nil && r.Ready {
			ready <- true
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-assume.C:
			if err == nil && !r.Known {
				ready <- true
				return
			}
		case <-time.After(wait):
		}
	}
}

// checkAfterSleep drops a connection that did not survive the sleep, so that
// serve makes a new one to the same process at once.
func (g *generation) checkAfterSleep(ctx context.Context, s *rpc.Session) {
	ctx, cancel := context.WithTimeout(ctx, g.p.VerifyTimeout)
	defer cancel()
	if err := s.Ping(ctx); err != nil && ctx.Err() == context.DeadlineExceeded {
		g.log.Info("the connection did not survive the sleep")
		s.Abort(err)
	}
}

// lookAtBreaker shows whether the gateway keeps its channels off after unclean
// ends of its own counting (BEHAVIOUR B10).
func (g *generation) lookAtBreaker(ctx context.Context, suppressed *atomic.Bool) {
	r, err := g.readyz(ctx)
	if err != nil {
		return
	}
	suppressed.Store(len(r.Suppressed) > 0)
	g.tell(func(st *Status) {
		st.Health = st.Health.without(ReasonSafeMode)
		if len(r.Suppressed) > 0 {
			st.Health = st.Health.with(reason(ReasonSafeMode, r.Suppressed))
		}
	})
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
	if c.now {
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
	if answer.Status == "deferred" {
		if g.awaitWork(ctx, s, c.drain) {
			full.Drain = 0
			return full
		}
	}
	// The close follows within a second (measured); the process restarting in place is seen by serve.
	select {
	case <-ctx.Done():
	case <-time.After(c.drain):
		if g.mode == Managed {
			full.Drain = 0
			return full
		}
	}
	return nil
}

// outdated reports whether the package on disk is not the version that runs: an
// in-place restart would go on with the old one.
func (g *generation) outdated(ctx context.Context) bool {
	r, err := g.host.Runtime(ctx)
	return err == nil && r.Version != g.session.Hello().Server.Version
}

// preflight is how busy the gateway is (measured: from OpenClaw 2026.6.11 on).
type preflight struct {
	Safe   bool `json:"safe"`
	Counts struct {
		Total int `json:"totalActive"`
	} `json:"counts"`
	Summary string `json:"summary"`
}

// work asks how much is going on; known is false where the gateway cannot tell.
func (g *generation) work(ctx context.Context, s *rpc.Session) (active int, known bool) {
	const method = "gateway.restart.preflight"
	if !s.Supports(method) {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, g.p.VerifyTimeout)
	defer cancel()
	var p preflight
	if err := s.Call(ctx, method, nil, &p); err != nil {
		return 0, false
	}
	if p.Safe {
		return 0, true
	}
	return max(1, p.Counts.Total), true
}

// drainPoll is how often the remaining work is counted while a person waits.
const drainPoll = 500 * time.Millisecond

// awaitWork waits until the gateway is idle; busy reports that it still works
// when limit has passed or somebody lost patience.
func (g *generation) awaitWork(ctx context.Context, s *rpc.Session, limit time.Duration) (busy bool) {
	deadline := time.Now().Add(limit)
	for {
		n, known := g.work(ctx, s)
		if !known || n == 0 {
			return false
		}
		g.tell(func(st *Status) { st.Phase, st.ActiveWork, st.Deadline = Draining, n, deadline })
		left := time.Until(deadline)
		if left <= 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-s.Done():
			return false
		case <-g.exited():
			return false
		case <-g.rung:
			return true
		case <-time.After(min(drainPoll, left)):
		}
	}
}

// abortWork ends the runs that are still active, so that the gateway does not
// drain for minutes after the signal (measured: up to 315 s from 2026.8 on).
func (g *generation) abortWork(ctx context.Context, s *rpc.Session) {
	var list struct {
		Sessions []struct {
			Key          string `json:"key"`
			Status       string `json:"status"`
			HasActiveRun *bool  `json:"hasActiveRun"`
		} `json:"sessions"`
	}
	if err := s.Call(ctx, "sessions.list", nil, &list); err != nil {
		g.log.Warn("could not list the sessions to abort", "err", err)
		return
	}
	for _, row := range list.Sessions {
		active := row.Status == "running"
		if row.HasActiveRun != nil {
			active = *row.HasActiveRun
		}
		if !active {
			continue
		}
		g.log.Info("aborting active work", "session", row.Key)
		if err := s.Call(ctx, "chat.abort", map[string]any{"sessionKey": row.Key}, nil); err != nil {
			g.log.Warn("abort failed", "session", row.Key, "err", err)
		}
	}
}

// channelReasons reads a health event: channels in trouble degrade the gateway,
// they never restart it (BEHAVIOUR A4, PAINS P45).
func channelReasons(payload json.RawMessage) Reason {
	var h struct {
		Channels map[string]struct {
			LastError string `json:"lastError"`
			Running   *bool  `json:"running"`
		} `json:"channels"`
	}
	if json.Unmarshal(payload, &h) != nil {
		return Reason{}
	}
	for name, c := range h.Channels {
		if c.LastError != "" {
			return reason(ReasonChannels, fmt.Sprintf("%s: %s", name, c.LastError))
		}
	}
	return Reason{Code: ReasonChannels}
}
