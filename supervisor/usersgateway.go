package supervisor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"clawtray/rpc"
	"clawtray/supervisor/openclaw"
)

const (
	// configTimeout limits one reading of OpenClaw's configuration.
	configTimeout = 5 * time.Second
	// configQuiet is how long an unusable file must stay unchanged until we assume that
	// nobody is writing it (XW9).
	configQuiet = 3 * time.Second
	// configPoll is the time between two readings of such a file.
	configPoll = time.Second
)

// Sources of a port that is not in the user's configuration.
const (
	sourceOverride openclaw.Source = "clawtray"
	sourceRunning  openclaw.Source = "the gateway that runs"
)

// port returns the port of the gateway; 0 when it is unknown.
func (g *generation) port() int { return g.conf.Listen.Port.Value }

// readGateway reads OpenClaw's configuration and sets the port that this generation uses.
// It adds the secrets to the redactor, because the gateway may print any of them.
func (g *generation) readGateway(ctx context.Context) (openclaw.Effective, error) {
	ctx, cancel := context.WithTimeout(ctx, configTimeout)
	defer cancel()
	e, err := g.host.Gateway(ctx)
	g.cfg.Redact.Add(e.Secrets.Values()...)
	token, password := e.Credentials()
	g.cfg.Redact.Add(token, password)
	switch {
	case err != nil, e.IsRemote():
	case g.port() != 0 && (g.proc != nil || g.mode == Attached):
		e = e.At(g.port(), sourceRunning) // a changed port is for the next start
	case g.plan.port != 0:
		e = e.At(g.plan.port, sourceRunning)
	case g.cfg.Port != 0:
		e = e.At(g.cfg.Port, sourceOverride)
	}
	return e, err
}

// use makes e the configuration of this generation.
func (g *generation) use(e openclaw.Effective) {
	g.conf = e
	port := g.port()
	g.tell(func(s *Status) { s.Port = port })
}

// refresh reads the configuration again. If it cannot be read, the old one stays.
func (g *generation) refresh(ctx context.Context) {
	e, err := g.readGateway(ctx)
	if err != nil {
		g.log.Warn("the gateway's configuration cannot be read; what was read before counts", "err", err)
		return
	}
	g.conf = e
}

// configure reads the configuration until it is usable. It gives up with a Cause when the
// file is unusable and has not changed for so long that nobody can be writing it.
func (g *generation) configure(ctx context.Context, usable func(context.Context, openclaw.Effective) error) error {
	began, told := time.Now(), false
	for {
		e, err := g.readGateway(ctx)
		if err == nil {
			err = usable(ctx, e)
		} else {
			err = g.lost(ctx, e, err)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			g.use(e)
			return nil
		case settled(err, began):
			return configCause(err)
		case openclaw.IsConfigError(err, openclaw.ConfigUnreadable):
			// Report an unusable state directory instead, because it explains the error
			// better.
			if c, is := obstacleCause(g.host.Obstacle(ctx)); is {
				return c
			}
		}
		if !told {
			told = true
			g.log.Info("waiting until OpenClaw's configuration is not being written any more", "err", err)
			g.phase(AwaitingConfig)
		}
		if err := pause(ctx, configPoll); err != nil {
			return err
		}
	}
}

