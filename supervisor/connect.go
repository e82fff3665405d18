package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"clawtray/rpc"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/requests"
)

// readyLine is the end of the line that a gateway prints when it accepts clients (OpenClaw
// 2026.6.11 to 2026.9.6). It only makes us try to connect at once. The gateway counts as
// ready after hello-ok.
const readyLine = "[gateway] ready"

// climb is the wait for one hello-ok, over all attempts to connect. Its time limits start
// again after the machine has slept.
type climb struct {
	g          *generation
	began      time.Time
	soft, hard *time.Timer
	look       *time.Timer // fires when it is time to check the progress
	seen       progress    // at the last check
	awake      <-chan struct{}
	drops      int       // connections that the gateway accepted and closed without hello-ok
	gone       time.Time // since then somebody else's gateway listens no more; zero while it does
	reread     bool      // the token has been read again
}

func (g *generation) newClimb() *climb {
	return &climb{g: g, began: time.Now(), awake: g.awake.C(), soft: time.NewTimer(g.p.SoftStart), hard: time.NewTimer(g.patience()),
		look: time.NewTimer(g.p.HardStart / looks), seen: g.progress(context.Background())}
}

func (c *climb) stop() {
	c.look.Stop()
	c.soft.Stop()
	c.hard.Stop()
}

// connect waits until the gateway accepts us. It is called for the first connection of a
// generation and again after each connection that ended while the process still runs. Every
// attempt uses one connection, both to look whether the gateway is there and to sign in.
func (g *generation) connect(ctx context.Context) error {
	c := g.newClimb()
	defer c.stop()
	for {
		session, err := g.dialGateway(ctx)
		if err == nil && !closed(g.exited()) {
			g.accepted(ctx, session)
			return nil
		}
		if session != nil { // a child of the ended gateway still has its socket
			session.Close()
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case closed(g.exited()):
			return g.exit(ctx)
		}
		wait, err := c.refused(ctx, err)
		if err == nil && wait != nil {
			err = c.wait(ctx, wait)
		}
		if err != nil {
			return err
		}
	}
}

// wait waits until the next attempt is due. It returns early when the gateway says that it
// is ready or a person asks for a retry. It fails when the gateway has ended or took too
// long.
func (c *climb) wait(ctx context.Context, next <-chan time.Time) error {
	g := c.g
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-g.exited():
			return g.exit(ctx)
		case <-c.soft.C:
			last := g.lastLine()
			g.tell(func(s *Status) { s.SlowStart, s.LastLine = true, last })
		case <-c.look.C:
			c.lookAtProgress(ctx)
		case <-c.hard.C:
			return g.tooLate()
		case <-c.awake: // the machine slept: start the time limits again
			c.began, c.gone, c.awake = time.Now(), time.Time{}, g.awake.C()
			c.soft.Reset(g.p.SoftStart)
			c.hard.Reset(g.patience())
			return nil
		case <-g.retry:
			return nil
		case <-g.saidReady:
			return nil
		case <-next:
			return nil
		}
	}
}

const (
	// looks is how often the progress of a start is checked within its hard limit.
	looks = 10
	// maxBusyStart limits a start that uses CPU but takes no visible step, in multiples of
	// the hard limit.
	maxBusyStart = 6
)

// progress is how far a start has come.
type progress struct {
	steps int // steps in the gateway's startup trace
	sample
}

func (g *generation) progress(ctx context.Context) progress {
	return progress{g.timing.steps(), g.sample(ctx)}
}

// lookAtProgress starts the hard limit again when the start has made progress, so that the
// limit only ends a start that does nothing (BEHAVIOUR Q6).
func (c *climb) lookAtProgress(ctx context.Context) {
	g, now := c.g, c.g.progress(ctx)
	c.look.Reset(g.p.HardStart / looks)
	took := now.at.Sub(c.seen.at)
	burns := now.err == nil && c.seen.err == nil && took > 0 && float64(now.cpu-c.seen.cpu) >= busyShare*float64(took)
	if !g.answered && (now.steps > c.seen.steps || burns && time.Since(c.began) < maxBusyStart*g.p.HardStart) {
		c.hard.Reset(g.patience())
	}
	c.seen = now
}

