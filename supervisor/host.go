package supervisor

import (
	"context"
	"net"
	"time"

	"clawtray/supervisor/openclaw"
)

// Host is the machine as a generation needs it. The real one is [Machine];
// tests use one whose gateway lives in memory.
type Host interface {
	// Runtime finds Node and OpenClaw; a failure is a *openclaw.MissingError.
	Runtime(ctx context.Context) (openclaw.Runtime, error)
	// AwaitUpgrade returns when no npm is replacing the OpenClaw that Runtime found last,
	// at the latest after a minute; it calls waiting once before it waits.
	AwaitUpgrade(ctx context.Context, waiting func())
	// Install fetches the managed runtime: the pinned OpenClaw, or the newest.
	Install(ctx context.Context, newest bool, progress func(InstallProgress)) error
	// Token is the gateway's shared token and where it comes from.
	Token() (openclaw.Token, error)
	// Launch starts a gateway and returns as soon as the process exists.
	Launch(ctx context.Context, r openclaw.Runtime, l Spawn) (Process, error)
	// Orphan finds a living gateway of an earlier run that is provably ours
	// (BEHAVIOUR M2), or nil. What is provably dead it clears away.
	Orphan(ctx context.Context) (Process, error)
	// Listener tells who gets what is sent to a TCP port of 127.0.0.1. It fails
	// with ErrNoListener when nobody does whom we can see, and otherwise when the
	// system does not tell. The process likely is looked at first, which is far
	// cheaper when it is right; 0 is none.
	Listener(ctx context.Context, port, likely int) (Listener, error)
	// FreePort is the next port after p that nobody listens on.
	FreePort(p int) int
	// Dial connects to a loopback address, directly.
	Dial(ctx context.Context, network, addr string) (net.Conn, error)
	// Repair runs `openclaw doctor --fix` and returns what it printed.
	Repair(ctx context.Context, r openclaw.Runtime) (output string, err error)
	// GatewayConfig reads the gateway's own configuration file.
	GatewayConfig() (openclaw.Config, error)
	// Missing names what OpenClaw's skills need and the machine lacks. It may be slow.
	Missing(ctx context.Context) []string
	// Wakes receives when the system says that the machine woke up, until ctx ends.
	// It is nil, or closed, where the system does not tell.
	Wakes(ctx context.Context) <-chan struct{}
	// Obstacle looks for what makes a start fail whatever the gateway's last words
	// were: a state directory that cannot be written, a full disk.
	Obstacle() (Cause, bool)
}

// Spawn is what a launch needs beside the runtime.
type Spawn struct {
	Port  int
	Token string
}

// Process is one gateway process that we own, with all its descendants.
type Process interface {
	PID() int
	StartedAt() time.Time
	Command() string // redacted command line, for messages
	// Lines carries the child's output; it is closed after the last one. A slow
	// reader loses lines, never blocks the child.
	Lines() <-chan Line
	// Done is closed when the process has ended.
	Done() <-chan struct{}
	// Exit is how it ended; valid after Done.
	Exit() Exit
	// Owns reports whether pid is the process or belongs to it.
	Owns(pid int) bool
	// Activity is the CPU time it used or, where the system tells, waited for, so
	// far, and whether it is stopped (SIGSTOP, debugger).
	Activity() (cpu time.Duration, stopped bool, err error)
	// Terminate asks the leader to end (SIGTERM; Ctrl-C on Windows).
	Terminate() error
	// Kill ends the leader and everything that belongs to it by force.
	Kill() error
	// Remains lists the pids of what still belongs to it, the leader included.
	Remains() []int
	// Release forgets the process after it has ended: run file, output files.
	Release()
}