// settled reports whether nobody is writing the file of the error err. When the time of the
// last change is unknown, the time since began counts.
func settled(err error, began time.Time) bool {
	e, is := errors.AsType[*openclaw.ConfigError](err)
	if is && !e.Changed.IsZero() {
		return e.Settled(time.Now(), configQuiet)
	}
	_, known := errors.AsType[Cause](err)
	return known || time.Since(began) >= configQuiet
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// awaitQuiet waits until nobody has changed the configuration for configQuiet.
func (g *generation) awaitQuiet(ctx context.Context) error {
	for !g.conf.File.Settled(time.Now(), configQuiet) {
		g.phase(AwaitingConfig)
		if err := pause(ctx, configPoll); err != nil {
			return err
		}
		if err := g.configure(ctx, g.startable); err != nil {
			return err
		}
	}
	return nil
}

// readable returns nil for every configuration that says where the gateway is.
func (g *generation) readable(_ context.Context, e openclaw.Effective) error {
	if e.IsRemote() && (e.Remote.SSH || e.HTTP("") == "") {
		return tunnelled(e)
	}
	if e.IsRemote() {
		_, err := e.ClientTLS()
		return err
	}
	return nil
}

// tunnelled returns the error for a gateway that has no address for us: it says which
// command leads to the gateway, if the configuration has one.
func tunnelled(e openclaw.Effective) error {
	tunnel := e.Remote.Tunnel()
	if tunnel == nil {
		return e.Startable()
	}
	return Cause{Code: RemoteGateway, Detail: fmt.Sprintf("it is reached through ssh, by the command `%s`", strings.Join(tunnel, " "))}
}

// errLost says that a configuration which a gateway had accepted has lost something.
type errLost struct {
	what string // what is wrong with the file
	openclaw.ConfigError
}

func (e *errLost) Error() string { return e.Path + " " + e.what }
func (e *errLost) Unwrap() error { return &e.ConfigError }

// lost returns an errLost when a gateway had accepted the file and now it is empty or ends
// in the middle (BEHAVIOUR Q4). Otherwise it returns err: somebody made a mistake while
// editing the file.
func (g *generation) lost(ctx context.Context, e openclaw.Effective, err error) error {
	broken, is := errors.AsType[*openclaw.ConfigError](err)
	if !is || broken.Path != e.Paths.ConfigPath {
		return err
	}
	what := ""
	switch {
	case broken.Kind == openclaw.ConfigEmpty:
		what = "has no contents any more"
	case openclaw.IsCut(err):
		what = "ends in the middle"
	}
	if what == "" || !g.host.LastAccepted(ctx, e).Exists {
		return err
	}
	return &errLost{what, *broken}
}

// startable returns nil for a configuration with which a gateway can be started on this
// machine, and which has lost nothing since a gateway accepted it last (BEHAVIOUR Q4).
func (g *generation) startable(ctx context.Context, e openclaw.Effective) error {
	if !g.plan.insist || e.File.Exists {
		if what := e.File.LostSince(g.host.LastAccepted(ctx, e)); what != "" {
			return &errLost{what, openclaw.ConfigError{Path: e.Paths.ConfigPath, Changed: e.File.Changed}}
		}
	}
	if err := e.Startable(); err != nil && (e.File.Exists || !openclaw.IsConfigError(err, openclaw.ConfigNoSecret)) {
		return err // without a file, OpenClaw creates a secret at its first run
	}
	return nil
}

// configCause turns an error about the configuration into a cause.
func configCause(err error) Cause {
	if lost, is := errors.AsType[*errLost](err); is {
		return Cause{Code: ConfigLost, Detail: lost.Error()}
	}
	if c, is := errors.AsType[Cause](err); is {
		return c
	}
	e, is := errors.AsType[*openclaw.ConfigError](err)
	if !is {
		return Cause{Code: ConfigUnreadable, Detail: err.Error()}
	}
	code := map[openclaw.ConfigErrorKind]CauseCode{
		openclaw.ConfigUnreadable: ConfigUnreadable, openclaw.ConfigForeign: ConfigForeign, openclaw.ConfigTimeout: ConfigUnreadable,
		openclaw.ConfigEmpty: ConfigBroken, openclaw.ConfigBroken: ConfigBroken, openclaw.ConfigInclude: ConfigBroken,
		openclaw.ConfigUnresolved: SecretUnresolved, openclaw.ConfigConflict: ConfigConflict, openclaw.ConfigInvalid: ConfigConflict,
		openclaw.ConfigRemote: RemoteGateway, openclaw.ConfigModeMissing: ConfigClobbered, openclaw.ConfigNoSecret: TokenMissing,
	}[e.Kind]
	return Cause{Code: code, Detail: e.Error()}
}

// firstRun lets OpenClaw write its first configuration (BEHAVIOUR O6).
func (g *generation) firstRun(ctx context.Context) error {
	g.phase(SettingUp)
	g.log.Info("OpenClaw has no configuration yet and writes its first one")
	limited, cancel := g.timeout(ctx, g.p.DoctorLimit)
	defer cancel()
	e, err := g.host.FirstRun(limited, g.runtime)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && !errors.Is(err, openclaw.ErrConfigured): // ErrConfigured: somebody else has written one meanwhile
		return Cause{Code: SetUpFailed, Detail: short(strings.TrimSpace(err.Error()))}
	}
	g.tell(func(s *Status) { s.FirstRun = err == nil && e.File.Exists })
	g.plan.insist = false
	return nil
}

// askLimit is long, because a password manager may ask the user before it returns a secret.
const askLimit = time.Minute

