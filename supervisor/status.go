package supervisor

import (
	"time"
)

// State is the main state of the gateway.
type State string

// The states. Running means that all four Facts hold. When one of them no longer holds, the
// state changes at once.
const (
	Stopped      State = "stopped"      // nothing of ours runs, and nothing starts by itself
	Starting     State = "starting"     // a generation is starting the gateway
	Running      State = "running"      // ready: process, port, protocol and RPC are alive
	Reconnecting State = "reconnecting" // the gateway was lost; clawtray tries to bring it back or waits for the next attempt
	Failed       State = "error"        // clawtray gave up; Cause says what a person has to do
)

// Phase is the step within a state, for people who wait.
type Phase string

// The phases, in the sequence in which one life of the gateway goes through them.
const (
	Idle           Phase = ""
	Resolving      Phase = "resolving"       // looking for Node and OpenClaw, and for the program that listens on the port
	Installing     Phase = "installing"      // fetching the managed runtime; Status.Install says how far
	Upgrading      Phase = "upgrading"       // waiting at most a minute for npm, which is replacing OpenClaw's files
	AwaitingConfig Phase = "awaiting-config" // waiting while somebody seems to be writing OpenClaw's configuration
	SettingUp      Phase = "setting-up"      // OpenClaw writes its first configuration
	Repairing      Phase = "repairing"       // `openclaw doctor --fix` runs
	Spawned        Phase = "spawned"         // the process exists, but its port is not open yet
	Listening      Phase = "listening"       // the port accepts connections
	Challenged     Phase = "challenged"      // the gateway has sent the first frame of its protocol
	Sidecars       Phase = "sidecars"        // the gateway answers "still starting"
	Ready          Phase = "ready"           // hello-ok
	Draining       Phase = "draining"        // waiting for active work before a stop or restart
	Terminating    Phase = "terminating"     // the process got the signal to end; waiting for its end
	Killing        Phase = "killing"         // the last step: SIGKILL
	Waiting        Phase = "waiting"         // waiting for the next attempt; Status.NextRetryAt says until when
)

// Mode says whose gateway it is (BEHAVIOUR M1).
type Mode string

// The modes.
const (
	NoMode   Mode = ""
	Managed  Mode = "managed"  // our own child, or an adopted one: we start and stop it
	Attached Mode = "attached" // somebody else runs it: we connect to it, but never end it
	Conflict Mode = "conflict" // we cannot use the port, because another program listens there
)

// Status describes the gateway at one moment. Published values never change, slices
// included. Times are wall-clock times; the zero time means "not yet" or "does not apply".
type Status struct {
	Seq   uint64    `json:"seq"` // increases by one with every published value
	State State     `json:"state"`
	Since time.Time `json:"since"` // when State last changed

	Phase      Phase     `json:"phase,omitempty"`
	PhaseSince time.Time `json:"phaseSince,omitzero"` // when Phase or State last changed

	Mode  Mode  `json:"mode,omitempty"`
	Cause Cause `json:"cause,omitzero"` // why the gateway is in this state

	Port           int       `json:"port"` // 0 until it is known
	PID            int       `json:"pid,omitempty"`
	StartedAt      time.Time `json:"startedAt,omitzero"` // when the process started
	ConnectedAt    time.Time `json:"connectedAt,omitzero"`
	GatewayVersion string    `json:"gatewayVersion,omitempty"` // from hello-ok, else from the installed package
	GatewayReady   bool      `json:"gatewayReady"`

	// StoppingFor is set during a wind-down that was ordered: "stop", "restart", "quit" or
	// "logout".
	StoppingFor string `json:"stoppingFor,omitempty"`
	// ActiveWork is how many pieces of work the gateway has while Draining; -1 when that is
	// unknown.
	ActiveWork int `json:"activeWork,omitempty"`
	// Deadline is when the current phase stops waiting (Draining, Terminating).
	Deadline time.Time `json:"deadline,omitzero"`

	Launches    int        `json:"launches"`             // how often the gateway was started during this run of clawtray, restarts in place included
	Attempts    int        `json:"reconnectAttempts"`    // since the gateway last stayed ready for Policy.Forgive
	MaxAttempts int        `json:"maxReconnectAttempts"` // after so many Attempts the State becomes Failed
	NextRetryAt time.Time  `json:"nextRetryAt,omitzero"` // set while the phase is Waiting
	LastLine    string     `json:"lastLine,omitempty"`   // newest meaningful line of output while the gateway starts
	SlowStart   bool       `json:"slowStart,omitempty"`  // the start takes longer than Policy.SoftStart (BEHAVIOUR B6)
	Error       string     `json:"error,omitempty"`      // Cause in sentences, when State is Failed
	Facts       Facts      `json:"facts"`                // BEHAVIOUR F4
	Health      Health     `json:"health"`               // BEHAVIOUR A4
	Drift       Drift      `json:"drift,omitzero"`       // BEHAVIOUR E6
	Incidents   []Incident `json:"incidents,omitempty"`  // newest first, at most MaxIncidents

	// Waiting is how many requests wait for a person's answer (BEHAVIOUR R1, R2).
	Waiting int `json:"waiting,omitempty"`
	// Activity is what the gateway is doing now (BEHAVIOUR R4).
	Activity Activity `json:"activity,omitzero"`
	// Channels are the chat channels that are set up, in the gateway's sequence (BEHAVIOUR
	// R3).
	Channels []Channel `json:"channels,omitempty"`
	// Missing names programs that OpenClaw's skills need and that this computer lacks
	// (BEHAVIOUR B4).
	Missing []string `json:"missing,omitempty"`
	// SettingsMistakes are the mistakes in clawtray's settings file, one sentence each.
	SettingsMistakes []string `json:"settingsMistakes,omitempty"`
	// Pending names the settings that take effect at the gateway's next start.
	Pending []string `json:"pending,omitempty"`
	// InstalledVersion is the version of the installed package when the gateway runs
	// another one; else empty (PAINS P18).
	InstalledVersion string `json:"installedVersion,omitempty"`
	// FirstRun says that OpenClaw had no configuration and has written its first one during
	// this run of clawtray.
	FirstRun bool `json:"firstRun,omitempty"`
	// Repaired is what OpenClaw's doctor changed in the configuration. It is set until a
	// person undoes that, or stops or restarts the gateway.
	Repaired *Repaired `json:"repaired,omitempty"`
	// Install is the progress of the installation of the managed runtime while the phase is
	// Installing.
	Install *InstallProgress `json:"install,omitempty"`
}

