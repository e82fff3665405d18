package supervisor

import (
	"context"
	"errors"
	"net"
	"time"

	"clawtray/supervisor/machine"
	"clawtray/supervisor/openclaw"
)

// Host is the machine as a generation needs it. [machine.Machine] is the real one; tests
// use one whose gateway is in memory. Every method returns when its context ends.
type Host interface {
	RuntimeHost
	ConfigHost
	ProcessHost
	PortHost
}

// RuntimeHost finds and installs the user's OpenClaw and reads its configuration.
type RuntimeHost interface {
	// Runtime finds Node and OpenClaw. When one is missing or unusable, the error is a
	// *openclaw.MissingError.
	Runtime(ctx context.Context) (openclaw.Runtime, error)
	// AwaitUpgrade waits while npm is replacing the OpenClaw that Runtime found last, at
	// most a minute. If it has to wait, it calls waiting once before that.
	AwaitUpgrade(ctx context.Context, waiting func())
	// Install downloads and installs the managed runtime: the pinned OpenClaw, or the
	// newest.
	Install(ctx context.Context, newest bool, progress func(InstallProgress)) error
	// Gateway returns the gateway as the user's configuration describes it. It costs little
	// while no file changes. An error is a *openclaw.ConfigError; then only the paths in
	// the result are valid.
	Gateway(ctx context.Context) (openclaw.Effective, error)
	// Ask lets OpenClaw fetch the secret that only OpenClaw can read. After that, Gateway
	// returns it too, until a file changes. Ask takes seconds, or longer when a password
	// manager asks the user.
	Ask(ctx context.Context, r openclaw.Runtime) error
	// FirstRun lets OpenClaw write its first configuration and returns it. When there
	// already is one, the error is openclaw.ErrConfigured.
	FirstRun(ctx context.Context, r openclaw.Runtime) (openclaw.Effective, error)
	// Missing names programs that OpenClaw's skills need and that the machine lacks. It may
	// be slow.
	Missing(ctx context.Context) []string
}

// ConfigHost protects the user's configuration: it runs doctor on it and restores earlier
// versions.
type ConfigHost interface {
	// Repair runs `openclaw doctor --fix` on the configuration e and keeps a copy of e.
	// When ctx ends, Repair returns, but doctor goes on. machine.ErrNotForDoctor says why
	// doctor was not run.
	Repair(ctx context.Context, r openclaw.Runtime, e openclaw.Effective) (Repair, error)
	// Restore restores the configuration from before doctor changed it, and returns the
	// time of that configuration.
	Restore(ctx context.Context, e openclaw.Effective) (time.Time, error)
	// Accepted saves the configuration of a gateway that became ready. LastAccepted returns
	// the newest saved file, also from an earlier run; its Exists is false when there is
	// none.
	Accepted(ctx context.Context, e openclaw.Effective)
	LastAccepted(ctx context.Context, e openclaw.Effective) openclaw.ConfigFile
	// LastGood returns when the configuration was accepted that PutLastGood would restore;
	// zero when none is known or the current configuration is the same. PutLastGood
	// restores it. Both use only the paths in e.
	LastGood(ctx context.Context, e openclaw.Effective) time.Time
	PutLastGood(ctx context.Context, e openclaw.Effective) error
}

// ProcessHost starts and finds gateway processes.
type ProcessHost interface {
	// Launch starts a gateway process and returns as soon as it exists. A failure of the
	// system is a *machine.LaunchError.
	Launch(ctx context.Context, r openclaw.Runtime, s Spawn) (Process, error)
	// Orphan finds a running gateway of an earlier run of clawtray that is provably ours
	// (BEHAVIOUR M2); nil when there is none. It removes run files of gateways that have
	// provably ended.
	Orphan(ctx context.Context) (Process, error)
	// StateOwner returns the running gateway that holds the lock of a state directory; nil
	// when there is none.
	StateOwner(ctx context.Context, stateDir string) *StateOwner
	// Obstacle looks for problems that make every start fail: a state directory that cannot
	// be written, a full disk. It returns nil or a *machine.ObstacleError.
	Obstacle(ctx context.Context) error
	// Space names the folders that a gateway writes to and whose disk has little space
	// left, each with the amount (XU14).
	Space(ctx context.Context, stateDir string) []string
	// Wakes returns a channel that receives each time the system says that the machine woke
	// up, until ctx ends. The channel is nil, or closed, when the system does not tell.
	Wakes(ctx context.Context) <-chan struct{}
}

// PortHost gives access to the TCP ports of this machine.
type PortHost interface {
	// Listener returns the process that gets the connections to a port. The error is
	// ErrNoListener when there is none that we can see, and another one when the system
	// does not tell. The process likely is checked first, which is far cheaper when it is
	// the right one; 0 means none.
	Listener(ctx context.Context, port, likely int) (Listener, error)
	// FreePort returns the next port after p on which nobody listens; 0 when there is none.
	FreePort(ctx context.Context, p int) int
	// Dial connects directly, without a proxy.
	Dial(ctx context.Context, network, addr string) (net.Conn, error)
	// CheckPeer returns nil when the other end of conn, a connection within this machine,
	// belongs to our own user.
	CheckPeer(ctx context.Context, conn net.Conn) error
}

// The types of [Host] belong to package machine, because that package must not import this
// one.
type (
	// Process is a gateway process of ours with all its descendants.
	Process = machine.Process
	// Spawn is what a launch needs in addition to the runtime.
	Spawn = machine.Spawn
	// Exit is how a process ended.
	Exit = machine.Exit
	// Line is one line of the child's output, without its end.
	Line = machine.Line
	// StateOwner is a gateway that holds the lock of its state directory.
	StateOwner = machine.StateOwner
	// Listener is the process that listens on a port.
	Listener = machine.Listener
	// Repair is what OpenClaw's doctor did.
	Repair = machine.Repair
	// InstallProgress is the progress of installing the managed runtime.
	InstallProgress = machine.InstallProgress
)

// ErrNoListener says that no process that we can see listens on a port.
var ErrNoListener = machine.ErrNoListener

// obstacleCause turns an error of [ProcessHost.Obstacle] into a cause. It returns false
// when err is nil or another error.
func obstacleCause(err error) (Cause, bool) {
	o, is := errors.AsType[*machine.ObstacleError](err)
	if !is {
		return Cause{}, false
	}
	if o.Kind == machine.DiskFull {
		return Cause{Code: DiskFull, Detail: o.Detail}, true
	}
	return Cause{Code: StateDirUnusable, Detail: o.Detail}, true
}