// patience returns how long the gateway may take until it accepts us.
func (g *generation) patience() time.Duration {
	switch {
	case g.conf.IsRemote():
		return g.p.AttachedGrace
	case g.adopted: // when clawtray ended, this gateway may still have been starting
		return max(g.p.PortGone, g.p.HardStart-time.Since(g.proc.StartedAt()))
	case !g.answered:
		return g.p.HardStart
	case g.mode == Attached:
		return g.p.AttachedGrace
	}
	return g.p.PortGone
}

// errStranger says that another program listens on the gateway's port, while our child is
// starting or after an attached gateway has gone (BEHAVIOUR K4).
var errStranger = errors.New("the listener is not the gateway")

// dial connects, but only to a listener that may get our secrets: our own process or, when
// attached, a process of our own user.
func (g *generation) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := g.reach()(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if g.conf.IsRemote() {
		return conn, nil // the user has chosen this address, and TLS proves who answers
	}
	by, err := g.host.Listener(ctx, g.port(), g.listener)
	switch {
	case err != nil: // it is unknown who would get our secrets: try later
		err = &net.OpError{Op: "dial", Net: network, Err: err}
	case by.User != "" || g.proc != nil && by.PID != 0 && !g.proc.Owns(ctx, by.PID):
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

var startPhases = []Phase{Spawned, Listening, Challenged, Sidecars}

// upTo shows how far a start has come. Each attempt to connect starts with the first phase
// again, but the phase that people see only moves forward.
func (g *generation) upTo(p Phase) {
	g.tell(func(s *Status) {
		if slices.Index(startPhases, s.Phase) < slices.Index(startPhases, p) {
			s.Phase = p
		}
	})
}

// refused decides what follows a failed attempt. It returns a channel that fires when it is
// time to try again (nil means at once), or the error that ends the wait for the gateway.
func (c *climb) refused(ctx context.Context, err error) (wait <-chan time.Time, end error) {
	g, poll := c.g, pollAfter(time.Since(c.began))
	if g.unsaid != nil {
		g.disconnected(g.unsaid)
		g.unsaid = nil
	}
	if end := c.away(err); end != nil {
		return nil, end
	}
	rule := rpc.RuleFor(err)
	var e *rpc.Error
	errors.As(err, &e)
	switch {
	case errors.Is(err, errStranger):
		by, _ := g.host.Listener(ctx, g.port(), 0)
		return nil, g.conflict(ctx, by)
	case e != nil && e.Kind == rpc.KindStarting:
		last := g.lastLine()
		g.tell(func(s *Status) { s.LastLine = last })
		g.upTo(Sidecars)
		return g.startedOr(ctx, e.RetryAfter, poll), nil
	case rule.Kind == rpc.KindAuth && c.rotated(ctx):
		return nil, nil
	case errors.Is(err, openclaw.ErrWrongCertificate):
		return c.renewed(ctx, err)
	case e != nil && e.Kind == rpc.KindUntrusted: // it was unknown who would get our secrets: try later
		return time.After(max(poll, readyPoll)), nil
	case !rule.Retry:
		return nil, c.blocked(ctx, connectCause(err, rule, g.conf))
	case isDrop(err):
		return c.dropped(ctx, err)
	case g.proc == nil:
		return time.After(slowPoll), nil
	}
	return time.After(poll), nil
}

// away returns the cause when somebody else's gateway has gone before it was ready, and its
// owner has not brought it back in time (BEHAVIOUR M4).
func (c *climb) away(err error) error {
	var op *net.OpError
	switch {
	case c.g.proc != nil, c.g.answered, c.g.conf.IsRemote(): // the hard limit does this
	case !errors.As(err, &op) || op.Op != "dial" || op.Timeout():
		c.gone = time.Time{}
	case c.gone.IsZero():
		c.gone = time.Now()
	case time.Since(c.gone) >= c.g.p.AttachedGrace:
		return Cause{Code: AttachedGone}
	}
	return nil
}

// rotated reads the token again and reports whether it has changed. It does so once per
// climb. When only OpenClaw can get the token, it is fetched here and not before the start,
// because the device token is tried first and usually makes it unnecessary.
func (c *climb) rotated(ctx context.Context) bool {
	if c.reread {
		return false
	}
	c.reread = true
	token, password := c.g.conf.Credentials()
	if c.g.conf.NeedsAsking() {
		c.g.ask(ctx)
	}
	c.g.refresh(ctx)
	newToken, newPassword := c.g.conf.Credentials()
	return newToken != token || newPassword != password
}

// renewed reads the certificate's fingerprint again, because a gateway may renew its
// certificate while it runs. When the expected fingerprint has not changed, a person has to
// look at it.
func (c *climb) renewed(ctx context.Context, err error) (wait <-chan time.Time, end error) {
	g := c.g
	before, _ := g.conf.Fingerprint()
	g.refresh(ctx)
	if after, _ := g.conf.Fingerprint(); after != before {
		return nil, nil
	}
	return nil, c.blocked(ctx, Cause{Code: WrongCertificate, Detail: g.conf.URL()})
}

// blocked waits until it is worth signing in again, and starts the time limits again,
// because a person may have needed days.
func (c *climb) blocked(ctx context.Context, cause Cause) error {
	if err := c.g.blocked(ctx, cause); err != nil {
		return err
	}
	c.stop()
	*c = *c.g.newClimb()
	return nil
}

// isDrop reports whether the gateway accepted a connection and then closed it. A refused
// connection is no drop, because then the gateway is not there yet, and a timeout is none,
// because then the gateway hangs.
func isDrop(err error) bool {
	var e *rpc.Error
	if !errors.As(err, &e) || e.Kind != rpc.KindTransport || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var op *net.OpError
	return !errors.As(err, &op) || op.Op != "dial" && !op.Timeout()
}

// maxDropPoll is the longest wait of a start between two connections that the gateway
// closes without an answer.
const maxDropPoll = 5 * time.Second

// dropped handles a gateway that accepts connections and closes them. During a start, each
// wait is longer than the one before. Later, the first drop belongs to a restart in place,
// and each further one counts as the end of a connection.
func (c *climb) dropped(ctx context.Context, err error) (wait <-chan time.Time, end error) {
	c.drops++
	g := c.g
	if !g.readyAt.IsZero() && c.drops > 1 {
		g.upFor = 0
		lost := &lostConnection{cause: Cause{Code: Disconnected, Detail: g.cfg.Redact.String(err.Error()), LastLine: g.lastLine()}}
		g.disconnected(lost)
		return nil, g.recover(ctx, lost)
	}
	return time.After(doubled(pollAfter(time.Since(c.began)), c.drops-1, maxDropPoll)), nil
}

// pollAfter returns the time between two attempts, for a start that has already taken this
// long.
func pollAfter(took time.Duration) time.Duration {
	if took < patientAfter {
		return fastPoll
	}
	return slowPoll
}

// readyPoll is the minimum time between two requests to /readyz during a start. Each
// request takes 3 ms of the gateway's time (measured). A gateway whose output we read says
// itself when it is ready.
const readyPoll = 250 * time.Millisecond

// startedOr returns a channel that is closed when the gateway says on /readyz that it is
// ready, and at the latest after the time that the gateway asked us to wait. Always waiting
// that long would make every start up to half a second slower.
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

// blocked waits until a person removes what prevents the sign-in: a wrong token, a missing
// approval, another protocol version. The gateway keeps running meanwhile. Retries cannot
// heal these causes (BEHAVIOUR H4). A nil return means: try again.
func (g *generation) blocked(ctx context.Context, c Cause) error {
	g.answered = true
	g.log.Error("the gateway runs, but cannot be used", "cause", c.Code, "why", c.Error())
	g.stand(stand{at: blocked, mode: g.mode}, func(s *Status) {
		s.State, s.Phase, s.Cause, s.Facts.RPCAlive = Failed, Idle, c, false
		s.SlowStart, s.LastLine = false, ""
		s.Health = Health{}.with(reason(ReasonNoRPC, string(c.Code)))
	})
	var corrected chan struct{}
	var mayBeApproved <-chan time.Time
	if c.Action() == ActApprove { // each look also notices a gateway that has ended or restarted
		ticker := time.NewTicker(approvalPoll)
		defer ticker.Stop()
		mayBeApproved = ticker.C
	} else {
		var leave func()
		corrected, leave = g.correction(ctx, c)
		defer leave()
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-g.exited():
			return g.exit(ctx)
		case cmd := <-g.commands:
			if by := g.replace(ctx, cmd); by != nil {
				return by
			}
		case <-g.retry:
			return g.signInAgain()
		case <-mayBeApproved:
			if !g.unapproved(ctx) {
				return g.signInAgain()
			}
		case <-corrected:
			g.log.Info("the configuration has changed, or the gateway has ended or restarted: signing in again")
			return g.signInAgain()
		}
	}
}

// signInAgain makes the next attempt read the configuration again.
func (g *generation) signInAgain() error {
	g.stale = true
	g.stand(stand{at: climbing, mode: g.mode}, func(s *Status) {
		s.State, s.Phase = Reconnecting, Listening
		s.Health = Health{}.with(reason(ReasonNotRunning, nil))
	})
	return nil
}

// approvalPoll is the time between two looks whether a person has approved this device. The
// gateway does not tell, and each look is one sign-in that it may refuse.
const approvalPoll = 30 * time.Second

// unapproved reports whether the gateway still waits for a person who approves this device.
// The status names the newest request, because requests expire.
func (g *generation) unapproved(ctx context.Context) bool {
	o, err := g.dialOptions(ctx)
	if err != nil {
		return false
	}
	session, err := rpc.Dial(ctx, o)
	if err == nil {
		session.Close()
		return false
	}
	rule := rpc.RuleFor(err)
	if rule.Kind != rpc.KindPairing {
		return ctx.Err() != nil // a stop has ended the look, and the caller sees that
	}
	c := connectCause(err, rule, g.conf)
	g.tell(func(s *Status) { s.Cause = c })
	return true
}

// lockedOut are the causes that a change of the configuration can heal while the gateway runs.
var lockedOut = map[CauseCode]bool{TokenMismatch: true, TokenMissing: true, PasswordRefused: true, ProxyOnly: true, SecretOpaque: true, WrongCertificate: true}

// correctionPoll is the time between two looks whether something has changed that keeps us out.
const correctionPoll = 2 * time.Second

// correction returns a channel that receives when it is worth signing in again: the gateway
// has ended or restarted, or the configuration has changed and then stayed the same for
// configQuiet. Some gateways use a changed token only after they have restarted, and the
// owner of an attached gateway may start another version. leave ends the observation.
func (g *generation) correction(ctx context.Context, c Cause) (corrected chan struct{}, leave func()) {
	ctx, cancel := context.WithCancel(ctx)
	corrected = make(chan struct{}, 1)
	left := make(chan struct{})
	refused := time.Now()
	g.helpers.Go(func() {
		defer close(left)
		before := g.signInState(ctx, c)
		last, since := before, refused
		for pause(ctx, correctionPoll) == nil {
			if now := g.signInState(ctx, c); now != last {
				last, since = now, time.Now()
			}
			if g.isAnother(ctx, refused) || last != before && time.Since(since) >= configQuiet {
				corrected <- struct{}{}
				return
			}
		}
	})
	return corrected, func() {
		cancel()
		<-left
	}
}

// signInState returns what the sign-in depends on, as a text to compare. It has secrets, so
// it must not be logged. It is empty when no change of the configuration can heal the cause.
func (g *generation) signInState(ctx context.Context, c Cause) string {
	if !lockedOut[c.Code] {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, configTimeout)
	defer cancel()
	e, err := g.host.Gateway(ctx)
	token, password := e.Credentials()
	pin, _ := e.Fingerprint()
	return fmt.Sprint(fileState(e.File), err, token, password, pin)
}

// isAnother reports whether the gateway that refused us at that time has ended, or has
// restarted since, also in place.
func (g *generation) isAnother(ctx context.Context, refused time.Time) bool {
	limited, cancel := context.WithTimeout(ctx, configTimeout)
	defer cancel()
	asked := time.Now()
	r, err := g.readyz(limited)
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return ctx.Err() == nil
	}
	return err == nil && r.Uptime > 0 && asked.Add(-r.Uptime).After(refused)
}

