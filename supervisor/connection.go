package supervisor

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"clawtray/rpc"
)

const (
	// packageEvery is the number of beats between two checks of the installed OpenClaw. One
	// check reads the metadata of about fifty files.
	packageEvery = 60
	// callEvery is the number of beats between two calls to a quiet gateway. After a failed
	// call, there is one at every beat. Calls cost the gateway time, so they are rare
	// (PAINS P19).
	callEvery = 4
	// spaceEvery is the number of beats between two checks of the disk space.
	spaceEvery = 2
	// configRest is the minimum time between two checks of the gateway's configuration, so
	// that a burst of changes causes only two checks.
	configRest = time.Second
	// appliesItself is how long after an edit the gateway may still apply it by itself. That
	// takes two seconds, and longer on a busy machine (measured).
	appliesItself = 15 * time.Second
)

// endLine is in the line that a gateway prints when it begins to stop or to restart (OpenClaw
// 2026.6.11 to 2026.9.6). We look after idleEnd; gateways whose output we do not read are
// noticed at the next look. A line that ends with restartLine announces a restart, the others
// a stop.
const (
	endLine     = "[gateway] received SIG"
	restartLine = "; restarting"
)

// idleEnd is when a gateway without work has ended or restarted after endLine. It needs half a
// second (measured).
const idleEnd = 2 * time.Second

// connection is one connection to the gateway, from hello-ok to its end.
type connection struct {
	*generation
	s     *rpc.Session
	work  context.Context // ends with the connection; the context of all calls to the gateway
	began time.Time
	boot  time.Time // when the gateway began to start; see boots

	ready      chan bool
	verdicts   chan judgement
	verifying  bool
	ended      chan error    // the error of a command that ends the generation
	configs    chan struct{} // holds at most one request to check the configuration
	suppressed atomic.Bool   // the gateway's crash breaker keeps its channels off
	asked      atomic.Bool   // we asked the gateway to restart in place
}

// lostConnection is the error of a connection that ended while the process may still run.
// It does not end the generation: [generation.recover] decides what to do next.
type lostConnection struct {
	cause    Cause
	expected bool // the connection ended because of something that we asked for
}

func (l *lostConnection) Error() string { return l.cause.Error() }

// serve handles one connection until it ends, and returns why it ended: a *lostConnection,
// an *order, or the Cause that ends the generation.
func (g *generation) serve(ctx context.Context) error {
	s := g.session
	work, stop := context.WithCancel(ctx)
	c := &connection{generation: g, s: s, work: work, began: time.Now(), boot: g.bootAt,
		ready: make(chan bool, 1), verdicts: make(chan judgement, 1),
		ended: make(chan error), configs: make(chan struct{}, 1)}
	defer func() {
		stop()
		g.helpers.Wait()
		c.events.Close()
		g.hub.connect(nil)
		if g.drainSession != s { // keep it open for the wind-down, which asks about active work
			s.Close()
		}
		g.session, g.upFor = nil, time.Since(c.began)
	}()
	g.helpers.Go(c.followConfig)
	c.lookAtConfig()
	g.helpers.Go(func() { g.followRequests(work, s) })
	g.helpers.Go(func() { g.followDoings(work, s) })
	g.helpers.Go(func() { g.lookAtPackage(work, s) })
	g.helpers.Go(func() { g.lookAtSpace(work) })
	g.showHealth(s.Hello().Snapshot.Health)
	g.helpers.Go(func() {
		g.awaitReadiness(work, c.ready)
		g.lookAtBreaker(work, &c.suppressed)
	})
	return c.loop(ctx)
}

