package openclaw

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Effective describes the Gateway that `openclaw gateway` would start for this user.
// Command line and clawtray's settings have priority; the rest is what OpenClaw itself
// decides from the environment, its .env files, openclaw.json and its defaults (BEHAVIOUR
// O). A [Reader] makes it. It never changes, and its slices must not be written to.
type Effective struct {
	Paths  Paths
	File   ConfigFile
	Mode   Given[string] // "local" or "remote"; empty when the file does not set it
	Remote Remote        // used when Mode is "remote"
	Listen Listen
	TLS    TLS
	UI     ControlUI
	SignIn SignIn
	Reload Reload
	Log    Given[string] // logging.file; empty when the file does not set it

	// Problems are values that OpenClaw will reject, or that were left out here. `clawtray
	// doctor` shows them.
	Problems []*ConfigError

	// Needs are the variables of the process to which the configuration refers.
	Needs []Variable

	// Secrets are all secrets of the configuration. The redactor needs them, because the
	// gateway may print any of them.
	Secrets Secrets
}

// Secrets is a list of secrets whose text form does not contain them (BEHAVIOUR K3).
type Secrets struct{ values []string }

// NewSecrets returns a list of the given secrets.
func NewSecrets(values ...string) Secrets { return Secrets{values} }

// Values returns the secrets themselves.
func (s Secrets) Values() []string { return slices.Clone(s.values) }

func (s Secrets) String() string               { return fmt.Sprintf("%d secrets", len(s.values)) }
func (s Secrets) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Format keeps the values out of every verb of package fmt.
func (s Secrets) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// Variable is an environment variable whose text form does not contain its value (BEHAVIOUR
// K3).
type Variable struct {
	Name  string
	value string
}

func (v Variable) String() string               { return v.Name }
func (v Variable) MarshalText() ([]byte, error) { return []byte(v.Name), nil }

// Format keeps the value out of every verb of package fmt.
func (v Variable) Format(f fmt.State, _ rune) { fmt.Fprint(f, v.Name) }

// Source says, for people, where a value comes from: "the command line", "clawtray's settings",
// "environment OPENCLAW_GATEWAY_PORT", "/home/u/.openclaw/.env: NAME", "openclaw.json: gateway.port".
type Source string

// The sources that are the same for every value.
const (
	SourceCommandLine Source = "the command line"
	SourceSettings    Source = "clawtray's settings"
	SourceDefault     Source = "default"
)

func environmentSource(name string) Source { return Source("environment " + name) }

// Given is a value, its source, and the values that it overrides.
type Given[T any] struct {
	Value  T
	Source Source
	Over   []Other
}

// Other is a value that another one overrides.
type Other struct {
	Value  string
	Source Source
}

// ConfigFile are the facts about openclaw.json as a file.
type ConfigFile struct {
	Exists  bool
	Foreign bool      // the file belongs to another user, so we must not change it
	Hash    string    // SHA-256 of the file without included files, in hexadecimal
	ModTime time.Time // when the file itself was changed
	Changed time.Time // when the file, or a file that it includes, was last changed
	Files   []string  // all files that were read, openclaw.json first

	HasGateway bool // the file has a section gateway
	HasMode    bool // the file has a gateway.mode
	// LastTouchedVersion is the version of OpenClaw that last wrote the file
	// (meta.lastTouchedVersion). An older OpenClaw refuses to start with the file
	// (measured, 2026.9.6).
	LastTouchedVersion string
}

// Settled reports whether openclaw.json and its included files have been unchanged for
// quiet, so that nobody is probably writing them at this moment (XW9).
func (f ConfigFile) Settled(now time.Time, quiet time.Duration) bool {
	return settled(f.Changed, now, quiet)
}

// LostSince says what has become of a file that was good before, such as "has no gateway.mode any
// more"; empty when nothing is lost (BEHAVIOUR Q4). The caller remembers before.
func (f ConfigFile) LostSince(before ConfigFile) string {
	switch {
	case before.Exists && !f.Exists:
		return "is not there any more"
	case before.HasGateway && !f.HasGateway:
		return "has no gateway section any more"
	case before.HasMode && !f.HasMode:
		return "has no gateway.mode any more"
	}
	return ""
}