// MaxIncidents is the maximum number of incidents in a Status.
const MaxIncidents = 10

// Uptime returns how long the gateway's process has been running at now; zero when there is
// no process.
func (s Status) Uptime(now time.Time) time.Duration {
	if s.PID == 0 || s.StartedAt.IsZero() {
		return 0
	}
	return max(0, now.Sub(s.StartedAt)) // the clock may have been set back
}

// Stopping reports whether an ordered wind-down is under way.
func (s Status) Stopping() bool { return s.StoppingFor != "" }

// Facts are four separate observations. The gateway is running only when all of them hold.
type Facts struct {
	ProcessAlive  bool `json:"processAlive"`
	PortOpen      bool `json:"portOpen"`
	ProtocolAlive bool `json:"protocolAlive"`
	RPCAlive      bool `json:"rpcAlive"`
}

// All reports whether every fact holds. The process of an attached gateway counts as alive
// while we are connected to it.
func (f Facts) All() bool { return f.ProcessAlive && f.PortOpen && f.ProtocolAlive && f.RPCAlive }

// Health says how well a running gateway works.
type Health struct {
	Level   Level    `json:"level,omitempty"`
	Reasons []Reason `json:"reasons,omitempty"` // worst first
}

// Level is a degree of health. The level of a Health is that of its worst reason.
type Level string

// The levels.
const (
	Healthy      Level = "healthy"
	Degraded     Level = "degraded"
	Unresponsive Level = "unresponsive"
)

// Reason is one problem of the gateway.
type Reason struct {
	Code     ReasonCode `json:"code"`
	Severity Level      `json:"severity"` // Degraded or Unresponsive
	Detail   string     `json:"detail,omitempty"`
	Text     string     `json:"text"` // the sentence, in English
	Since    time.Time  `json:"since,omitzero"`
}

// ReasonCode is the stable name of a reason. Programs and translations depend on it.
type ReasonCode string

// The reasons.
const (
	ReasonNotRunning      ReasonCode = "not-running"
	ReasonHeartbeatMissed ReasonCode = "heartbeat-missed"
	ReasonVerifying       ReasonCode = "verifying"
	ReasonBusy            ReasonCode = "busy" // silent, but its process uses CPU
	ReasonRPCTimeouts     ReasonCode = "rpc-timeouts"
	ReasonChannels        ReasonCode = "channels"
	ReasonSafeMode        ReasonCode = "channels-suppressed" // the gateway's crash breaker keeps its channels off (BEHAVIOUR B10)
	ReasonEventLoop       ReasonCode = "event-loop"
	ReasonDrift           ReasonCode = "config-drift"
	ReasonConfigInvalid   ReasonCode = "config-invalid" // the file on disk is invalid; the gateway uses the last good configuration
	ReasonIdentity        ReasonCode = "identity"       // device identity replaced or unreadable (BEHAVIOUR B3)
	ReasonEnvironment     ReasonCode = "environment"    // see Status.Missing (BEHAVIOUR B4)
	ReasonUpdate          ReasonCode = "update"         // see Status.InstalledVersion
	ReasonNotAnswering    ReasonCode = "not-answering"  // an attached gateway is silent, and we must not restart it
	ReasonNoRPC           ReasonCode = "no-rpc"         // the gateway runs, but we are not signed in
	ReasonSafeStart       ReasonCode = "safe-start"     // a person started the gateway without channels and plugins (BEHAVIOUR Q3)
	ReasonSpace           ReasonCode = "space"          // little space is left on a disk that the gateway writes to
	ReasonSettings        ReasonCode = "settings"       // clawtray's settings file has mistakes, which it ignores
	ReasonPending         ReasonCode = "settings-pending"
	ReasonDraining        ReasonCode = "draining"     // somebody else has ended it; it finishes its work and refuses everything new
	ReasonLogins          ReasonCode = "model-logins" // log-ins to model providers are expired or missing (BEHAVIOUR R3)
)

// Drift says that the configuration on disk is not the one that the gateway uses.
type Drift struct {
	Since   time.Time `json:"since"`
	Invalid bool      `json:"invalid,omitempty"` // the gateway rejects the file on disk
	Detail  string    `json:"detail,omitempty"`  // the first mistake in the file, redacted
}

// Incident is a period of trouble. It lasts from the first failure until the gateway is
// ready again or a person stops it.
type Incident struct {
	ID       int       `json:"id"` // starts with 1 in each run of clawtray
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended,omitzero"`
	Cause    Cause     `json:"cause"`
	Attempts int       `json:"attempts"` // how often the gateway was started during the incident
	// Quiet incidents cause no notification: a person asked for what happened, or the
	// machine has just woken up (BEHAVIOUR F3, L3).
	Quiet bool `json:"quiet,omitempty"`
}

// Open reports whether the incident has not ended yet.
func (i Incident) Open() bool { return i.Ended.IsZero() }
