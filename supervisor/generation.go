package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"clawtray/rpc"
	"clawtray/supervisor/openclaw"
)

const (
	// fastPoll is the distance between two attempts to reach a gateway that is
	// starting. A refused connection costs half a millisecond; one that is accepted
	// too early costs the gateway some time, too.
	fastPoll = 50 * time.Millisecond
	// slowPoll is the same for a start that takes longer than patientAfter, and
	// for a gateway that somebody else has to bring back.
	slowPoll     = time.Second
	patientAfter = 30 * time.Second
	// claimTimeout bounds the question who has the port.
	claimTimeout = 5 * time.Second
)

// order is why we end a generation ourselves. It is the cancellation cause of
// the generation's context.
type order struct {
	For   string        // "stop", "restart", "quit", "logout" or "reload"
	Drain time.Duration // how long active work may go on
	Limit time.Duration // for the whole ladder; 0 is none
	Cause Cause
}

func (o *order) Error() string { return "ordered: " + o.For }

// generation is one life of the gateway, from claiming the port to the last
// process gone. It runs on one goroutine and tells the owner what it sees.
type generation struct {
	cfg  *Config
	p    Policy
	host Host
	log  *slog.Logger

	// tell hands a change of the status to the owner, in order.
	tell func(func(*Status))
	hub  *hub
	// note writes into the diagnostics the owner keeps.
	note func(func(*recorder))
	// commands are restarts and reloads for the gateway that runs.
	commands chan command
	// rung wakes the ladder to go one rung down.
	rung  chan struct{}
	awake *alarm // rings when the machine has slept
	beat  *beat
	// retry wakes a generation that waits for a person.
	retry     chan struct{}
	saidReady chan struct{} // the child printed readyLine
	mode      Mode
	proc      Process // nil when attached
	listener  int     // the process that had the port last, 0 when unknown
	adopted   bool    // proc is of an earlier run, and we have not been connected to it yet
	out       *Output
	outDone   chan struct{} // closed when out has everything
	runtime   openclaw.Runtime
	token     openclaw.Token

	session   *rpc.Session // nil between connections
	silence   chan rpc.Silence
	helpers   sync.WaitGroup // short-lived goroutines of this generation
	lastClose *rpc.CloseError
	// drainSession is the connection the ladder inherits from serve.
	drainSession *rpc.Session
	bootID       string    // of the gateway we were connected to last
	rebooted     bool      // it announced a restart in place
	readyAt      time.Time // first ready; zero before
	connectedAt  time.Time
	bootAt       time.Time // when the gateway began to start, so before it read its configuration
	drift        driftWatch
	timing       *stopwatch
	install      bool   // fetch the managed runtime before the start
	newest       bool   // the newest one, not the pinned one
	repair       bool   // run doctor before the start
	repaired     string // what it said
}

// command is a restart or reload of a running gateway. A restart is answered by
// the owner when the gateway is back; reply is for everything else.
type command struct {
	intent Intent
	now    bool
	drain  time.Duration // how long active work may hold up a restart
	fresh  bool          // settings wait for a new process: a restart in place is not enough
	cause  Cause
	reply  func(Answer, error)
	again  func() // the connection broke before it was done: hand it over once more
}

// run is the whole life. It returns after everything it started has ended.
func (g *generation) run(ctx context.Context) Outcome {
	ctx, cancel := context.WithCancelCause(ctx)
	err := g.live(ctx)
	cancel(err)
	outcome := g.end(err)
	g.helpers.Wait()
	outcome.Mode = g.mode
	if !g.readyAt.IsZero() {
		outcome.ReadyFor = max(time.Since(g.readyAt), 1)
	}
	return outcome
}

// live goes from nothing to the end of the last connection and says why it ended.
func (g *generation) live(ctx context.Context) error {
	for {
		err := g.once(ctx)
		if !errors.Is(err, errAgain) {
			return err
		}
	}
}