// replace returns the order that ends a gateway which does not let us sign in. When the
// next gateway could not start, it rejects the command and returns nil, so that no work is
// lost for a start that would fail (XU7).
func (g *generation) replace(ctx context.Context, cmd command) error {
	if err := g.unstartable(ctx); err != nil && g.mode == Managed {
		cmd.reply(Answer{Result: ResultRejected}, err)
		return nil
	}
	return &order{For: forRestart, Cause: cmd.cause}
}

// tooLate returns the cause when a wait has reached its hard limit. When the owner of an
// attached gateway did not bring it back, the cause offers to take over (BEHAVIOUR M4).
func (g *generation) tooLate() Cause {
	switch {
	case g.conf.IsRemote():
		return Cause{Code: RemoteUnreachable, Detail: g.conf.URL()}
	case !g.answered && !g.adopted:
		return Cause{Code: StartTimeout, Detail: g.p.HardStart.String(), LastLine: g.lastLine()}
	case g.mode == Managed:
		return Cause{Code: Hung, Detail: "it accepted no connection for " + g.p.PortGone.String(), LastLine: g.lastLine()}
	}
	return Cause{Code: AttachedGone}
}

// requestsAtOnce is how many events about requests may be buffered. When events are lost,
// the list of requests is fetched again.
const requestsAtOnce = 64

