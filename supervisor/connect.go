package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"clawtray/rpc"
	"clawtray/supervisor/openclaw"
)

// connect waits until the gateway accepts us: on the way up, and after each
// connection that ended while the process lives. One connection probes and
// connects.
func (g *generation) connect(ctx context.Context) error {
	if err := g.awaitAnnouncedStop(ctx); err != nil {
		return err
	}
	began, awake := time.Now(), g.awake.C()
	soft, hard := time.NewTimer(g.p.SoftStart), time.NewTimer(g.patience())
	defer soft.Stop()
	defer hard.Stop()
	for {
		session, err := rpc.Dial(ctx, g.options())
		if err == nil {
			g.accepted(session)
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		wait, final := g.refused(ctx, err, pollAfter(time.Since(began)))
		if final != nil {
			if err := g.blocked(ctx, *final); err != nil {
				return err
			}
			continue
		}
		for wait != nil {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-g.exited():
				return g.exit(ctx)
			case <-soft.C:
				last := g.lastLine()
				g.tell(func(s *Status) { s.SlowStart, s.LastLine = true, last })
			case <-hard.C:
				return g.tooLate(ctx)
			case <-awake: // what ran out while the machine slept begins anew
				began, awake, wait = time.Now(), g.awake.C(), nil
				soft.Reset(g.p.SoftStart)
				hard.Reset(g.patience())
			case <-g.retry:
				wait = nil
			case <-g.saidReady:
				wait = nil
			case <-wait:
				wait = nil
			}
		}
	}
}

// readyLine ends the line that a gateway prints when it accepts clients (OpenClaw
// 2026.6.11 to 2026.9.6). It only makes us look at once: what counts is hello-ok.
const readyLine = "[gateway] ready"

// patience is how long the gateway may take until it accepts us.
func (g *generation) patience() time.Duration {
	switch {
	case g.adopted: // it may have been starting when we died; else it has nothing to wait for
		return max(g.p.PortGone, g.p.HardStart-time.Since(g.proc.StartedAt()))
	case g.readyAt.IsZero():
		return g.p.HardStart
	case g.mode == Attached:
		return g.p.AttachedGrace
	}
	return g.p.PortGone
}

// announcedStop is how long a gateway that announced its stop may take to end:
// idle ones need half a second (measured).
const announcedStop = 10 * time.Second

