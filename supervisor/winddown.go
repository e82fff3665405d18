package supervisor

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// abortWait is how long we wait for the end of aborted work before the signal is sent.
	abortWait = 2 * time.Second
	// killWait is how long we wait for the end of processes after SIGKILL. A process that
	// takes longer hangs in the kernel, and nobody can change that.
	killWait = 5 * time.Second
	// hungWait is how long a hanging gateway gets to react to the signal.
	hungWait = time.Second
	// reserve is the part of a limit that is kept for SIGKILL and the checks after it.
	reserve = time.Second
	// margin is the part of a limit that clawtray keeps for its own end.
	margin = 500 * time.Millisecond
	// closing limits reading the last output and removing the run file when the order has
	// no limit.
	closing = 2 * time.Second
)

// errStopped is the error of waiting calls when the signal is sent (BEHAVIOUR C3).
var errStopped = errors.New("gateway stopped")

// windDown is the wind-down of one generation: the strictest order, and how long each step
// may still take. The owner creates it together with the generation and may tighten it at
// any time, also when the generation began to wind down by itself. The generation carries
// out the steps. The mutex guards all fields.
type windDown struct {
	mu    sync.Mutex
	order *order    // the strictest order so far; nil while nobody has ordered an end
	end   time.Time // when the whole wind-down must be over; zero means that only each step has a limit
	skips int       // how many steps to skip that have not begun yet
	step  *step     // the current step; nil between two steps
}

// step is the time that one part of the wind-down may take.
type step struct {
	limit  func(*order) time.Duration // duration from began
	began  time.Time
	last   bool // the step may use the reserve and cannot be skipped
	timer  *time.Timer
	cancel context.CancelFunc
}

// tighten merges an order into the wind-down. The result is at least as final and ends at
// least as early as both orders. It takes effect at once, also on the current step.
func (w *windDown) tighten(by *order) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if by.Limit > 0 {
		if end := time.Now().Add(max(by.Limit-margin, 0)); w.end.IsZero() || end.Before(w.end) {
			w.end = end
		}
	}
	w.order = stricter(w.order, by)
	w.set()
}

// stricter merges two orders: the more final goal and the shorter drain.
func stricter(old, by *order) *order {
	if old == nil {
		return by
	}
	merged := *old
	if by.For.finality() > old.For.finality() {
		merged = *by
	}
	merged.Drain = min(old.Drain, by.Drain)
	return &merged
}

// ordered returns the strictest order so far; nil when there is none.
func (w *windDown) ordered() *order {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.order
}

// rest returns the order with what is left of its limit; nil when there is none.
func (w *windDown) rest() *order {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.order == nil {
		return nil
	}
	rest := *w.order
	if !w.end.IsZero() {
		rest.Limit = max(time.Until(w.end), 0) + margin
	}
	return &rest
}

// skip ends the current step, or skips the next one when no step is under way. Skips do not
// carry over to another generation.
func (w *windDown) skip() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.step == nil:
		w.skips++
	case !w.step.last:
		w.step.cancel()
	}
}

// slept starts the current step and the limit again, because the time that the machine
// slept must not count (BEHAVIOUR F3).
func (w *windDown) slept() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.order != nil && w.order.Limit > 0 {
		w.end = time.Now().Add(max(w.order.Limit-margin, 0))
	}
	if w.step != nil {
		w.step.began = time.Now()
	}
	w.set()
}

// begin starts a step. The context ends when the step or the whole wind-down has reached
// its limit, or when somebody skips the step. The caller must call done at the end of the
// step.
func (w *windDown) begin(last bool, limit func(*order) time.Duration) (ctx context.Context, done func()) {
	ctx, cancel := context.WithCancel(context.Background())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.step = &step{limit: limit, began: time.Now(), last: last, cancel: cancel, timer: time.AfterFunc(time.Hour, cancel)}
	if w.skips > 0 && !last {
		w.skips--
		cancel()
	}
	w.set()
	return ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.step.timer.Stop()
		w.step = nil
		cancel()
	}
}

// until returns the deadline of the current step.
func (w *windDown) until() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.deadline()
}

// deadline returns when the current step ends at the latest. The mutex must be held.
func (w *windDown) deadline() time.Time {
	if w.step == nil {
		return time.Time{}
	}
	until := w.step.began.Add(w.step.limit(w.order))
	if w.end.IsZero() {
		return until
	}
	end := w.end
	if !w.step.last {
		end = end.Add(-reserve)
	}
	if end.Before(until) {
		return end
	}
	return until
}

