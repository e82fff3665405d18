package supervisor

import (
	"time"
)

// State is what the gateway is doing, in one word.
type State string

// The states. Running means all four Facts hold; a state older than its evidence is never kept.
const (
	Stopped      State = "stopped"      // nothing of ours runs, and nothing will be started by itself
	Starting     State = "starting"     // a generation is on its way to ready
	Running      State = "running"      // ready: process, port, protocol and RPC are alive
	Reconnecting State = "reconnecting" // it was lost; recovery is under way or waiting for its next attempt
	Failed       State = "error"        // recovery ended; a person has to act (Cause says how)
)

// Phase is the step inside a state, for a person who waits.
type Phase string

// The phases, in the order one life of the gateway goes through them.
const (
	Idle        Phase = ""
	Resolving   Phase = "resolving"   // looking for Node and OpenClaw, and for who has the port
	Installing  Phase = "installing"  // fetching the managed runtime; Status.Install says how far
	Upgrading   Phase = "upgrading"   // npm is replacing OpenClaw's files: waiting for them, at most a minute
	Repairing   Phase = "repairing"   // `openclaw doctor --fix` runs
	Spawned     Phase = "spawned"     // the process exists, its port is not open yet
	Listening   Phase = "listening"   // the port accepts connections
	Challenged  Phase = "challenged"  // it speaks the gateway protocol
	Sidecars    Phase = "sidecars"    // it answers "still starting"
	Ready       Phase = "ready"       // hello-ok
	Draining    Phase = "draining"    // waiting for active work before a stop or restart
	Terminating Phase = "terminating" // signalled, waiting for the end
	Killing     Phase = "killing"     // the last rung: SIGKILL
	Waiting     Phase = "waiting"     // between two attempts; Status.NextRetryAt says until when
)

// Mode says whose gateway it is (BEHAVIOUR M1).
type Mode string

// The modes.
const (
	NoMode   Mode = ""
	Managed  Mode = "managed"  // our own child (or an adopted one): we start and stop it
	Attached Mode = "attached" // somebody else runs it: we talk to it, and never kill it
	Conflict Mode = "conflict" // something that is not a gateway has the port
)

// Status is one immutable picture of the gateway. Values handed out are never
// changed afterwards, slices included. Times are wall-clock; the zero time
// means "not yet" or "does not apply".
type Status struct {
	Seq   uint64    `json:"seq"` // rises by one with every published value
	State State     `json:"state"`
	Since time.Time `json:"since"` // when State last changed

	Phase      Phase     `json:"phase,omitempty"`
	PhaseSince time.Time `json:"phaseSince,omitzero"` // when Phase or State last changed

	Mode  Mode  `json:"mode,omitempty"`
	Cause Cause `json:"cause,omitzero"` // why it is in this state

	Port           int       `json:"port"`
	PID            int       `json:"pid,omitempty"`
	StartedAt      time.Time `json:"startedAt,omitzero"` // of the process
	ConnectedAt    time.Time `json:"connectedAt,omitzero"`
	GatewayVersion string    `json:"gatewayVersion,omitempty"` // from hello-ok, else from the installed package
	GatewayReady   bool      `json:"gatewayReady"`

	// StoppingFor is set while the ladder goes down: "stop", "restart" or "quit".
	StoppingFor string `json:"stoppingFor,omitempty"`
	// ActiveWork counts what the gateway is busy with while Draining; -1 is unknown.
	ActiveWork int `json:"activeWork,omitempty"`
	// Deadline is when the current phase gives up waiting (drain, terminate).
	Deadline time.Time `json:"deadline,omitzero"`

	Launches    int        `json:"launches"`             // starts of the gateway by or under this clawtray, restarts in place included
	Attempts    int        `json:"reconnectAttempts"`    // since the gateway was last ready for good
	MaxAttempts int        `json:"maxReconnectAttempts"` // after these: Failed
	NextRetryAt time.Time  `json:"nextRetryAt,omitzero"` // while Waiting
	LastLine    string     `json:"lastLine,omitempty"`   // newest meaningful output line while starting
	SlowStart   bool       `json:"slowStart,omitempty"`  // the soft start limit has passed (BEHAVIOUR B6)
	Error       string     `json:"error,omitempty"`      // Cause as one sentence, when State is Failed
	Facts       Facts      `json:"facts"`                // BEHAVIOUR F4
	Health      Health     `json:"health"`               // BEHAVIOUR A4
	Drift       Drift      `json:"drift,omitzero"`       // BEHAVIOUR E6
	Incidents   []Incident `json:"incidents,omitempty"`  // newest first, at most MaxIncidents

	// Missing is what a check beside the start found wanting (BEHAVIOUR B4).
	Missing []string `json:"missing,omitempty"`
	// SettingsMistakes are those of clawtray's settings file, a sentence each.
	SettingsMistakes []string `json:"settingsMistakes,omitempty"`
	// Pending names the settings that the gateway's next start uses, and the running one does not.
	Pending []string `json:"pending,omitempty"`
	// InstalledVersion is set when the package on disk is not the version that runs (PAINS P18).
	InstalledVersion string `json:"installedVersion,omitempty"`
	// Install is the progress of the managed runtime while Installing.
	Install *InstallProgress `json:"install,omitempty"`
}