// awaitAnnouncedStop does not disturb a gateway that said it is stopping
// (BEHAVIOUR G2).
func (g *generation) awaitAnnouncedStop(ctx context.Context) error {
	n := g.notice()
	if n == nil || n.Restarts || g.proc == nil {
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

func (g *generation) options() rpc.Options {
	if g.token.Value == "" {
		if err := g.readToken(); err != nil {
			g.log.Warn("there is no token to connect with", "err", err)
		}
	}
	identity, _ := g.cfg.Identity()
	return rpc.Options{
		URL:          "ws://" + g.addr(),
		Token:        g.token.Value,
		TrustPeer:    true, // dial checks it each time
		Identity:     identity,
		DeviceTokens: g.cfg.DeviceTokens,
		Client:       rpc.ClientInfo{Version: g.cfg.Version},
		DialContext:  g.dial,
		OnPhase:      g.onPhase,
		OnSilence:    g.onSilence,
		Trace:        g.cfg.Trace,
		Redactor:     g.cfg.Redact,
	}
}

// readToken learns the gateway's token, and that it is a secret.
func (g *generation) readToken() error {
	t, err := g.host.Token()
	if err != nil {
		return err
	}
	g.cfg.Redact.Add(t.Value)
	g.token = t
	return nil
}

// errStranger says that somebody else's program answers where the gateway should:
// while our child is on its way, or after an attached gateway went away (BEHAVIOUR K4).
var errStranger = errors.New("the listener is not the gateway")

// dial connects only to a listener that may have our secrets: one of our own
// process, or, attached, of our own user.
func (g *generation) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := g.host.Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	by, err := g.host.Listener(ctx, g.cfg.Port, g.listener)
	switch {
	case errors.Is(err, ErrNoListener): // gone again, or hidden from us: try later
		err = &net.OpError{Op: "dial", Net: network, Err: err}
	case err == nil && (by.User != "" || g.proc != nil && by.PID != 0 && !g.proc.Owns(by.PID)):
		err = errStranger
	default:
		return conn, nil
	}
	conn.Close()
	return nil, err
}

func (g *generation) onPhase(p rpc.Phase) {
	switch p {
	case rpc.PhaseOpened:
		g.timing.listening()
		g.tell(func(s *Status) { s.Facts.PortOpen = true })
		g.upTo(Listening)
	case rpc.PhaseChallenged:
		g.timing.challenged()
		g.tell(func(s *Status) { s.Facts.ProtocolAlive = true })
		g.upTo(Challenged)
	}
}

var wayUp = []Phase{Spawned, Listening, Challenged, Sidecars}

// upTo shows how far a start has come. Each attempt to connect begins anew; what
// a person sees only goes forward.
func (g *generation) upTo(p Phase) {
	g.tell(func(s *Status) {
		if slices.Index(wayUp, s.Phase) < slices.Index(wayUp, p) {
			s.Phase = p
		}
	})
}

// refused sorts a failed attempt: either when to try again, or why not to.
func (g *generation) refused(ctx context.Context, err error, poll time.Duration) (wait <-chan time.Time, final *Cause) {
	rule := rpc.RuleFor(err)
	var e *rpc.Error
	errors.As(err, &e)
	switch {
	case errors.Is(err, errStranger):
		by, _ := g.host.Listener(ctx, g.cfg.Port, 0)
		c := g.conflict(by)
		return nil, &c
	case e != nil && e.Kind == rpc.KindStarting:
		last := g.lastLine()
		g.tell(func(s *Status) { s.LastLine = last })
		g.upTo(Sidecars)
		return g.startedOr(ctx, e.RetryAfter, poll), nil
	case !rule.Retry:
		c := connectCause(err, rule, g.token)
		return nil, &c
	case g.proc == nil:
		return time.After(slowPoll), nil
	default:
		return time.After(poll), nil
	}
}

// pollAfter is how often to look at a start that has taken so long already.
func pollAfter(took time.Duration) time.Duration {
	if took < patientAfter {
		return fastPoll
	}
	return slowPoll
}

// readyPoll is the distance of two looks at /readyz during a start: each takes 3 ms
// of the gateway's time (measured), and one whose output we read says itself when it
// is ready.
const readyPoll = 250 * time.Millisecond

// startedOr fires when the gateway says on /readyz that it is ready, at the
// latest after the time it asked for: waiting that out blindly would cost up to
// half a second of every start.
func (g *generation) startedOr(ctx context.Context, asked, poll time.Duration) <-chan time.Time {
	fired := make(chan time.Time, 1)
	ctx, cancel := context.WithTimeout(ctx, max(asked, poll))
	g.helpers.Go(func() {
		defer cancel()
		defer close(fired)
		for ctx.Err() == nil {
			if r, err := g.readyz(ctx); err == nil && r.Ready {
				return
			}
			select {
			case <-ctx.Done():
			case <-g.exited():
				return
			case <-time.After(max(poll, readyPoll)):
			}
		}
	})
	return fired
}

// blocked waits, with the gateway alive and untouched, for a person to remove
// what keeps us out: a wrong token, a missing approval, another protocol. No
// retry heals those (BEHAVIOUR H4). A nil return means: try again.
func (g *generation) blocked(ctx context.Context, c Cause) error {
	if c.Code == PortConflict {
		return c
	}
	g.log.Error("the gateway runs, but cannot be used", "cause", c.Code, "why", c.Error())
	g.tell(func(s *Status) {
		s.State, s.Phase, s.Cause, s.Facts.RPCAlive = Failed, Idle, c, false
		s.Health = Health{}.with(reason(ReasonNoRPC, string(c.Code)))
	})
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-g.exited():
		return g.exit(ctx)
	case <-g.retry:
		g.token = openclaw.Token{}
		g.tell(func(s *Status) {
			s.State, s.Phase = Reconnecting, Listening
			s.Health = Health{}.with(reason(ReasonNotRunning, nil))
		})
		return nil
	}
}

// tooLate ends or continues a wait that went over its hard limit.
func (g *generation) tooLate(ctx context.Context) error {
	switch {
	case g.readyAt.IsZero() && !g.adopted:
		return Cause{Code: StartTimeout, Detail: g.p.HardStart.String(), LastLine: g.lastLine()}
	case g.mode == Managed:
		return Cause{Code: Hung, Detail: "its port stayed closed for " + g.p.PortGone.String(), LastLine: g.lastLine()}
	}
	// The owner of an attached gateway did not bring it back. Offer to take over
	// (BEHAVIOUR M4), and go on watching for it.
	g.tell(func(s *Status) { s.State, s.Phase, s.Cause = Failed, Idle, Cause{Code: AttachedGone} })
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(slowPoll):
			if conn, err := g.host.Dial(ctx, "tcp", g.addr()); err == nil {
				conn.Close()
				return errAgain
			}
		}
	}
}

