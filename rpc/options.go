package rpc

import (
	"log/slog"
	"runtime"
	"time"

	"clawtray/rpc/redact"
)

// Options say which gateway to connect to, as whom, and how patiently. Only
// Gateway.URL is required; every other zero value means the default named there.
type Options struct {
	Gateway     Gateway     // where the gateway is, and why it may be trusted
	Credentials Credentials // what the client signs in with; empty for a gateway that asks for nothing
	Client      ClientInfo  // how the client introduces itself
	Limits      Limits      // timeouts, and how many calls at once

	// OnPhase is called on the goroutine that dials, at each step of an attempt.
	// nil is not called.
	OnPhase func(Phase)

	// OnSession is called on the goroutine that dials, after the gateway has
	// accepted the connection and before any event is read from it. A caller who
	// subscribes here sees every event. It gets the session that Dial returns
	// afterwards. It must return soon, and it must not wait for a call or use Close
	// or Abort: the session reads nothing until it has returned.
	OnSession func(*Session)

	// OnSilence is called when the number of missed pings changes. It runs on a
	// goroutine of the session: it must return soon and must not use Close or Abort.
	OnSilence func(Silence)

	// Trace gets every frame at debug level, without its secrets. nil traces nothing.
	Trace *slog.Logger

	// Redactor removes secrets from traces and from Stats, and learns those of this
	// connection. nil makes one for this connection alone.
	Redactor *redact.Redactor
}

// String names the gateway and never shows a secret.
func (o Options) String() string { return "options for " + o.Gateway.String() }

// GoString keeps secrets out of %#v.
func (o Options) GoString() string { return o.String() }

// Credentials are what the client signs in with. Set Token or Password, not both.
type Credentials struct {
	// Token is the shared secret of the gateway (gateway.auth.token in OpenClaw's
	// configuration).
	Token string

	// Password is what a gateway in password mode asks for, and what a gateway
	// behind a trusted proxy accepts from its own machine.
	Password string

	// Identity is the key of this device. nil connects without a device.
	Identity *Identity

	// DeviceTokens keeps the tokens that gateways issue to this device, and gives
	// back the one to use first. nil keeps none.
	DeviceTokens DeviceTokens
}

// String says nothing about the secrets.
func (Credentials) String() string { return "credentials" }

// GoString keeps secrets out of %#v.
func (c Credentials) GoString() string { return c.String() }

// Limits bound how long the client waits and how much it asks at once. Dial
// refuses negative values, and durations over 10 years, with KindInvalidParams.
type Limits struct {
	ChallengeTimeout time.Duration // for the WebSocket upgrade, and again for the challenge; default 10 s
	ConnectTimeout   time.Duration // for the answer to connect; default 20 s
	CallTimeout      time.Duration // for a call, including its wait for a turn; default 30 s

	// PingInterval is the silence after which a ping is sent, and the time between
	// pings while the silence lasts; default 30 s, on Windows 60 s.
	PingInterval time.Duration
	// PongTimeout is how long after a ping something must arrive; default 12 s, on
	// Windows 25 s.
	PongTimeout time.Duration

	// MaxInFlight is how many calls may wait for an answer; further calls wait for
	// their turn. Default 64.
	MaxInFlight int
}

// ClientInfo is how the client introduces itself. The gateway accepts only
// certain values of ID and Mode (measured on OpenClaw 2026.9.6).
type ClientInfo struct {
	ID           string   // default "gateway-client"
	Version      string   // default "dev"
	Platform     string   // default "linux", "darwin" or "win32", as Node names the system
	DeviceFamily string   // default empty
	Mode         string   // default "ui" with an Identity, otherwise "backend"; in these modes gateways grant the scopes that are asked for
	Role         string   // default "operator"
	Scopes       []string // default all operator scopes: read, write, admin, approvals and pairing
	Caps         []string // what the client can do beyond the basics; default none
	UserAgent    string   // default "<ID>/<Version>"
}

// maxPatience bounds every duration of Limits, so that sums of them cannot overflow.
const maxPatience = 10 * 365 * 24 * time.Hour

// check says what is wrong in o that no default can mend.
func (o Options) check() *Error {
	_, wrong := o.Gateway.parse()
	switch {
	case wrong != "":
	case o.Credentials.Identity != nil && !o.Credentials.Identity.usable():
		wrong = "Credentials.Identity holds no key: use NewIdentity or LoadOrCreateIdentity"
	case o.Credentials.Token != "" && o.Credentials.Password != "":
		wrong = "Credentials.Token and Credentials.Password exclude each other"
	default:
		wrong = o.Limits.wrong()
	}
	if wrong == "" {
		return nil
	}
	return &Error{Op: "dial", Kind: KindInvalidParams, Message: wrong}
}

// wrong says which limit makes no sense, or "".
func (l Limits) wrong() string {
	for name, d := range map[string]time.Duration{"ChallengeTimeout": l.ChallengeTimeout, "ConnectTimeout": l.ConnectTimeout,
		"CallTimeout": l.CallTimeout, "PingInterval": l.PingInterval, "PongTimeout": l.PongTimeout} {
		if d < 0 || d > maxPatience {
			return "Limits." + name + " must be between 0, which means the default, and 10 years"
		}
	}
	if l.MaxInFlight < 0 {
		return "Limits.MaxInFlight must not be negative"
	}
	return ""
}

// withDefaults returns o with all defaults filled in.
func (o Options) withDefaults() Options {
	o.Limits = o.Limits.withDefaults()
	o.Client = o.Client.withDefaults(o.Credentials.Identity != nil)
	if o.OnPhase == nil {
		o.OnPhase = func(Phase) {}
	}
	if o.OnSession == nil {
		o.OnSession = func(*Session) {}
	}
	if o.OnSilence == nil {
		o.OnSilence = func(Silence) {}
	}
	if o.Redactor == nil {
		o.Redactor = redact.New()
	}
	o.Redactor.Add(o.Credentials.Token, o.Credentials.Password)
	return o
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.ChallengeTimeout, defaultChallengeTimeout)
	setDefault(&l.ConnectTimeout, defaultConnectTimeout)
	setDefault(&l.CallTimeout, defaultCallTimeout)
	setDefault(&l.PingInterval, defaultPingInterval)
	setDefault(&l.PongTimeout, defaultPongTimeout)
	setDefault(&l.MaxInFlight, defaultMaxInFlight)
	return l
}

func (c ClientInfo) withDefaults(device bool) ClientInfo {
	mode, platform := "backend", runtime.GOOS
	if device {
		mode = "ui"
	}
	if platform == "windows" {
		platform = "win32" // Node's name for it
	}
	setDefault(&c.ID, "gateway-client")
	setDefault(&c.Version, "dev")
	setDefault(&c.Platform, platform)
	setDefault(&c.Mode, mode)
	setDefault(&c.Role, "operator")
	setDefault(&c.UserAgent, c.ID+"/"+c.Version)
	if c.Scopes == nil {
		c.Scopes = []string{"operator.read", "operator.write", "operator.admin", "operator.approvals", "operator.pairing"}
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
