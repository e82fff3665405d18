package supervisor

import (
	"context"
	"errors"
	"time"

	"clawtray/rpc"
)

// command is a restart or a reload of a running gateway. The owner answers a restart when
// the gateway is ready again; reply gives every other answer.
type command struct {
	intent Intent
	now    bool
	drain  time.Duration // how long a restart waits for active work
	fresh  bool          // some settings need a new process, so a restart in place is not enough
	cause  Cause
	hurry  <-chan struct{} // closed when a person does not want to wait for active work any longer
	reply  func(Answer, error)
	again  func() // called when the connection ended first: the owner hands the command over again
}

// perform carries out a restart or a reload. It runs on its own goroutine, so that loop is
// not blocked. An error of restart or reload ends the generation. When the connection ends
// first, the owner hands the command over again.
func (c *connection) perform(cmd command) {
	carryOut := c.restart
	if cmd.intent == Reload {
		carryOut = c.reload
	}
	err := carryOut(cmd)
	switch {
	case err == nil:
		return
	case connectionEnded(err):
		<-c.work.Done()
	default:
		select {
		case c.ended <- err:
			return
		case <-c.work.Done(): // the connection has ended for another reason
		}
	}
	cmd.again()
}

// connectionEnded reports whether a call has failed because its connection has ended. The
// gateway may be well, so it must not be restarted for that.
func connectionEnded(err error) bool {
	var e *rpc.Error
	return errors.As(err, &e) && (e.Kind == rpc.KindCanceled || e.Kind == rpc.KindTransport && !errors.Is(err, context.DeadlineExceeded))
}

// restartMethod is the method that restarts a gateway within its own process (OpenClaw
// 2026.6 and later).
const restartMethod = "gateway.restart.request"

// restart asks the gateway to restart in place, which keeps the process and takes half the
// time of a start. When the gateway cannot do that, or active work does not end in time,
// the generation ends and the next one starts (BEHAVIOUR D, C4). It returns an error for
// perform.
func (c *connection) restart(cmd command) error {
	full := &order{For: forRestart, Drain: cmd.drain, Cause: cmd.cause}
	managed := c.mode == Managed
	if managed && c.keeps(cmd, c.unstartable(c.work)) { // needed for a restart in place, too, because the gateway then reads its files again
		return nil
	}
	switch {
	case managed && cmd.now:
		full.Drain = 0
		return full
	case cmd.fresh && cmd.intent == Restart, managed && (c.plan.safe || !c.s.Supports(restartMethod) || c.outdated()):
		return full
	case !c.s.Supports(restartMethod):
		cmd.reply(Answer{Result: ResultRejected}, Cause{Code: ConnectRefused, Detail: "this gateway is not ours and cannot be restarted over the protocol"})
		return nil
	}
	return c.restartInPlace(cmd, full)
}

// restartInPlace asks for the restart and waits until it ends the connection. full is the
// order for a full restart.
func (c *connection) restartInPlace(cmd command, full *order) error {
	var answer struct {
		Status    string    `json:"status"`
		Preflight preflight `json:"preflight"`
	}
	c.asked.Store(true)
	switch err := c.requestRestart(cmd, &answer); {
	case err == nil:
	case connectionEnded(err):
		return err
	case c.mode != Managed:
		c.asked.Store(false)
		c.staysUp()
		cmd.reply(Answer{Result: ResultRejected}, err)
		return nil
	default:
		c.asked.Store(false)
		c.log.Warn("restart over the protocol was refused", "err", err)
		if draining(err) {
			full.Drain = 0 // it was waited for
		}
		return full
	}
	c.tell(func(st *Status) { st.StoppingFor, st.Cause = string(forRestart), cmd.cause })
	full.Drain = 0 // the wait for active work is over
	if answer.Status == "deferred" && c.awaitWorkFor(cmd) && c.mode == Managed {
		return full
	}
	// The gateway closes the connection within a second (measured). The loop handles that
	// close.
	select {
	case <-c.work.Done():
		cmd.again() // if the gateway has not restarted, the next connection asks it again
	case <-time.After(c.p.DrainRestart):
		if c.mode == Managed {
			return full
		}
		c.staysUp()
		cmd.reply(Answer{Result: ResultRejected}, Cause{Code: ConnectRefused, Detail: "it was asked to restart and did not"})
	}
	return nil
}

// requestRestart asks for the restart. A gateway that stops or restarts already refuses every
// call until its work has ended, so it is asked again for as long as the command waits for
// active work. Usually its connection ends meanwhile.
func (c *connection) requestRestart(cmd command, answer any) error {
	ctx, until, cancel := c.patience(cmd)
	defer cancel()
	for {
		err := c.s.Call(c.work, restartMethod, map[string]any{"reason": "requested in clawtray"}, answer)
		if !draining(err) {
			return err
		}
		c.tell(func(st *Status) {
			st.StoppingFor, st.Cause = string(forRestart), cmd.cause
			st.Phase, st.ActiveWork, st.Deadline = Draining, -1, until
		})
		select {
		case <-ctx.Done():
			if c.work.Err() == nil {
				return err
			} // else the next call tells why
		case <-time.After(drainPoll):
		}
	}
}

// draining reports whether a call was refused because the gateway stops or restarts already.
// It refuses every call until its work has ended.
func draining(err error) bool {
	var e *rpc.Error
	return errors.As(err, &e) && e.Kind == rpc.KindDraining
}

// staysUp shows that the gateway runs as before, although it was to be restarted.
func (c *connection) staysUp() {
	c.tell(func(st *Status) { st.StoppingFor, st.Phase = "", Ready })
}

// awaitWorkFor waits for active work as long as the command allows, and reports whether
// some is left.
func (c *connection) awaitWorkFor(cmd command) (busy bool) {
	ctx, until, cancel := c.patience(cmd)
	defer cancel()
	return c.awaitWork(ctx, c.s, func() time.Time { return until })
}

// patience returns a context that ends when the command does not wait for active work any
// longer, and when that is at the latest.
func (c *connection) patience(cmd command) (ctx context.Context, until time.Time, cancel func()) {
	limited, over := c.timeout(c.work, cmd.drain)
	ctx, hurried := context.WithCancel(limited)
	c.helpers.Go(func() {
		select {
		case <-cmd.hurry:
			hurried()
		case <-ctx.Done():
		}
	})
	return ctx, time.Now().Add(cmd.drain), func() { hurried(); over() }
}

// keeps answers the command and returns true when the gateway must not be restarted:
// because the next start is known to fail with err, or because the connection has ended. No
// work may be lost for nothing.
func (c *connection) keeps(cmd command, err error) bool {
	switch {
	case c.work.Err() != nil:
		cmd.again()
		return true
	case err == nil:
		return false
	}
	c.log.Error("the gateway is not restarted, because it could not be started again", "err", err)
	cmd.reply(Answer{Result: ResultRejected}, err)
	return true
}

// unstartable returns why no gateway could be started with the current configuration and
// installation; nil when one could.
func (g *generation) unstartable(ctx context.Context) error {
	e, err := g.readGateway(ctx)
	if err == nil {
		err = g.startable(ctx, e)
	}
	if err != nil {
		return configCause(err)
	}
	if _, err := g.host.Runtime(ctx); err != nil {
		return runtimeCause(err)
	}
	return nil
}

// outdated reports whether the installed package is another version than the running
// gateway. A restart in place would continue with the old version.
func (c *connection) outdated() bool {
	r, err := c.host.Runtime(c.work)
	return err == nil && r.Version != c.s.Hello().Server.Version
}