// errAgain starts the generation's claim afresh.
var errAgain = errors.New("look again")

// accepted makes the session the generation's own and tells that the gateway runs.
func (g *generation) accepted(s *rpc.Session) {
	g.session = s
	g.lastClose, g.adopted = nil, false
	select {
	case <-g.silence: // of the connection before
	default:
	}
	g.timing.ready()
	now := time.Now()
	g.connectedAt = now
	if g.bootAt.IsZero() { // somebody else's: nobody knows
		g.bootAt = now
	}
	if g.readyAt.IsZero() {
		g.readyAt = now
	}
	_, identityProblem := g.cfg.Identity()
	hello := s.Hello()
	restarted := g.rebooted || g.bootID != "" && g.bootID != hello.Server.BootID
	g.bootID, g.rebooted = hello.Server.BootID, false
	g.log.Info("gateway ready", "version", hello.Server.Version, "protocol", hello.Protocol, "mode", g.mode, "timing", g.timing.timing())
	g.note(func(r *recorder) { r.connected(s) })
	g.hub.connect(s)
	g.hub.emit(rpc.Event{Name: EventReady})
	g.tell(func(st *Status) {
		st.State, st.Phase, st.Mode = Running, Ready, g.mode
		st.ConnectedAt = now
		if restarted {
			st.Launches++
		}
		st.StoppingFor, st.ActiveWork, st.Deadline = "", 0, time.Time{}
		st.GatewayVersion = hello.Server.Version
		st.SlowStart, st.LastLine, st.NextRetryAt = false, "", time.Time{}
		st.Facts = Facts{ProcessAlive: true, PortOpen: true, ProtocolAlive: true, RPCAlive: true}
		st.Health = Health{Level: Healthy}
		if len(st.Missing) > 0 {
			st.Health = st.Health.with(reason(ReasonEnvironment, st.Missing))
		}
		if identityProblem != "" {
			st.Health = st.Health.with(reason(ReasonIdentity, identityProblem))
		}
		st.Health = st.withSettings()
		if g.mode == Attached && st.StartedAt.IsZero() {
			st.StartedAt = now.Add(-hello.Snapshot.Uptime())
		}
	})
}

// runtimeCause turns what the resolver says into a cause.
func runtimeCause(err error) error {
	var missing *openclaw.MissingError
	if !errors.As(err, &missing) {
		return err
	}
	code := map[openclaw.MissingKind]CauseCode{
		openclaw.NodeMissing:        NodeMissing,
		openclaw.NodeTooOld:         NodeTooOld,
		openclaw.OpenClawMissing:    OpenClawMissing,
		openclaw.ConfiguredUnusable: RuntimeBroken,
	}[missing.Kind]
	return Cause{Code: code, Detail: missing.Sentence}
}

// connectCause turns a refused connect that no retry heals into a cause.
func connectCause(err error, rule rpc.Rule, token openclaw.Token) Cause {
	var e *rpc.Error
	if !errors.As(err, &e) {
		return Cause{Code: Internal, Detail: err.Error()}
	}
	c := Cause{Code: ConnectRefused, Detail: e.Message}
	switch rule.Kind {
	case rpc.KindAuth:
		c = Cause{Code: TokenMismatch, Detail: tokenDetail(token)}
		if e.DetailsCode == "AUTH_TOKEN_MISSING" {
			c = Cause{Code: TokenMissing}
		}
	case rpc.KindPairing:
		var request struct{ RequestID string }
		_ = json.Unmarshal(e.Details, &request) // older gateways have no details
		c = Cause{Code: PairingRequired, Detail: request.RequestID}
	case rpc.KindSignature:
		c.Code = SignatureRefused
		if e.DetailsCode == "DEVICE_AUTH_SIGNATURE_EXPIRED" {
			c.Code = ClockSkew
		}
	case rpc.KindProtocol:
		c.Code = ProtocolMismatch
	case rpc.KindNotGateway:
		c.Code = ConnectRefused
	}
	return c
}

// tokenDetail says where our token comes from and, where it is known, where the
// gateway's does: the two places a person has to make agree.
func tokenDetail(t openclaw.Token) string {
	switch {
	case t.Conflict != "":
		return fmt.Sprintf(": ours comes from %s, but %s", t.Source, t.Conflict)
	case t.Source != "":
		return ": ours comes from " + t.Source
	}
	return ""
}