// loop handles everything that happens on the connection, one event at a time.
func (c *connection) loop(ctx context.Context) error {
	g, events := c.generation, c.events.C()
	beat, beats, checked := g.beat.C(), 0, func() {}
	awake := g.awake.C()
	var look <-chan time.Time // fires when a gateway that began to end must have work to finish
	for {
		select {
		case <-ctx.Done():
			return c.leave(context.Cause(ctx))
		case <-g.exited():
			return c.exited(ctx)
		case <-c.s.Done():
			return c.over(ctx)
		case full := <-c.ready:
			g.tell(func(st *Status) { st.GatewayReady = full })
		case ev, ok := <-events:
			if !ok { // the session has ended; its Done channel closes soon
				events = nil
				continue
			}
			c.event(ev)
		case <-beat:
			beat = g.beat.C()
			beats++
			checked() // Cancel the previous health call; if it failed, atBeat calls again now.
			checked = c.atBeat(beats)
		case <-g.saidEnd:
			look = time.After(idleEnd)
		case <-look:
			checked()
			checked = c.checkRPC(c.work, c.s)
		case silence := <-g.silence:
			c.silent(silence)
		case v := <-c.verdicts:
			if err := c.judged(v); err != nil {
				return c.leave(err)
			}
		case <-awake:
			awake = g.awake.C()
			g.helpers.Go(func() { g.checkAfterSleep(c.work, c.s) })
		case command := <-g.commands:
			g.helpers.Go(func() { c.perform(command) })
		case err := <-c.ended:
			return c.leave(err)
		case <-g.desk.position:
			if g.desk.now() != g.posture {
				return c.renew()
			}
		}
	}
}

func (c *connection) event(ev rpc.Event) {
	switch ev.Name {
	case "health":
		c.showHealth(ev.Payload)
	case "config.changed":
		c.lookAtConfig()
	case "tick":
		// Gateways of all versions send one every 30 s. Ignore ticks that come faster
		// than Tend/4, so that a faulty gateway cannot make us work more.
		c.beat.strike(c.p.Tend / 4)
	}
}

// atBeat makes the periodic checks. The returned function cancels the health call that
// atBeat has started, if any.
func (c *connection) atBeat(beats int) (checked func()) {
	c.lookAtConfig()
	if beats%packageEvery == 0 {
		c.helpers.Go(func() { c.lookAtPackage(c.work, c.s) })
	}
	if beats%spaceEvery == 0 {
		c.helpers.Go(func() { c.lookAtSpace(c.work) })
	}
	if c.suppressed.Load() { // the gateway can reset its breaker while it runs
		c.helpers.Go(func() { c.lookAtBreaker(c.work, &c.suppressed) })
	}
	if beats%callEvery == 0 || c.s.Stats().Calls.ConsecutiveFailures > 0 {
		return c.checkRPC(c.work, c.s)
	}
	return func() {}
}

// silent begins to verify a gateway that has missed a ping (BEHAVIOUR F2), or clears the
// warnings when the gateway has answered again.
func (c *connection) silent(silence rpc.Silence) {
	if silence.Misses == 0 {
		c.tell(func(st *Status) {
			st.Health = st.Health.without(ReasonHeartbeatMissed, ReasonVerifying, ReasonBusy, ReasonNotAnswering)
		})
		return
	}
	c.note(func(r *recorder) { r.diagnostics.LastHeartbeatTimeout = time.Now() })
	c.tell(func(st *Status) { st.Health = st.Health.with(reason(ReasonHeartbeatMissed, silence.Misses)) })
	if c.verifying {
		return
	}
	c.verifying = true
	c.tell(func(st *Status) { st.Health = st.Health.with(reason(ReasonVerifying, nil)) })
	c.helpers.Go(func() { c.verdicts <- c.verify(c.work, c.s, silence) })
}

// judged handles the result of a verification. A non-nil return ends the generation.
func (c *connection) judged(v judgement) error {
	c.verifying = false
	if v == hangs {
		return Cause{Code: Hung, Detail: "no sign of life on any path", LastLine: c.lastLine()}
	}
	c.tell(func(st *Status) { st.Health = st.Health.without(ReasonVerifying, ReasonBusy, ReasonNotAnswering) })
	return nil
}

// renew closes the connection so that a new one is made, because the new one has to declare
// something else at sign-in. The status does not mention this unless the new connection
// fails.
func (c *connection) renew() error {
	c.s.Close()
	c.unsaid = &lostConnection{cause: Cause{Code: Disconnected, LastLine: c.lastLine()}, expected: true}
	return c.unsaid
}

// leave ends serve because of why. It keeps the connection open for the wind-down.
func (c *connection) leave(why error) error {
	c.drainSession = c.s
	return why
}

// exited handles the end of the process. Usually its socket closes at the same moment, and
// the reason of that close tells what the exit means. It does not wait long, because a
// child of the process may keep the socket open.
func (c *connection) exited(ctx context.Context) error {
	select {
	case <-c.s.Done():
		c.recordClose(closeOf(c.s))
	case <-ctx.Done():
	case <-time.After(lastWords):
	}
	return c.exit(ctx)
}

