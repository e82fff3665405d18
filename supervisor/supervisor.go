package supervisor

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"clawtray/rpc"
)

// Supervisor keeps one gateway. Make it with [New], let it work with
// [Supervisor.Run]; all other methods may be called from any goroutine, also
// before and after Run.
type Supervisor struct {
	cfg   Config
	host  Host
	log   *slog.Logger
	board *board
	hub   *hub
	beat  *beat

	inbox chan func(*owner) // everything that reaches the owner, in order
	ended chan struct{}     // closed when Run has returned
}

// New returns a supervisor that does nothing yet.
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
		cfg.Redact = rpc.NewRedactor()
	}
	now := time.Now()
	first := Status{State: Stopped, Since: now, PhaseSince: now, Port: cfg.Port, MaxAttempts: cfg.Policy.Backoff.Attempts,
		Health: Health{}.with(reason(ReasonNotRunning, nil))}
	return &Supervisor{cfg: cfg, host: host, log: cfg.Log, board: newBoard(first), hub: newHub(), beat: newBeat(),
		inbox: make(chan func(*owner)), ended: make(chan struct{})}
}

// Status is the newest picture of the gateway.
func (s *Supervisor) Status() Status { return s.board.status() }

// Watch yields the newest status at once and then every later one in order,
// until ctx or Run ends. A slow observer delays nobody and misses nothing.
func (s *Supervisor) Watch(ctx context.Context) iter.Seq[Status] { return s.board.watch(ctx, s.ended) }

// Dashboard is the address of the gateway's Control UI, already signed in: the
// token travels in the fragment, which browsers keep to themselves and the page
// removes (measured, OpenClaw 2026.9.6). It is a secret: never log it.
func (s *Supervisor) Dashboard() (string, error) {
	st := s.Status()
	if st.State != Running {
		return "", errors.New("the gateway is not running")
	}
	token, err := s.host.Token()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("http://127.0.0.1:%d/#token=%s", st.Port, url.QueryEscape(token.Value)), nil
}

// ErrEnded is the answer to requests after Run has returned.
var ErrEnded = errors.New("supervisor: not running")

// Do hands a request to the owner and waits for its end: a start until the
// gateway runs or cannot, a stop until everything of ours is gone. Cancelling
// ctx stops waiting, not the work. When what was wanted did not come about the
// error is a [Cause].
func (s *Supervisor) Do(ctx context.Context, r Request) (Answer, error) {
	p := &pending{request: r, done: make(chan struct{})}
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

// Run supervises until ctx ends or a Quit is done. It returns after everything
// of ours has ended.
func (s *Supervisor) Run(ctx context.Context) error {
	o := &owner{Supervisor: s, status: s.Status(), retry: stoppedTimer(), forgive: stoppedTimer(), burst: stoppedTimer()}
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer close(s.ended) // before the wait: a helper may be about to send
	beside, end := context.WithCancel(context.Background())
	defer end()
	helpers.Go(func() { s.watchClock(beside) })
	helpers.Go(func() { s.checkEnvironment(beside) })
	done := ctx.Done()
	for !o.finished() {
		select {
		case act := <-s.inbox:
			act(o)
		case <-o.retry.C:
			o.launch()
		case <-o.burst.C:
			o.burstOver()
		case <-o.forgive.C:
			o.history = o.history.Forgiven()
			o.status.Attempts = 0
		case <-done:
			done = nil
			o.take(&pending{request: Request{Intent: Quit, Cause: Cause{Code: SessionEnd}}, done: make(chan struct{})})
		}
		o.publish()
		o.settle()
	}
	return nil
}

// send reaches the owner from a generation's goroutines. The owner never waits
// for a generation, so this always gets through while Run runs.
func (s *Supervisor) send(f func(*owner)) {
	select {
	case s.inbox <- f:
	case <-s.ended:
	}
}