// subscribe subscribes to the events of a new session. It must be called before the first
// event can arrive, because gateways send presence and health directly after they accept a
// connection.
func (g *generation) subscribe(s *rpc.Session) {
	g.hub.connect(s)
	g.events = s.Subscribe(4, "health", "config.changed", "tick")
	g.doings = s.Subscribe(1, doingsEvents...)
	g.asked = s.Subscribe(requestsAtOnce, requests.Events()...)
}

// accepted makes the session the current one and tells the owner that the gateway runs.
func (g *generation) accepted(ctx context.Context, s *rpc.Session) {
	g.session = s
	g.lastClose, g.adopted, g.counted, g.unsaid = nil, false, false, nil
	select {
	case <-g.silence: // a report of the connection before
	default:
	}
	g.timing.ready()
	now := time.Now()
	hello := s.Hello()
	restarted := g.booted(hello, now)
	g.answered = true
	if restarted || g.readyAt.IsZero() {
		g.readyAt = now
	}
	_, identityProblem := g.cfg.Identity()
	g.log.Info("gateway ready", "version", hello.Server.Version, "protocol", hello.Protocol, "mode", g.mode, "timing", g.timing.timing())
	g.note(func(r *recorder) { r.connected(s) })
	if g.mode == Managed && !g.plan.safe { // a safe start does not prove that the configuration works with its channels and plugins
		conf := g.conf
		g.helpers.Go(func() { g.host.Accepted(context.WithoutCancel(ctx), conf) })
	}
	g.hub.emit(rpc.Event{Name: EventReady})
	g.stand(stand{at: serving, mode: g.mode, starts: restarted}, func(st *Status) {
		st.State, st.Phase, st.Mode = Running, Ready, g.mode
		st.ConnectedAt = now
		st.StoppingFor = ""
		st.GatewayVersion = hello.Server.Version
		st.SlowStart, st.LastLine = false, ""
		st.Facts = Facts{ProcessAlive: true, PortOpen: true, ProtocolAlive: true, RPCAlive: true}
		st.Health = Health{Level: Healthy}
		if len(st.Missing) > 0 {
			st.Health = st.Health.with(reason(ReasonEnvironment, st.Missing))
		}
		if identityProblem != "" {
			st.Health = st.Health.with(reason(ReasonIdentity, identityProblem))
		}
		if g.plan.safe {
			st.Health = st.Health.with(reason(ReasonSafeStart, nil))
		}
		st.Health = st.withSettings()
		if g.mode == Attached && st.StartedAt.IsZero() {
			st.StartedAt = now.Add(-hello.Snapshot.Uptime())
		}
	})
}