// ask lets OpenClaw fetch the secret for signing in. When that fails, the secret stays
// unknown; the gateway's refusal then tells the person.
func (g *generation) ask(ctx context.Context) {
	limited, cancel := g.timeout(ctx, askLimit)
	defer cancel()
	if err := g.host.Ask(limited, g.runtime); err != nil {
		g.log.Warn("OpenClaw does not tell the secret that the gateway wants", "err", err)
	}
}

// dialGateway makes one attempt to connect, with the current configuration. The attempt
// ends with our process, because a child that still has its socket may not answer.
func (g *generation) dialGateway(ctx context.Context) (*rpc.Session, error) {
	o, err := g.dialOptions(ctx)
	if err != nil {
		return nil, err
	}
	o.OnPhase, o.OnSession, o.OnSilence = g.onPhase, g.subscribe, g.onSilence
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g.helpers.Go(func() {
		select {
		case <-g.exited():
			cancel()
		case <-ctx.Done():
		}
	})
	return rpc.Dial(ctx, o)
}

// dialOptions returns how to sign in to the gateway, without what follows a sign-in.
func (g *generation) dialOptions(ctx context.Context) (rpc.Options, error) {
	if g.stale {
		g.stale = false
		g.refresh(ctx)
	}
	config, err := g.conf.ClientTLS()
	if err != nil { // the certificate may be new, because a gateway creates it at its first start
		g.refresh(ctx)
		if config, err = g.conf.ClientTLS(); err != nil {
			return rpc.Options{}, &rpc.Error{Op: "dial", Kind: rpc.KindTransport, Err: &net.OpError{Op: "dial", Net: "tcp", Err: err}}
		}
	}
	identity, _ := g.cfg.Identity()
	g.posture = g.desk.now()
	token, password := g.conf.Credentials()
	return rpc.Options{
		Gateway: rpc.Gateway{
			URL:         g.conf.URL(),
			TLSConfig:   config,
			DialContext: g.dial,
			Verify:      g.checkPeer,
		},
		Credentials: rpc.Credentials{
			Token:        token,
			Password:     password,
			Identity:     identity,
			DeviceTokens: g.cfg.DeviceTokens,
		},
		Client:   rpc.ClientInfo{Version: g.cfg.Version, Caps: g.posture.caps()},
		Trace:    g.cfg.Trace,
		Redactor: g.cfg.Redact,
	}, nil
}

// checkPeer checks the other end of the connection before a secret is sent, because another
// program may have got the port since dial checked it (XS9).
func (g *generation) checkPeer(ctx context.Context, conn net.Conn) error {
	if g.conf.IsRemote() {
		return nil // the user has chosen this address, and TLS proves who answers
	}
	return g.host.CheckPeer(ctx, conn)
}

// reach returns a function that connects to the first address of the gateway that accepts a
// connection. The function does not see later configurations, because http.Transport calls it
// on a goroutine of its own, which may still run when the request has ended.
func (g *generation) reach() func(ctx context.Context, network, addr string) (net.Conn, error) {
	if g.conf.IsRemote() {
		return g.host.Dial
	}
	hosts := g.conf.Listen.Hosts()
	return func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		for _, host := range hosts {
			if conn, err = g.host.Dial(ctx, network, net.JoinHostPort(host, port)); err == nil {
				return conn, nil
			}
		}
		return nil, err
	}
}

// probed returns the gateway for questions over HTTP. They contain no secret, so the
// certificate of a gateway on this machine is not checked. For a session, which sends
// secrets, it is checked.
func (g *generation) probed() rpc.Gateway {
	config := &tls.Config{InsecureSkipVerify: true} // #nosec G402 -- nothing secret is sent, see above
	if g.conf.IsRemote() {
		config, _ = g.conf.ClientTLS()
	}
	return rpc.Gateway{URL: g.conf.URL(), DialContext: g.reach(), TLSConfig: config}
}

// isGateway reports whether a gateway answers at its address.
func (g *generation) isGateway(ctx context.Context) bool {
	h, err := g.probed().Healthz(ctx)
	return err == nil && h.Gateway
}

func (g *generation) readyz(ctx context.Context) (rpc.Readiness, error) {
	return g.probed().Readyz(ctx)
}

// addr returns the host and port at which we reach a gateway on this machine.
func (g *generation) addr() string {
	if u, err := url.Parse(g.conf.URL()); err == nil {
		return u.Host
	}
	return ""
}

// owned returns the cause when another process holds the lock of the state directory, so
// that no gateway can start there.
func (g *generation) owned(o StateOwner) Cause {
	return Cause{Code: StateDirOwned, Detail: fmt.Sprintf("process %d, port %d", o.PID, o.Port)}
}