// MaxIncidents is how many incidents a Status carries.
const MaxIncidents = 10

// Uptime is how long the gateway process has been alive at now; zero without a process.
func (s Status) Uptime(now time.Time) time.Duration {
	if s.PID == 0 || s.StartedAt.IsZero() {
		return 0
	}
	return max(0, now.Sub(s.StartedAt)) // the clock may have been set back
}

// Stopping reports whether the stop ladder is under way.
func (s Status) Stopping() bool { return s.StoppingFor != "" }

// Facts are four separate observations; only together they mean running.
type Facts struct {
	ProcessAlive  bool `json:"processAlive"`
	PortOpen      bool `json:"portOpen"`
	ProtocolAlive bool `json:"protocolAlive"`
	RPCAlive      bool `json:"rpcAlive"`
}

// All reports whether every fact holds. An attached gateway's process is
// counted as alive while its socket is.
func (f Facts) All() bool { return f.ProcessAlive && f.PortOpen && f.ProtocolAlive && f.RPCAlive }

// Health is how well a running gateway does.
type Health struct {
	Level   Level    `json:"level,omitempty"`
	Reasons []Reason `json:"reasons,omitempty"` // worst first
}

// Level is the worst of the reasons.
type Level string

// The levels.
const (
	Healthy      Level = "healthy"
	Degraded     Level = "degraded"
	Unresponsive Level = "unresponsive"
)

// Reason is one thing that is not as it should be.
type Reason struct {
	Code     ReasonCode `json:"code"`
	Severity Level      `json:"severity"` // Degraded or Unresponsive
	Detail   string     `json:"detail,omitempty"`
	Text     string     `json:"text"` // the sentence, in English
}

// ReasonCode is stable: programs and translations key on it.
type ReasonCode string

// The reasons.
const (
	ReasonNotRunning      ReasonCode = "not-running"
	ReasonHeartbeatMissed ReasonCode = "heartbeat-missed"
	ReasonVerifying       ReasonCode = "verifying"
	ReasonBusy            ReasonCode = "busy" // event loop pressure: silent but burning CPU
	ReasonRPCTimeouts     ReasonCode = "rpc-timeouts"
	ReasonChannels        ReasonCode = "channels"
	ReasonSafeMode        ReasonCode = "channels-suppressed" // the gateway's own crash-loop breaker (BEHAVIOUR B10)
	ReasonEventLoop       ReasonCode = "event-loop"
	ReasonDrift           ReasonCode = "config-drift"
	ReasonConfigInvalid   ReasonCode = "config-invalid" // on disk, while the last good one runs
	ReasonIdentity        ReasonCode = "identity"       // device identity replaced or unreadable (BEHAVIOUR B3)
	ReasonEnvironment     ReasonCode = "environment"    // a slow check found something missing (BEHAVIOUR B4)
	ReasonUpdate          ReasonCode = "update"         // installed version differs from the running one
	ReasonNotAnswering    ReasonCode = "not-answering"  // attached and hanging: not ours to restart
	ReasonNoRPC           ReasonCode = "no-rpc"         // attached, but not signed in
	ReasonSettings        ReasonCode = "settings"       // clawtray's own file has mistakes, which have no effect
	ReasonPending         ReasonCode = "settings-pending"
)

// Drift says that the configuration on disk is not the one that runs.
type Drift struct {
	Since   time.Time `json:"since"`
	Invalid bool      `json:"invalid,omitempty"` // the file on disk was rejected
	Detail  string    `json:"detail,omitempty"`  // the first problem, redacted
}

// Incident is one stretch of trouble, from the first failure until the gateway
// was ready again (or a person stopped it).
type Incident struct {
	ID       int       `json:"id"` // counts from 1 in this run of clawtray
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended,omitzero"`
	Cause    Cause     `json:"cause"`
	Attempts int       `json:"attempts"` // starts it took
	// Quiet incidents are not worth a notification: the user asked for what
	// happened, or the machine has just woken up (BEHAVIOUR F3, L3).
	Quiet bool `json:"quiet,omitempty"`
}

// Open reports whether the trouble goes on.
func (i Incident) Open() bool { return i.Ended.IsZero() }

// InstallProgress is a step of fetching the managed runtime.
type InstallProgress struct {
	Step  string `json:"step"`            // what is being fetched: "Node 24.21.0"
	Done  int64  `json:"done,omitempty"`  // bytes
	Total int64  `json:"total,omitempty"` // bytes; 0 is unknown
	Items int    `json:"items,omitempty"` // fetched by npm, which does not know how many there will be
}
