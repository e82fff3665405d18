package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"clawtray/supervisor/machine"
)

const (
	// fastPoll is the time between two attempts to reach a gateway that is starting. A
	// refused connection costs us half a millisecond. A connection that is accepted too
	// early costs the gateway some time, too.
	fastPoll = 50 * time.Millisecond
	// slowPoll is used instead in a start that takes longer than patientAfter, and for a
	// gateway that somebody else has to bring back.
	slowPoll     = time.Second
	patientAfter = 30 * time.Second
	// claimTimeout limits the time to find out which process has the port.
	claimTimeout = 5 * time.Second
	// lingering is how long a process that has been killed may keep its socket. Freeing its
	// memory takes up to a second on a busy machine (measured).
	lingering = 10 * time.Second
)

// claim decides whether the gateway is ours or somebody else's (BEHAVIOUR M1).
func (g *generation) claim(ctx context.Context) error {
	if g.conf.IsRemote() { // it runs on another machine (BEHAVIOUR O4)
		g.plan = plan{}
		g.become(Attached)
		return nil
	}
	orphan, err := g.orphan(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		g.log.Warn("looking for an orphaned gateway failed", "err", err)
	}
	if orphan != nil {
		g.log.Info("adopted the gateway of an earlier run", "pid", orphan.PID())
		g.own(orphan)
		g.adopted = true
		return nil
	}

	if g.accepts(ctx) {
		return g.claimListener(ctx)
	}
	if by, err := g.whoListens(ctx); err == nil {
		return g.conflict(ctx, by) // a program listens on another address of this machine
	}
	if g.plan.watch != nothing {
		return errAgain // somebody else's gateway answered and has gone again
	}
	limited, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	if owner := g.host.StateOwner(limited, g.conf.Paths.StateDir); owner != nil {
		return g.claimOwned(limited, *owner)
	}
	g.become(Managed)
	return context.Cause(ctx)
}

// accepts reports whether a program accepts connections on the port.
func (g *generation) accepts(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	conn, err := g.host.Dial(ctx, "tcp", g.addr())
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// lookAtPort asks the system who listens on the port. likely is a pid to look at first, or 0.
func (g *generation) lookAtPort(ctx context.Context, likely int) (Listener, error) {
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	return g.host.Listener(ctx, g.port(), likely)
}

// whoListens finds the program that listens on the port. A process that has been killed keeps
// its socket for a moment, but the system does not name it any more. It may have been our
// gateway, so we wait until the socket is closed.
func (g *generation) whoListens(ctx context.Context) (Listener, error) {
	closed := time.After(lingering)
	for {
		by, err := g.lookAtPort(ctx, 0)
		if err != nil || by.PID != 0 || by.User != "" {
			return by, err
		}
		select {
		case <-time.After(fastPoll):
		case <-closed:
			return by, nil
		case <-ctx.Done():
			return by, nil
		}
	}
}

// claimOwned handles a gateway that holds the lock of the state directory, so that no other
// gateway can start there. We attach to it on the port where it listens, now or when it has
// started.
func (g *generation) claimOwned(ctx context.Context, owner StateOwner) error {
	mine := g.conf
	if owner.Port != 0 && owner.Port != g.port() {
		if g.conf = g.conf.At(owner.Port, sourceRunning); g.isGateway(ctx) {
			g.plan.port = owner.Port
			return errAgain
		}
	}
	g.conf = mine
	g.become(Attached)
	return g.owned(owner)
}

func (g *generation) orphan(ctx context.Context) (Process, error) {
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	return g.host.Orphan(ctx)
}

// claimListener looks at the program that accepts connections on the port. We attach to a
// gateway; any other program is a conflict.
func (g *generation) claimListener(ctx context.Context) error {
	by, err := g.whoListens(ctx)
	if errors.Is(err, ErrNoListener) && !g.accepts(ctx) {
		return errAgain // the program has ended meanwhile
	}
	if err != nil { // the system always shows us our own processes, so this process belongs to another user
		by = Listener{User: machine.OtherUser}
	}
	isGateway := g.greets(ctx, by)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !isGateway && g.plan.watch != nothing:
		return errAgain
	case !isGateway:
		return g.conflict(ctx, by)
	case by.User != "":
		g.become(Conflict)
		return Cause{Code: PortForeignUser, Detail: by.String(), FreePort: g.host.FreePort(ctx, g.port())}
	}
	g.plan.watch, g.plan.port = nothing, 0
	g.become(Attached)
	g.listener = by.PID
	g.tell(func(s *Status) { s.PID = by.PID })
	g.log.Info("attached to a gateway that somebody else runs", "listener", by.String())
	return nil
}

// greets asks the listener whether it is a gateway. One that may be a gateway of our own
// user is asked again while it stays silent, because a gateway on a busy machine accepts
// connections long before it answers.
func (g *generation) greets(ctx context.Context, by Listener) bool {
	for began := time.Now(); ; {
		limited, cancel := context.WithTimeout(ctx, claimTimeout)
		is := g.isGateway(limited)
		silent := limited.Err() != nil
		cancel()
		if is || !silent || ctx.Err() != nil || !mayBeGateway(by) || time.Since(began) >= g.p.HangSilence {
			return is
		}
	}
}

// gatewayNames are in the names of processes that can be a gateway: the program, what Node
// calls its process on Linux, and the title that the gateway gives itself (measured,
// OpenClaw 2026.9.6 with Node 24).
var gatewayNames = []string{"node", "mainthread", "openclaw"}

// mayBeGateway reports whether a listener can be OpenClaw of our own user by its name.
func mayBeGateway(by Listener) bool {
	name := strings.ToLower(by.Name)
	return by.User == "" && slices.ContainsFunc(gatewayNames, func(part string) bool { return strings.Contains(name, part) })
}

func (g *generation) conflict(ctx context.Context, by Listener) Cause {
	g.become(Conflict)
	free := g.host.FreePort(ctx, g.port())
	return portConflict(by, g.port(), free)
}

func (g *generation) become(m Mode) {
	g.mode, g.theirs = m, g.theirs || m == Attached
	g.stand(stand{at: climbing, mode: m}, func(s *Status) { s.Mode = m })
}

func portConflict(by Listener, port, free int) Cause {
	return Cause{Code: PortConflict, Detail: fmt.Sprintf("%s listens on port %d; port %d is free", by, port, free), FreePort: free}
}