func (g *generation) once(ctx context.Context) error {
	g.timing.begin()
	g.phase(Resolving)
	if err := g.claim(ctx); err != nil {
		return err
	}
	if g.mode == Managed && g.proc == nil {
		if err := g.spawn(ctx); err != nil {
			return err
		}
	}
	for {
		if err := g.connect(ctx); err != nil {
			return err
		}
		if err := g.serve(ctx); err != nil {
			return err
		}
	}
}

func (g *generation) phase(p Phase) {
	g.tell(func(s *Status) { s.Phase = p })
}

func (g *generation) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(g.cfg.Port)) }

// isGateway asks over plain HTTP, without any secret, whether a gateway answers.
func (g *generation) isGateway(ctx context.Context) bool {
	h, err := rpc.Healthz(ctx, "http://"+g.addr(), g.host.Dial)
	return err == nil && h.Gateway
}

func (g *generation) readyz(ctx context.Context) (rpc.Readiness, error) {
	return rpc.Readyz(ctx, "http://"+g.addr(), g.host.Dial)
}

// claim decides whose gateway this will be (BEHAVIOUR M1).
func (g *generation) claim(ctx context.Context) error {
	orphan, err := g.host.Orphan(ctx)
	if err != nil {
		g.log.Warn("looking for an orphaned gateway failed", "err", err)
	}
	if orphan != nil {
		g.log.Info("adopted the gateway of an earlier run", "pid", orphan.PID())
		g.own(orphan)
		g.adopted = true
		return nil
	}

	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	conn, err := g.host.Dial(ctx, "tcp", g.addr())
	if err != nil {
		if by, err := g.host.Listener(ctx, g.cfg.Port, 0); err == nil {
			return g.conflict(by) // listens on another of this machine's addresses
		}
		g.become(Managed)
		return context.Cause(ctx)
	}
	conn.Close()
	by, err := g.host.Listener(ctx, g.cfg.Port, 0)
	if errors.Is(err, ErrNoListener) {
		conn, err := g.host.Dial(ctx, "tcp", g.addr())
		if err != nil {
			return errAgain // it has gone in between
		}
		conn.Close()
	}
	if err != nil { // we would be shown our own
		by = Listener{User: otherUser}
	}
	if !g.isGateway(ctx) {
		if by := new(order); errors.As(context.Cause(ctx), &by) {
			return by
		}
		return g.conflict(by)
	}
	if by.User != "" {
		g.become(Conflict)
		return Cause{Code: PortForeignUser, Detail: by.String(), FreePort: g.host.FreePort(g.cfg.Port)}
	}
	g.become(Attached)
	g.listener = by.PID
	g.tell(func(s *Status) { s.PID = by.PID })
	g.log.Info("attached to a gateway that somebody else runs", "listener", by.String())
	return nil
}

func (g *generation) conflict(by Listener) Cause {
	g.become(Conflict)
	free := g.host.FreePort(g.cfg.Port)
	return Cause{Code: PortConflict, Detail: fmt.Sprintf("%s listens on port %d; port %d is free", by, g.cfg.Port, free), FreePort: free}
}

func (g *generation) become(m Mode) {
	g.mode = m
	g.tell(func(s *Status) { s.Mode = m })
}

// spawn finds the runtime and starts the gateway.
func (g *generation) spawn(ctx context.Context) error {
	if err := g.resolve(ctx); err != nil {
		return err
	}
	if err := g.readToken(); err != nil {
		return Cause{Code: TokenMissing, Detail: err.Error()}
	}
	if g.repair {
		g.doctor(ctx)
	}
	g.timing.resolved()
	proc, err := g.host.Launch(ctx, g.runtime, Spawn{Port: g.cfg.Port, Token: g.token.Value})
	if err != nil {
		return Cause{Code: SpawnDenied, Detail: err.Error()}
	}
	g.log.Info("gateway started", "pid", proc.PID(), "openclaw", g.runtime.Version, "node", g.runtime.NodeVersion, "command", proc.Command())
	g.tell(func(s *Status) { s.GatewayVersion = g.runtime.Version })
	g.own(proc)
	g.phase(Spawned)
	return nil
}

