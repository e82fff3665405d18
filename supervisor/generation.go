package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"clawtray/rpc"
	"clawtray/supervisor/openclaw"
)

// generation is one life of the gateway, from claiming the port until its last process has
// ended: claim (claim.go), spawn (spawn.go), connect (connect.go), serve (connection.go),
// end (winddown.go). It runs on one goroutine and tells the owner what it sees.
type generation struct {
	tools
	signals
	gateway
	link
	plan plan
	down *windDown // the wind-down; the owner uses it, too

	helpers sync.WaitGroup // short-lived goroutines of this generation
	timing  *stopwatch
	drift   driftWatch
}

// link is what the generation knows about its connection to the gateway.
type link struct {
	session *rpc.Session      // nil between connections
	events  *rpc.Subscription // the session's events that loop handles
	asked   *rpc.Subscription // the events about requests to the person
	doings  *rpc.Subscription // the events about what the gateway does
	posture posture           // what the session has declared at sign-in
	// drainSession is the connection that stays open after serve, so that the wind-down can
	// ask the gateway about active work.
	drainSession *rpc.Session
	lastClose    *rpc.CloseError // how the connection before ended; nil while connected
	unsaid       *lostConnection // a connection that we closed to make a new one; reported only when the new one fails
	counted      bool            // Decide has already counted the trouble since the last hello-ok
}

// tools are what a generation works with. They do not change while it lives.
type tools struct {
	cfg  *Config
	p    Policy
	host Host
	log  *slog.Logger
	hub  *hub
	beat *beat
	desk *desk

	// tell sends the owner a change of the status. Changes arrive in the sequence in which
	// they were sent.
	tell func(func(*Status))
	// stand tells the owner the position of the generation, together with a change of the
	// status.
	stand func(stand, func(*Status))
	// note lets the owner change its diagnostics.
	note func(func(*recorder))
	// weigh asks the owner what to do after the end of a connection.
	weigh func(context.Context, Outcome) Decision
}

// signals are sent to a generation by the owner or by its helpers. Sending never blocks.
type signals struct {
	commands  chan command     // restarts and reloads for the running gateway
	retry     chan struct{}    // a person wants another try now
	saidReady chan struct{}    // the child printed readyLine
	saidEnd   chan struct{}    // the child printed endLine
	silence   chan rpc.Silence // newest report of the connection about missed pings
	awake     *alarm           // rings when the machine has slept
}

func newSignals() signals {
	return signals{commands: make(chan command, 1), retry: make(chan struct{}, 1), saidReady: make(chan struct{}, 1),
		saidEnd: make(chan struct{}, 1), silence: make(chan rpc.Silence, 1), awake: newAlarm()}
}

// gateway is what the generation knows about its gateway.
type gateway struct {
	mode     Mode
	theirs   bool    // it was attached to somebody else's gateway
	proc     Process // nil when attached
	listener int     // pid that listened on the port last, 0 when unknown
	adopted  bool    // proc was started by an earlier run, and we have not been connected to it yet
	runtime  openclaw.Runtime
	conf     openclaw.Effective // OpenClaw's configuration, as we read it last
	stale    bool               // read conf again before the next connection

	out     *Output
	outDone chan struct{} // closed when out has all lines

	boots
	upFor time.Duration // duration of the last connection
}

// boots are facts about the starts of the gateway, restarts in place included.
type boots struct {
	bootID    string    // names the start of the gateway that we were connected to last
	rebooting bool      // the gateway announced a restart in place
	readyAt   time.Time // when it accepted us first since its last start; zero before
	answered  bool      // it has accepted or refused a sign-in, so its start is over
	bootAt    time.Time // when the gateway began to start, which is before it read its configuration
}

// plan is what a generation does before it starts the gateway.
type plan struct {
	install  bool   // fetch the managed runtime
	newest   bool   // fetch the newest runtime, not the pinned one
	repair   bool   // run OpenClaw's doctor
	because  Cause  // why doctor is run
	repaired string // what doctor said
	watch    watched
	port     int  // port of somebody else's gateway when it differs from the configuration; else 0
	insist   bool // start although the configuration is gone, because a person wants it
	lastGood bool // restore the configuration that a gateway accepted last
	safe     bool // start without channels and plugins
}

// watched says what a generation waits for before it does anything else.
type watched uint8

const (
	nothing       watched = iota
	theirGateway          // somebody else's gateway answers
	configuration         // the configuration changes
	freePort              // nobody listens on the port
)

// startsOurs reports whether a gateway of ours is started after the wait.
func (w watched) startsOurs() bool { return w == configuration || w == freePort }

// place is how far a generation has come. It has only the distinctions that the owner's
// decisions need.
type place uint8

const (
	climbing   place = iota // on its way to ready, for the first time or again
	serving                 // connected
	blocked                 // the gateway runs, but we cannot connect until a person acts
	watching                // waits for somebody else's gateway, or for a change of the configuration
	descending              // winding down
)

// stand is the position of a generation. The owner's decisions depend on it and not on the
// status.
type stand struct {
	at     place
	mode   Mode
	starts bool // a start that owner.launch has not counted: a restart in place, or the end of a wait
}

// run is the main function of a generation. When it returns, everything that the generation
// started has ended, or the wind-down has given up on what could not be ended.
func (g *generation) run(ctx context.Context) Outcome {
	ctx, cancel := context.WithCancelCause(ctx)
	err := g.live(ctx)
	cancel(err)
	outcome := g.end(err)
	g.helpers.Wait()
	outcome.Mode, outcome.Theirs, outcome.Counted = g.mode, g.theirs || g.mode == Attached, g.counted
	if outcome.Order == nil {
		outcome.Cause = g.withWayBack(outcome.Cause)
	}
	if !g.readyAt.IsZero() {
		outcome.ReadyFor = max(g.upFor, 1)
	}
	return outcome
}

// live starts and serves the gateway until the last connection has ended, and returns why
// it ended.
func (g *generation) live(ctx context.Context) error {
	for {
		err := g.once(ctx)
		if !errors.Is(err, errAgain) {
			return err
		}
	}
}

// errAgain makes live start again with the first step, because what it knew about the port
// is no longer true.
var errAgain = errors.New("look again")

func (g *generation) once(ctx context.Context) error {
	if err := g.watch(ctx); err != nil {
		return err
	}
	g.timing.begin()
	g.phase(Resolving)
	if g.plan.lastGood {
		if err := g.putLastGood(ctx); err != nil {
			return err
		}
	}
	if err := g.configure(ctx, g.readable); err != nil {
		return err
	}
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
		err := g.serve(ctx)
		var gone *lostConnection
		if !errors.As(err, &gone) {
			return err
		}
		if err := g.recover(ctx, gone); err != nil {
			return err
		}
	}
}

func (g *generation) phase(p Phase) {
	g.tell(func(s *Status) { s.Phase = p })
}

// exited returns a channel that is closed when our process has ended. It is nil, so it
// blocks for ever, when the gateway is not ours.
func (g *generation) exited() <-chan struct{} {
	if g.proc == nil {
		return nil
	}
	return g.proc.Done()
}