// Remote is a Gateway on another machine.
type Remote struct {
	URL         string // ws or wss; with ssh, the local end of the tunnel
	SSH         bool   // the Gateway is reached through ssh, which OpenClaw's own clients start
	SSHTarget   string // user@host
	SSHKey      string // the key file; empty when ssh chooses
	Port        int    // the Gateway's port on the other machine; 0 means the port in URL
	Fingerprint string // SHA-256 of the certificate, 64 lower-case hexadecimal digits; empty means that the system decides whom to trust
	Token       Secret
	Password    Secret
}

// port returns the port in URL; 0 when there is none.
func (r Remote) port() int {
	u, err := url.Parse(r.URL)
	if err != nil || r.URL == "" {
		return 0
	}
	if port, err := strconv.Atoi(u.Port()); err == nil {
		return port
	}
	return map[string]int{"ws": 80, "wss": 443}[u.Scheme]
}

// Tunnel returns the command, for people, that connects URL to the remote Gateway
// (BEHAVIOUR O4). It returns nil when ssh is not used or the configuration does not name a
// host.
func (r Remote) Tunnel() []string {
	if !r.SSH || r.SSHTarget == "" || strings.HasPrefix(r.SSHTarget, "-") { // ssh would read it as an option
		return nil
	}
	near := strconv.Itoa(defaultPort)
	if u, err := url.Parse(r.URL); err == nil && u.Port() != "" {
		near = u.Port()
	}
	far := near
	if r.Port > 0 {
		far = strconv.Itoa(r.Port)
	}
	command := []string{"ssh", "-N", "-L", near + ":" + net.JoinHostPort(loopback, far)}
	if r.SSHKey != "" {
		command = append(command, "-i", r.SSHKey)
	}
	return append(command, r.SSHTarget)
}

// Listen is where the Gateway listens.
type Listen struct {
	Port       Given[int]
	Bind       Given[string] // loopback, lan, tailnet, auto or custom
	CustomHost string        // the IPv4 address when Bind is custom
}

// Hosts returns the addresses to dial from this machine, the best first. Every value of
// Bind includes loopback in OpenClaw 2026.9.6; with custom, older versions listened on that
// one address only.
func (l Listen) Hosts() []string {
	if l.Bind.Value == "custom" && l.CustomHost != "" && l.CustomHost != "0.0.0.0" {
		return []string{loopback, l.CustomHost}
	}
	return []string{loopback}
}

const loopback = "127.0.0.1"

// TLS says whether the Gateway uses TLS, and with which certificate.
type TLS struct {
	Enabled     bool
	CertPath    string // the certificate file; set when Enabled
	Fingerprint string // SHA-256 of the certificate, as in Remote; empty until the Gateway has created the certificate
}

// ErrWrongCertificate is the error of a TLS handshake with a certificate that is not the
// pinned one.
var ErrWrongCertificate = errors.New("the certificate is not the one that this gateway's configuration names")

// PinnedTLS returns a client configuration that accepts only the certificate with this
// SHA-256 fingerprint, whatever its signer and name are, because a Gateway signs its
// certificate itself.
func PinnedTLS(fingerprint string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // #nosec G402 -- VerifyConnection compares the certificate itself
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return ErrWrongCertificate
			}
			got := fingerprintOf(state.PeerCertificates[0])
			if subtle.ConstantTimeCompare([]byte(got), []byte(fingerprint)) != 1 {
				return fmt.Errorf("%w: it has the fingerprint %s", ErrWrongCertificate, got)
			}
			return nil
		},
	}
}

func fingerprintOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// ControlUI is the dashboard.
type ControlUI struct {
	Disabled bool
	BasePath Given[string] // "" or "/path", never with a slash at the end
}

// The ways of signing in.
const (
	SignInToken        = "token"
	SignInPassword     = "password"
	SignInNone         = "none"
	SignInTrustedProxy = "trusted-proxy"
)

// SignIn is how clients of the Gateway prove who they are.
type SignIn struct {
	Mode     Given[string]
	Token    Secret // used when Mode is token
	Password Secret // used when Mode is password; with trusted-proxy, clients on the same machine may use it
	// ambiguous means that openclaw.json has a token and a password and does not say which
	// of them to use.
	ambiguous bool
}

// Secret returns the secret that Mode needs. Its State is SecretAbsent when Mode is none.
func (s SignIn) Secret() Secret {
	switch s.Mode.Value {
	case SignInToken:
		return s.Token
	case SignInPassword, SignInTrustedProxy:
		return s.Password
	}
	return Secret{}
}

