package supervisor

import (
	"log/slog"
	"time"

	"clawtray/rpc"
)

// Config is what a supervisor needs to know. The zero value of a field in
// Policy means its default.
type Config struct {
	Port    int    // of the gateway, on 127.0.0.1
	Version string // of clawtray, told to the gateway

	Policy Policy

	// OnReload, if any, is called when a reload of the configuration is asked for.
	// It must not block.
	OnReload func()
	// OnBeat, if any, is called about every Policy.Tend, when the program is awake
	// anyway. It must not block.
	OnBeat func()

	// Identity, if any, returns what signs a connection, and as problem why there is
	// none or why it is new (BEHAVIOUR B3). It is called for each connection.
	Identity     func() (id *rpc.Identity, problem string)
	DeviceTokens rpc.DeviceTokens
	Redact       *rpc.Redactor
	Log          *slog.Logger // nil is silent
	Trace        *slog.Logger // opt-in frame trace; nil is off
}

// Policy is every time, count and limit of the supervision, with the unit in
// its type. The defaults are what users of the Electron original know
// (BEHAVIOUR B to M).
type Policy struct {
	StartTries  int           // starts before giving up when the gateway was never ready
	StartRetry  time.Duration // between those tries
	SoftStart   time.Duration // after this a start is called slow
	HardStart   time.Duration // after this a start has failed
	DoctorLimit time.Duration // for `openclaw doctor --fix`
	AssumeReady time.Duration // gatewayReady where /readyz cannot tell

	DrainStop    time.Duration // wait for active work before a stop or quit
	DrainRestart time.Duration // and before a restart
	Terminate    time.Duration // from SIGTERM to SIGKILL
	QuitLimit    time.Duration // the whole ladder on quit
	LogoutLimit  time.Duration // the whole ladder at logout or shutdown

	Backoff      Backoff
	Governor     Governor
	RestartFloor time.Duration // automatic restarts keep this distance unless the gateway was ready for long
	ReadyForLong time.Duration // a gateway ready this long is restarted without delay
	Forgive      time.Duration // ready this long: attempts are forgotten
	StoppedAgain time.Duration // stopped from outside twice within this: it is wanted

	PortGone      time.Duration // process alive but its port closed for longer: hung
	AttachedGrace time.Duration // for the owner of an attached gateway to bring it back

	VerifyTimeout time.Duration // second-path check of a silent gateway
	BusySilence   time.Duration // how long a silent process that burns CPU is left alone

	ReloadTooSoon time.Duration // connected for less: nothing to reload
	Debounce      time.Duration // of programmatic restarts
	Tend          time.Duration // how often a quiet, running gateway is looked after (drift, readyz)
	WakeQuiet     time.Duration // after sleep: no failure counted, no toast
}

// DefaultPolicy returns the defaults.
func DefaultPolicy() Policy {
	return Policy{
		StartTries:    3,
		StartRetry:    time.Second,
		SoftStart:     90 * time.Second,
		HardStart:     10 * time.Minute,
		DoctorLimit:   120 * time.Second,
		AssumeReady:   30 * time.Second,
		DrainStop:     20 * time.Second,
		DrainRestart:  60 * time.Second,
		Terminate:     5 * time.Second,
		QuitLimit:     30 * time.Second,
		LogoutLimit:   4 * time.Second,
		Backoff:       Backoff{First: time.Second, Max: 30 * time.Second, Jitter: 0.2, Attempts: 10},
		Governor:      Governor{Cooldown: 2500 * time.Millisecond, MaxCooldown: 2 * time.Minute, Budget: 5, Window: 10 * time.Minute},
		RestartFloor:  5 * time.Second,
		ReadyForLong:  60 * time.Second,
		Forgive:       2 * time.Minute,
		StoppedAgain:  2 * time.Minute,
		PortGone:      2 * time.Minute,
		AttachedGrace: 30 * time.Second,
		VerifyTimeout: 5 * time.Second,
		BusySilence:   180 * time.Second,
		ReloadTooSoon: 8 * time.Second,
		Debounce:      2 * time.Second,
		Tend:          30 * time.Second,
		WakeQuiet:     60 * time.Second,
	}
}
