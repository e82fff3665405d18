package supervisor

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/redact"
)

// Supervisor keeps one gateway running. Create it with [New] and start it with
// [Supervisor.Run]. All other methods may be called from any goroutine, also before and
// after Run.
type Supervisor struct {
	cfg   Config
	host  Host
	log   *slog.Logger
	board *board
	hub   *hub
	beat  *beat
	desk  *desk

	inbox chan func(*owner) // functions that the owner's goroutine runs, one after the other
	ended chan struct{}     // closed when Run has returned
}

// New returns a supervisor that does nothing until Run is called. It replaces the zero
// values of cfg by their defaults.
func New(cfg Config, host Host) *Supervisor {
	if cfg.Policy == (Policy{}) {
		cfg.Policy = DefaultPolicy()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnReload == nil {
		cfg.OnReload = func() {}
	}
	if cfg.OnBeat == nil {
		cfg.OnBeat = func() {}
	}
	if cfg.Identity == nil {
		cfg.Identity = func() (*rpc.Identity, string) { return nil, "" }
	}
	if cfg.Redact == nil {
		cfg.Redact = redact.New()
	}
	now := time.Now()
	first := Status{State: Stopped, Since: now, PhaseSince: now, Port: cfg.Port, MaxAttempts: cfg.Policy.Backoff.Attempts,
		Health: Health{}.with(reason(ReasonNotRunning, nil))}
	return &Supervisor{cfg: cfg, host: host, log: cfg.Log, board: newBoard(first), hub: newHub(), beat: newBeat(), desk: newDesk(!cfg.NoRequests, cfg.Log),
		inbox: make(chan func(*owner)), ended: make(chan struct{})}
}

// Status returns the current status of the gateway.
func (s *Supervisor) Status() Status { return s.board.status() }

// Watch yields the current status at once and then every later one in sequence, until ctx
// or Run ends. A slow observer delays nobody and misses no status.
func (s *Supervisor) Watch(ctx context.Context) iter.Seq[Status] { return s.board.watch(ctx, s.ended) }

// Dashboard returns the URL of the gateway's Control UI. When the gateway uses a token, the
// URL contains the token, so that the page is signed in; when the gateway uses a password,
// the page asks for it. The token is in the fragment of the URL, because browsers do not
// send the fragment to servers and the page removes it (measured, OpenClaw 2026.9.6). The
// URL is a secret: do not log it.
func (s *Supervisor) Dashboard() (string, error) {
	st := s.Status()
	if st.State != Running {
		return "", errors.New("the gateway is not running")
	}
	ctx, cancel := context.WithTimeout(context.Background(), claimTimeout)
	defer cancel()
	e, err := s.host.Gateway(ctx)
	if err != nil {
		return "", err
	}
	if !e.IsRemote() {
		e = e.At(st.Port, sourceRunning)
	}
	address := e.Dashboard()
	if address == "" {
		return "", errors.New("the dashboard is switched off in OpenClaw's configuration")
	}
	if token, _ := e.Credentials(); token != "" {
		address += "#token=" + url.QueryEscape(token)
	}
	return address, nil
}

// ErrEnded is the error of requests that come after Run has returned.
var ErrEnded = errors.New("supervisor: not running")

// Do sends a request to the owner and waits until it is finished: a start until the gateway
// runs or has failed, a stop until all processes of ours have ended. When ctx ends, Do
// returns, but the owner goes on with the request. The error is a [Cause] when the request
// has failed, [ErrEnded] when Run has returned, or that of ctx.
func (s *Supervisor) Do(ctx context.Context, r Request) (Answer, error) {
	p := newPending(r)
	select {
	case s.inbox <- func(o *owner) { o.take(p) }:
	case <-ctx.Done():
		return Answer{Status: s.Status()}, ctx.Err()
	case <-s.ended:
		return Answer{Status: s.Status()}, ErrEnded
	}
	select {
	case <-p.done:
		return p.answer, p.err
	case <-ctx.Done():
		return Answer{Status: s.Status()}, ctx.Err()
	}
}

// Run supervises the gateway until ctx ends or a Quit is finished. Before it returns, all
// processes and goroutines of ours have ended, except for processes that nothing can end.
func (s *Supervisor) Run(ctx context.Context) error {
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer close(s.ended) // before the wait, because a helper may be about to send
	ctxBeside, end := context.WithCancel(context.Background())
	defer end()
	o := &owner{Supervisor: s, status: s.Status(), beside: beside{ctxBeside, &helpers},
		timers: timers{retry: stoppedTimer(), forgive: stoppedTimer(), burst: stoppedTimer()}}
	helpers.Go(func() { s.watchClock(ctxBeside) })
	helpers.Go(func() { s.checkEnvironment(ctxBeside) })
	done := ctx.Done()
	for !o.finished() {
		select {
		case act := <-s.inbox:
			act(o)
		case <-o.retry.C:
			o.launch()
		case <-o.burst.C:
			o.burstOver()
		case <-o.freed:
			o.goOn()
		case <-o.forgive.C:
			o.history = o.history.Forgiven()
			o.status.Attempts = 0
		case <-done:
			done = nil
			o.take(newPending(Request{Intent: Quit, Cause: Cause{Code: SessionEnd}}))
		}
		o.publish()
		o.settle()
	}
	return nil
}

// send lets the owner's goroutine run f. The goroutines of generations call it. It does not
// block for long while Run runs, because the owner never waits for a generation.
func (s *Supervisor) send(f func(*owner)) {
	select {
	case s.inbox <- f:
	case <-s.ended:
	}
}