// booted records which start of the gateway we are connected to, and reports whether it
// restarted in place since the connection before. Old gateways send no boot id; for them,
// only their announcements count.
func (g *generation) booted(hello *rpc.Hello, now time.Time) (restarted bool) {
	id := hello.Server.BootID
	restarted = g.rebooting || g.bootID != "" && g.bootID != id
	if g.proc == nil && !restarted {
		g.bootAt = now.Add(-hello.Snapshot.Uptime())
	}
	g.bootID, g.rebooting = id, false
	return restarted
}

// runtimeCause turns an error of [RuntimeHost.Runtime] into a cause.
func runtimeCause(err error) error {
	var missing *openclaw.MissingError
	if !errors.As(err, &missing) {
		return err
	}
	code := map[openclaw.MissingKind]CauseCode{
		openclaw.NodeMissing:        NodeMissing,
		openclaw.NodeTooOld:         NodeTooOld,
		openclaw.NodeUnsupported:    NodeTooOld,
		openclaw.OpenClawMissing:    OpenClawMissing,
		openclaw.ConfiguredUnusable: RuntimeBroken,
	}[missing.Kind]
	return Cause{Code: code, Detail: missing.Sentence}
}

// connectCause turns a refused sign-in that no retry heals into a cause.
func connectCause(err error, rule rpc.Rule, conf openclaw.Effective) Cause {
	var e *rpc.Error
	if !errors.As(err, &e) {
		return Cause{Code: Internal, Detail: err.Error()}
	}
	c := Cause{Code: ConnectRefused, Detail: e.Message}
	switch rule.Kind {
	case rpc.KindAuth:
		return authCause(e, conf)
	case rpc.KindPairing:
		var request struct{ RequestID string }
		_ = json.Unmarshal(e.Details, &request) // older gateways have no details
		c = Cause{Code: PairingRequired, Detail: request.RequestID}
		if conf.IsRemote() {
			c.Code = PairingThere
		}
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

// authCause returns why a gateway refuses our token or password.
func authCause(e *rpc.Error, conf openclaw.Effective) Cause {
	secret := conf.SignIn.Secret()
	if conf.IsRemote() {
		if secret = conf.Remote.Token; secret.State == openclaw.SecretAbsent {
			secret = conf.Remote.Password
		}
	}
	switch {
	case secret.State == openclaw.SecretOnlyOpenClaw:
		return Cause{Code: SecretOpaque, Detail: secret.String()}
	case secret.State == openclaw.SecretAbsent && conf.SignIn.Mode.Value == openclaw.SignInTrustedProxy:
		return Cause{Code: ProxyOnly} // the device token, which was the only way in, is not taken any more
	case strings.Contains(e.DetailsCode, "PASSWORD"):
		return Cause{Code: PasswordRefused, Detail: secretDetail(secret)}
	case e.DetailsCode == "AUTH_TOKEN_MISSING":
		return Cause{Code: TokenMissing}
	}
	return Cause{Code: TokenMismatch, Detail: secretDetail(secret)}
}

// secretDetail says where our secret comes from and which other places it overrides. These
// are the places that a person has to make equal.
func secretDetail(s openclaw.Secret) string {
	if s.State == openclaw.SecretAbsent {
		return ""
	}
	from := ": ours comes from " + string(s.Source)
	for _, other := range s.Over {
		from += ", which beats the one from " + string(other)
	}
	return from
}
