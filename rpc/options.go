package rpc

import (
	"context"
	"log/slog"
	"net"
	"runtime"
	"time"
)

// Options say where to connect, as whom, and how patiently. Zero values mean
// the defaults named.
type Options struct {
	URL   string // "ws://127.0.0.1:18789"; wss works too
	Token string // the shared gateway token; may be empty

	// TrustPeer says that whoever listens at URL is proved to be the caller's
	// own gateway, or was configured by the user (K4). Without it neither Token
	// nor a device token is sent: when one would be needed the attempt ends
	// after the challenge with KindUntrusted.
	TrustPeer bool

	Identity     *Identity    // the device's key; nil connects without a device
	DeviceTokens DeviceTokens // where issued device tokens are kept; nil keeps none
	Client       ClientInfo   // who we say we are

	// DialContext opens the TCP connection. The default dials directly: a
	// proxy is never used.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	OnPhase     func(Phase) // called on the dialling goroutine

	ChallengeTimeout time.Duration // for the upgrade, and again for the challenge; 10 s
	ConnectTimeout   time.Duration // for the answer to connect; 20 s
	CallTimeout      time.Duration // for the answer to a call; 30 s
	PingInterval     time.Duration // silence before a ping, and between pings; 30 s, Windows 60 s
	PongTimeout      time.Duration // for any sign of life after a ping; 12 s, Windows 25 s
	MaxMisses        int           // pings without an answer until Unresponsive; 3, Windows 5
	MaxInFlight      int           // calls in flight, the rest wait their turn; 64

	// OnSilence is called when the number of missed pings changes. It runs on
	// the session's own goroutine: it must return soon and must not call Close or Abort.
	OnSilence func(Silence)

	Trace    *slog.Logger // gets every frame, redacted, at debug level; nil is off
	Redactor *Redactor    // knows the secrets of logs and traces; default: one that knows this connection's
}

// String names the gateway, never the token.
func (o Options) String() string { return "options for " + o.URL }

// GoString keeps the token out of %#v.
func (o Options) GoString() string { return o.String() }

// ClientInfo is how the client introduces itself. The gateway accepts only
// certain values of ID and Mode (measured, 2026.9.6).
type ClientInfo struct {
	ID           string   // "gateway-client"
	Version      string   // "dev"
	Platform     string   // "linux", "darwin", "win32"
	DeviceFamily string   // empty
	Mode         string   // "ui" with an Identity, else "backend": the modes that get their scopes in all versions that give them
	Role         string   // "operator"
	Scopes       []string // all operator scopes
	UserAgent    string   // "<ID>/<Version>"
}

// withDefaults returns o with all defaults filled in.
func (o Options) withDefaults() Options {
	setDefault(&o.ChallengeTimeout, defaultChallengeTimeout)
	setDefault(&o.ConnectTimeout, defaultConnectTimeout)
	setDefault(&o.CallTimeout, defaultCallTimeout)
	setDefault(&o.PingInterval, defaultPingInterval)
	setDefault(&o.PongTimeout, defaultPongTimeout)
	setDefault(&o.MaxMisses, defaultMaxMisses)
	setDefault(&o.MaxInFlight, defaultMaxInFlight)
	c := &o.Client
	mode, platform := "backend", runtime.GOOS
	if o.Identity != nil {
		mode = "ui"
	}
	if platform == "windows" {
		platform = "win32" // what Node calls it
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
	if o.DialContext == nil {
		o.DialContext = (&net.Dialer{KeepAlive: -1}).DialContext // pings tell more than TCP's keep-alive
	}
	if o.OnPhase == nil {
		o.OnPhase = func(Phase) {}
	}
	if o.Redactor == nil {
		o.Redactor = NewRedactor()
	}
	o.Redactor.Add(o.Token)
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