// over handles the end of the connection. When the process ends at the same time, both
// count as one failure (BEHAVIOUR G3). Otherwise it is an announced restart or stop, or a
// broken socket (BEHAVIOUR G2).
func (c *connection) over(ctx context.Context) error {
	e := closeOf(c.s)
	c.recordClose(e)
	if e.Notice == nil && c.endsToo(ctx) {
		return c.exit(ctx)
	}
	if e.Code == closeAuthChanged {
		c.stale = true // the token was changed: read the configuration again
	}
	lost := &lostConnection{cause: Cause{Code: Disconnected, Detail: c.cfg.Redact.String(e.Error()), LastLine: c.lastLine()}}
	if e.Notice != nil && e.Notice.Restarts {
		lost.cause = Cause{Code: InPlaceRestart}
		c.rebooting, c.bootAt = true, time.Now()
		lost.expected = c.asked.Load()
	}
	c.log.Info("connection lost", "cause", lost.cause.Code, "close", e.Error())
	c.disconnected(lost) // before a command that is still running calls its again
	return lost
}

// closeAuthChanged is the close code for a token that was changed (OpenClaw 2026.6 and later).
const closeAuthChanged = 4001

// endsToo reports whether the process ends within lastWords after its connection.
func (g *generation) endsToo(ctx context.Context) bool {
	if g.proc == nil {
		return false
	}
	select {
	case <-g.proc.Done():
		return true
	case <-ctx.Done():
	case <-time.After(lastWords):
	}
	return false
}

// closeOf returns how an ended session ended; never nil.
func closeOf(s *rpc.Session) *rpc.CloseError {
	var e *rpc.CloseError
	if err := s.Err(); errors.As(err, &e) {
		return e
	} else if err != nil {
		return &rpc.CloseError{Err: err}
	}
	return &rpc.CloseError{Err: rpc.ErrClosed}
}

// recordClose records why the connection ended, for exitMeaning and for the diagnostics.
func (g *generation) recordClose(e *rpc.CloseError) {
	g.lastClose = e
	c := Close{At: time.Now(), Code: e.Code, Text: g.cfg.Redact.String(e.Error())}
	g.note(func(r *recorder) { r.diagnostics.LastClose = &c })
}

// disconnected tells the owner that the connection is gone while the process may still run.
func (g *generation) disconnected(lost *lostConnection) {
	g.stand(stand{at: climbing, mode: g.mode}, func(s *Status) {
		if s.StoppingFor != string(forRestart) { // in a restart, the cause stays the request for it
			s.Cause = lost.cause
		}
		s.State, s.Phase = Reconnecting, Spawned
		s.GatewayReady, s.Waiting, s.Activity = false, 0, Activity{}
		s.Facts = Facts{ProcessAlive: s.Facts.ProcessAlive && g.proc != nil}
		s.Health = Health{}.with(reason(ReasonNotRunning, nil))
	})
}

// recover asks the owner what to do after the end of a connection whose process still runs.
// It returns nil when it is time to connect again.
func (g *generation) recover(ctx context.Context, lost *lostConnection) error {
	if err := g.awaitAnnouncedStop(ctx); err != nil || lost.expected {
		return err
	}
	d := g.weigh(ctx, Outcome{Cause: lost.cause, Mode: g.mode, ReadyFor: max(g.upFor, 1), Lost: true})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	g.counted = true
	if d.Verdict == GiveUp {
		return g.blocked(ctx, d.Reason)
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-g.exited():
		return g.exit(ctx)
	case <-g.retry:
	case <-g.awake.C():
	case <-time.After(d.Delay):
	}
	g.phase(Spawned)
	return nil
}

// announcedStop is how long we wait for the end of a gateway that announced its stop. An
// idle gateway needs half a second (measured).
const announcedStop = 10 * time.Second

// awaitAnnouncedStop waits for the end of a gateway that said it is stopping (BEHAVIOUR
// G2). It returns nil at once for other gateways.
func (g *generation) awaitAnnouncedStop(ctx context.Context) error {
	if restarts, is := g.announced(); !is || restarts || g.proc == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-g.exited():
		return g.exit(ctx)
	case <-time.After(announcedStop):
		return nil
	}
}