// set starts the timer of the current step. The mutex must be held.
func (w *windDown) set() {
	if w.step == nil {
		return
	}
	if left := time.Until(w.deadline()); left > 0 {
		w.step.timer.Reset(left)
		return
	}
	w.step.cancel()
}

// fixed returns a limit that no order changes.
func fixed(d time.Duration) func(*order) time.Duration {
	return func(*order) time.Duration { return d }
}

// end winds down step by step what is ours, checks that it has ended (BEHAVIOUR C4), and
// returns the outcome. err is the reason of the end. Each step uses the newest order.
func (g *generation) end(err error) Outcome {
	var out Outcome
	var by *order
	var cause Cause
	switch {
	case errors.As(err, &by):
		g.down.tighten(by)
		cause = by.Cause
	case errors.As(err, &cause):
	default:
		cause = Cause{Code: Internal, Detail: err.Error()}
	}
	g.stand(stand{at: descending, mode: g.mode}, func(*Status) {})
	if g.proc == nil {
		g.letGo()
	} else {
		g.descend(cause, &out)
		g.closeBooks(&out)
	}
	out.Cause, out.Order = cause, g.down.ordered()
	if out.Order != nil {
		out.Cause = out.Order.Cause
	}
	return out
}

// stopMethods are methods that would ask a gateway to end. No measured version (2026.3 to
// 2026.9) has one; a gateway that has one lists it in its hello.
var stopMethods = []string{"gateway.shutdown", "gateway.stop", "shutdown"}

// letGo disconnects from a gateway that somebody else runs. Only an explicit stop asks that
// gateway to end, if it has a method for that (BEHAVIOUR C2).
func (g *generation) letGo() {
	s := g.drainSession
	if s == nil {
		return
	}
	defer s.Close()
	g.drainSession = nil
	if o := g.down.ordered(); o == nil || o.For != forStop {
		return
	}
	ctx, done := g.down.begin(false, fixed(g.p.VerifyTimeout))
	defer done()
	for _, method := range stopMethods {
		if !s.Supports(method) {
			continue
		}
		if err := s.Call(ctx, method, nil, nil); err != nil {
			g.log.Warn("the gateway refused to stop", "method", method, "err", err)
		}
		return
	}
}

// descend ends the process and reports in out what is left of it. After a crash without an
// order, it does not end the descendants, because the next gateway may use them.
func (g *generation) descend(cause Cause, out *Outcome) {
	o := g.down.ordered()
	g.tell(func(s *Status) { s.StoppingFor = o.goal() })
	if !closed(g.proc.Done()) {
		g.drain()
		g.terminate(cause)
	}
	out.Orphans = closed(g.proc.Done()) && g.down.ordered() == nil
	if !out.Orphans && g.leftovers() {
		out.Remains = g.kill()
	}
	g.phase(Idle)
}

// leftovers reports whether the process or a descendant of it still runs, or may still run.
func (g *generation) leftovers() bool {
	if !closed(g.proc.Done()) {
		return true
	}
	ctx, done := g.down.begin(true, fixed(killWait))
	defer done()
	pids, err := g.proc.Remains(ctx)
	return err != nil || len(pids) > 0
}

// drain waits for active work and then aborts what is left, so that the gateway ends half a
// second after the signal and not five minutes after it. Without an order, for example
// after a hang, it aborts the work at once.
func (g *generation) drain() {
	s := g.drainSession
	if s == nil {
		return
	}
	drained := make(chan struct{})
	defer func() {
		close(drained)
		s.Abort(errStopped)
		g.drainSession = nil
	}()
	go func() { // when the gateway ends, a child of it can keep the connection open, but never answers
		select {
		case <-g.exited():
			s.Abort(errStopped)
		case <-drained:
		}
	}()
	ctx, done := g.down.begin(false, func(o *order) time.Duration { return o.drain() })
	busy := g.awaitWork(ctx, s, g.down.until)
	done()
	if o := g.down.ordered(); !busy || o != nil && o.For == forLogout {
		return
	}
	ctx, done = g.down.begin(false, fixed(g.p.VerifyTimeout))
	g.abortWork(ctx, s)
	done()
	ctx, done = g.down.begin(false, fixed(abortWait))
	g.awaitWork(ctx, s, g.down.until)
	done()
}