// resolve finds the runtime, after fetching it if a person asked for that. One
// that npm is replacing is waited for: a start in between would fail for no
// lasting reason (PAINS P18).
func (g *generation) resolve(ctx context.Context) error {
	if g.install {
		if err := g.fetch(ctx); err != nil {
			return err
		}
	}
	g.host.AwaitUpgrade(ctx, func() {
		g.log.Info("waiting for npm, which is replacing OpenClaw")
		g.phase(Upgrading)
	})
	g.phase(Resolving)
	var err error
	g.runtime, err = g.host.Runtime(ctx)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return runtimeCause(err)
	}
	return nil
}

// fetch installs the managed runtime and shows how far it is (BEHAVIOUR N3).
func (g *generation) fetch(ctx context.Context) error {
	g.phase(Installing)
	var shown InstallProgress
	err := g.host.Install(ctx, g.newest, func(p InstallProgress) {
		if p.visible() != shown.visible() {
			shown = p
			g.tell(func(s *Status) { s.Install = &p })
		}
	})
	g.tell(func(s *Status) { s.Install = nil })
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return Cause{Code: InstallFailed, Detail: strings.TrimSuffix(err.Error(), ".")}
	}
	return nil
}

// visible is p in the steps that people are shown: a percent, ten items.
func (p InstallProgress) visible() InstallProgress {
	if p.Total > 0 {
		p.Done = p.Done * 100 / p.Total
	}
	return InstallProgress{Step: p.Step, Done: p.Done, Items: p.Items / 10}
}

// doctor lets OpenClaw repair its configuration, once (BEHAVIOUR B7). Whether it
// helped shows in the start that follows.
func (g *generation) doctor(ctx context.Context) {
	g.phase(Repairing)
	g.log.Warn("running openclaw doctor --fix: the gateway rejected its configuration")
	ctx, cancel := g.timeout(ctx, g.p.DoctorLimit)
	defer cancel()
	output, err := g.host.Repair(ctx, g.runtime)
	g.repaired = lastMeaningful(g.cfg.Redact.String(output))
	g.log.Warn("openclaw doctor ended", "err", err, "said", g.repaired)
}

// own takes charge of a process: its output is read from now to its end.
func (g *generation) own(p Process) {
	g.become(Managed)
	g.proc, g.listener = p, p.PID()
	g.bootAt = time.Now()
	g.timing.spawned()
	g.out = NewOutput(g.cfg.Redact.String)
	g.outDone = make(chan struct{})
	go g.read(p.Lines())
	out := g.out
	command := g.cfg.Redact.String(p.Command())
	g.note(func(r *recorder) { r.out, r.diagnostics.Command = out, command })
	g.tell(func(s *Status) {
		s.PID, s.StartedAt = p.PID(), p.StartedAt()
		s.Facts = Facts{ProcessAlive: true}
	})
}

// read records the child's output until it ends.
func (g *generation) read(lines <-chan Line) {
	defer close(g.outDone)
	for l := range lines {
		g.timing.trace(l.Text)
		if strings.HasSuffix(l.Text, readyLine) {
			select {
			case g.saidReady <- struct{}{}:
			default:
			}
		}
		text, sev, repeats := g.out.Add(l)
		if repeats == 0 || sev == Drop {
			continue
		}
		level := map[Severity]slog.Level{Debug: slog.LevelDebug, Info: slog.LevelInfo, Warn: slog.LevelWarn}[sev]
		attrs := []any{"from", "gateway"}
		if repeats > 1 {
			attrs = append(attrs, "repeated", repeats)
		}
		g.log.Log(context.Background(), level, text, attrs...)
	}
}

// exited is closed when the owned process has ended; nil, so never, when attached.
func (g *generation) exited() <-chan struct{} {
	if g.proc == nil {
		return nil
	}
	return g.proc.Done()
}
