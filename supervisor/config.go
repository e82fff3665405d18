package supervisor

import (
	"log/slog"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/redact"
)

// Config is what a supervisor needs to know. A Policy that is completely zero means
// DefaultPolicy.
type Config struct {
	Port    int    // the gateway's port; 0 means the port of OpenClaw's configuration
	Version string // of clawtray; the gateway is told

	Policy Policy

	// NoRequests switches off asking the person: see [Supervisor.Requests].
	NoRequests bool

	// OnReload is called when somebody asks to reload the configuration. It may be nil and
	// must not block.
	OnReload func()
	// OnBeat is called about every Policy.Tend, when the program is awake anyway. It may be
	// nil and must not block.
	OnBeat func()

	// Identity returns the key that signs a connection. problem says why there is none or
	// why it is new (BEHAVIOUR B3). It is called for each connection and may be nil.
	Identity     func() (id *rpc.Identity, problem string)
	DeviceTokens rpc.DeviceTokens // keeps the tokens that gateways issue to this device; may be nil
	Redact       *redact.Redactor // removes secrets from what people see; nil means one that knows none yet
	Log          *slog.Logger     // nil means no log
	Trace        *slog.Logger     // logs every frame; nil means off
}

// Policy has all times, counts and limits of the supervision. The defaults are those of the
// Electron application that users know (BEHAVIOUR B to M).
type Policy struct {
	StartPolicy
	StopPolicy
	RetryPolicy
	LivenessPolicy
	CarePolicy
}

// StartPolicy is how long a start may take.
type StartPolicy struct {
	StartTries  int           // how many starts to try when the gateway was never ready
	StartRetry  time.Duration // time between those tries
	SoftStart   time.Duration // after this a start is called slow
	HardStart   time.Duration // after this a start has failed
	DoctorLimit time.Duration // limit for `openclaw doctor --fix`
	AssumeReady time.Duration // after this, GatewayReady is assumed when /readyz cannot tell
}

// StopPolicy is how long each step of a wind-down may take.
type StopPolicy struct {
	DrainStop    time.Duration // how long to wait for active work before a stop or quit
	DrainRestart time.Duration // how long to wait for active work before a restart
	Terminate    time.Duration // from SIGTERM to SIGKILL
	QuitLimit    time.Duration // for all steps together on quit
	LogoutLimit  time.Duration // for all steps together at logout or shutdown
}

// RetryPolicy is when a gateway that ended is started again.
type RetryPolicy struct {
	Backoff      Backoff
	Governor     Governor
	RestartFloor time.Duration // minimum time between automatic restarts, unless the gateway was ready for ReadyForLong
	ReadyForLong time.Duration // a gateway ready this long is restarted without delay
	Forgive      time.Duration // after being ready this long, attempts are forgotten
	StoppedAgain time.Duration // a gateway that is stopped from outside twice within this time stays stopped
}

// LivenessPolicy is how long a gateway may be silent or away.
type LivenessPolicy struct {
	PortGone      time.Duration // a process whose port is closed for longer than this hangs
	AttachedGrace time.Duration // how long the owner of an attached gateway has to bring it back
	VerifyTimeout time.Duration // limit for each check of a silent gateway
	HangSilence   time.Duration // a process that is silent, and idle or stopped, for this long hangs
	BusySilence   time.Duration // a silent process that uses CPU hangs after this long
}

// CarePolicy is how a running gateway is looked after.
type CarePolicy struct {
	ReloadTooSoon time.Duration // a gateway that accepted us less than this ago has nothing to reload
	Debounce      time.Duration // automatic restarts within this time are made together
	Tend          time.Duration // time between two beats: periodic checks of a running gateway
	WakeQuiet     time.Duration // for this long after sleep no failure counts and nobody is notified
}

// DefaultPolicy returns the defaults.
func DefaultPolicy() Policy {
	return Policy{
		StartPolicy: StartPolicy{
			StartTries:  3,
			StartRetry:  time.Second,
			SoftStart:   90 * time.Second,
			HardStart:   10 * time.Minute,
			DoctorLimit: 120 * time.Second,
			AssumeReady: 30 * time.Second,
		},
		StopPolicy: StopPolicy{
			DrainStop:    20 * time.Second,
			DrainRestart: 60 * time.Second,
			Terminate:    5 * time.Second,
			QuitLimit:    30 * time.Second,
			LogoutLimit:  4 * time.Second,
		},
		RetryPolicy: RetryPolicy{
			Backoff:      Backoff{First: time.Second, Max: 30 * time.Second, Jitter: 0.2, Attempts: 10},
			Governor:     Governor{Cooldown: 2500 * time.Millisecond, MaxCooldown: 2 * time.Minute, Budget: 5, Window: 10 * time.Minute},
			RestartFloor: 5 * time.Second,
			ReadyForLong: 60 * time.Second,
			Forgive:      2 * time.Minute,
			StoppedAgain: 2 * time.Minute,
		},
		LivenessPolicy: LivenessPolicy{
			PortGone:      2 * time.Minute,
			AttachedGrace: 30 * time.Second,
			VerifyTimeout: 5 * time.Second,
			HangSilence:   60 * time.Second,
			BusySilence:   180 * time.Second,
		},
		CarePolicy: CarePolicy{
			ReloadTooSoon: 8 * time.Second,
			Debounce:      2 * time.Second,
			Tend:          30 * time.Second,
			WakeQuiet:     60 * time.Second,
		},
	}
}