// terminate sends the signal and waits for the end of the gateway's main process.
func (g *generation) terminate(cause Cause) {
	wait := g.p.Terminate
	if cause.Code == Hung {
		wait = min(wait, hungWait) // it has not answered for a minute, so it will hardly react to a signal
	}
	ctx, done := g.down.begin(false, fixed(wait))
	defer done()
	until, o := g.down.until(), g.down.ordered()
	g.tell(func(s *Status) {
		s.Phase, s.Deadline = Terminating, until
		if s.State == Running { // no longer true
			s.State, s.Cause = o.afterwards(), cause
			if o != nil {
				s.Cause = o.Cause
			}
		}
		s.Facts = Facts{ProcessAlive: true}
		s.GatewayReady = false
	})
	if err := g.proc.Terminate(ctx); err != nil {
		g.log.Warn("the gateway could not be signalled", "err", err)
	}
	select {
	case <-g.proc.Done():
	case <-ctx.Done():
	}
}

// kill ends the process and its descendants with SIGKILL. It is the last resort, because
// gateways count unclean ends. It returns the pids of the processes that it could not end.
func (g *generation) kill() []int {
	g.tell(func(s *Status) { s.Phase = Killing })
	ctx, done := g.down.begin(true, fixed(killWait))
	defer done()
	remains, err := g.proc.Remains(ctx)
	g.log.Warn("ending what is left of the gateway by force", "pids", remains, "err", err)
	for wait := fastPoll; ; wait = min(2*wait, time.Second) {
		if err := g.proc.Kill(ctx); err != nil {
			g.log.Warn("kill failed", "err", err)
		}
		left, err := g.proc.Remains(ctx)
		if err == nil || len(left) > 0 { // with an error, left may be incomplete
			remains = left
		}
		if err == nil && len(remains) == 0 && closed(g.proc.Done()) {
			return nil
		}
		done := g.proc.Done()
		if closed(done) {
			done = nil // only descendants are left
		}
		select {
		case <-done:
		case <-ctx.Done():
			g.log.Error("could not end everything", "pids", remains)
			if len(remains) == 0 {
				remains = []int{g.proc.PID()} // the system did not list the processes
			}
			return remains
		case <-time.After(wait):
		}
	}
}

// closeBooks reads the last output and removes the run file. While something could not be
// ended, the run file stays, so that a later run of clawtray finds the process again.
func (g *generation) closeBooks(out *Outcome) {
	ctx, done := g.down.begin(true, fixed(closing))
	defer done()
	if closed(g.proc.Done()) {
		exit := g.proc.Exit()
		out.Exit = &exit
	}
	if len(out.Remains) > 0 {
		return
	}
	select {
	case <-g.outDone:
	case <-ctx.Done():
	}
	// Remove the run file even when no time is left. Otherwise the next start looks for a
	// process that no longer exists.
	release, cancel := context.WithTimeout(context.Background(), max(time.Until(g.down.until()), lastWords))
	defer cancel()
	if err := g.proc.Release(release); err != nil {
		g.log.Warn("the gateway's files could not be put away", "err", err)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// goal says what an order wants, from the least final to the most final.
type goal string

const (
	forReload  goal = "reload"
	forRestart goal = "restart"
	forStop    goal = "stop"
	forQuit    goal = "quit"
	forLogout  goal = "logout"
)

// finality ranks the goals. Of two orders, the more final one counts.
func (g goal) finality() int {
	return map[goal]int{forReload: 0, forRestart: 1, forStop: 2, forQuit: 3, forLogout: 4}[g]
}

// order tells a generation to end and says why. It is the cancellation cause of the
// generation's context.
type order struct {
	For   goal
	Drain time.Duration // how long active work may go on
	Limit time.Duration // for the whole wind-down; 0 means none
	Cause Cause
}

func (o *order) Error() string { return "ordered: " + string(o.For) }

// drain returns how long active work may go on; 0 without an order.
func (o *order) drain() time.Duration {
	if o == nil {
		return 0
	}
	return o.Drain
}

// goal returns the Status.StoppingFor of the order; empty without an order.
func (o *order) goal() string {
	if o == nil {
		return ""
	}
	return string(o.For)
}

// afterwards returns the state that follows a wind-down with this order.
func (o *order) afterwards() State {
	switch {
	case o == nil:
		return Reconnecting
	case o.For.finality() >= forStop.finality():
		return Stopped
	}
	return Starting
}