// Reload says how the Gateway handles changes of its configuration while it runs.
type Reload struct {
	Mode     Given[string]        // off, restart, hot or hybrid
	Debounce Given[time.Duration] // within 0..60 s
}

// DefaultReload returns OpenClaw's defaults, for a configuration that sets nothing or
// cannot be read (BEHAVIOUR E1).
func DefaultReload() Reload {
	return Reload{
		Mode:     Given[string]{Value: defaultReloadMode, Source: SourceDefault},
		Debounce: Given[time.Duration]{Value: defaultDebounce, Source: SourceDefault},
	}
}

// Fingerprint returns the SHA-256 of the expected certificate, and whether there is one.
func (e Effective) Fingerprint() (string, bool) {
	pin := e.TLS.Fingerprint
	if e.IsRemote() {
		pin = e.Remote.Fingerprint
	}
	return pin, pin != ""
}

// IsRemote reports whether the Gateway runs on another machine, so that none is started
// here.
func (e Effective) IsRemote() bool { return e.Mode.Value == "remote" }

// URL returns the address of the protocol: ws or wss with the first of Hosts, or the
// address of the remote Gateway.
func (e Effective) URL() string {
	if e.IsRemote() {
		return e.Remote.URL
	}
	return e.local("ws", "wss", "")
}

// HTTP returns the address of a path of the Gateway itself, such as "/healthz". It is empty
// when the address of a remote Gateway is invalid.
func (e Effective) HTTP(path string) string {
	if !e.IsRemote() {
		return e.local("http", "https", path)
	}
	u, err := url.Parse(e.Remote.URL)
	if err != nil || u.Host == "" {
		return ""
	}
	return strings.Replace(u.Scheme, "ws", "http", 1) + "://" + u.Host + path
}

// At returns e with another port, which overrides the port of e.
func (e Effective) At(port int, source Source) Effective {
	if port != e.Listen.Port.Value {
		e.Listen.Port = choose(Given[int]{Value: port, Source: source}, e.Listen.Port)
	}
	return e
}

// Credentials returns what a client sends to sign in: a token, a password, or neither.
func (e Effective) Credentials() (token, password string) {
	if e.IsRemote() {
		if token, known := e.Remote.Token.Value(); known {
			return token, ""
		}
		password, _ = e.Remote.Password.Value()
		return "", password
	}
	secret, _ := e.SignIn.Secret().Value()
	if e.SignIn.Mode.Value == SignInToken {
		return secret, ""
	}
	return "", secret
}

// Dashboard returns the address of the dashboard, without any secret. It is empty when
// there is no dashboard.
func (e Effective) Dashboard() string {
	if e.UI.Disabled {
		return ""
	}
	base := e.UI.BasePath.Value + "/"
	if !e.IsRemote() {
		return e.HTTP(base)
	}
	u, err := url.Parse(e.Remote.URL)
	if err != nil || u.Host == "" {
		return ""
	}
	u.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
	u.Path = base
	u.RawQuery, u.Fragment, u.User = "", "", nil
	return u.String()
}

func (e Effective) local(plain, secure, path string) string {
	scheme := plain
	if e.TLS.Enabled {
		scheme = secure
	}
	return scheme + "://" + net.JoinHostPort(e.Listen.Hosts()[0], strconv.Itoa(e.Listen.Port.Value)) + path
}

// ClientTLS returns the TLS configuration for dialing URL; nil for no TLS or for the
// system's trust. The error, a *ConfigError, means that the Gateway has not created its
// certificate yet, or that the certificate or the fingerprint cannot be read. In that case,
// do not send a secret.
func (e Effective) ClientTLS() (*tls.Config, error) {
	for _, problem := range e.Problems {
		if problem.Key == remotePinKey {
			return nil, problem
		}
	}
	switch {
	case e.IsRemote() && e.Remote.Fingerprint != "":
		return PinnedTLS(e.Remote.Fingerprint), nil
	case e.IsRemote() || !e.TLS.Enabled:
		return nil, nil
	case e.TLS.Fingerprint == "":
		return nil, &ConfigError{Kind: ConfigUnreadable, Path: e.TLS.CertPath, Err: errors.New("the gateway's certificate is not there yet")}
	}
	return PinnedTLS(e.TLS.Fingerprint), nil
}
