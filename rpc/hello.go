package rpc

import (
	"encoding/json"
	"errors"
	"regexp"
	"time"

	"clawtray/rpc/redact"
)

// Hello is what the gateway said when it accepted the connection (hello-ok). Every field
// may be empty, because releases of OpenClaw add and drop keys (measured, 2026.3.13 to
// 2026.9.6).
type Hello struct {
	Protocol int         `json:"protocol"` // version of the wire protocol, 3 or 4
	Server   HelloServer `json:"server"`
	Features struct {
		Methods      []string `json:"methods"`
		Events       []string `json:"events"`
		Capabilities []string `json:"capabilities"` // from 2026.8 on
	} `json:"features"`
	Snapshot HelloSnapshot `json:"snapshot"`
	Auth     HelloAuth     `json:"auth"`
	Policy   HelloPolicy   `json:"policy"`
	// Raw is the whole payload, for keys that have no field here. The device token in it
	// is replaced.
	Raw json.RawMessage `json:"-"`
}

// HelloServer names the gateway that answered.
type HelloServer struct {
	Version string `json:"version"` // "2026.9.6"
	BootID  string `json:"bootId"`  // new at every start, and at every restart within the process; empty before 2026.8
	ConnID  string `json:"connId"`  // names this connection
}

// HelloSnapshot is the gateway's state at the time of hello-ok. StateDir and ConfigPath
// tell which installation this is.
type HelloSnapshot struct {
	UptimeMs          int64           `json:"uptimeMs"`          // of the process, in milliseconds; a restart within the process does not reset it
	AppliedConfigHash string          `json:"appliedConfigHash"` // of the configuration that the gateway uses
	StateDir          string          `json:"stateDir"`          // path on the gateway's machine
	ConfigPath        string          `json:"configPath"`        // path of its openclaw.json
	AuthMode          string          `json:"authMode"`          // such as "token", "password" or "none"
	Health            json.RawMessage `json:"health"`            // in the shape of the event health; may be {}
	Presence          json.RawMessage `json:"presence"`          // in the shape of the event presence
	Suspension        json.RawMessage `json:"suspension"`
}

// HelloAuth is what the connection may do.
type HelloAuth struct {
	Method string   `json:"method"` // how the client signed in, such as "token"
	Role   string   `json:"role"`   // such as "operator"
	Scopes []string `json:"scopes"` // that were granted
	// DeviceTokenIssued says that a device token came with hello-ok. The token itself is
	// only in Credentials.DeviceTokens.
	DeviceTokenIssued bool `json:"-"`
}

// HelloPolicy is what the gateway asks of its clients.
type HelloPolicy struct {
	MaxPayload       int64 `json:"maxPayload"`       // largest message in either direction, in bytes
	MaxBufferedBytes int64 `json:"maxBufferedBytes"` // in bytes; the gateway closes a client that leaves more unread
	TickIntervalMs   int64 `json:"tickIntervalMs"`   // interval of tick events, in milliseconds
}

// Uptime is UptimeMs as a duration.
func (s HelloSnapshot) Uptime() time.Duration { return time.Duration(s.UptimeMs) * time.Millisecond }

// TickInterval is TickIntervalMs as a duration, at most 24 h; 0 when the gateway has not
// said it.
func (p HelloPolicy) TickInterval() time.Duration {
	return time.Duration(min(max(p.TickIntervalMs, 0), int64(24*time.Hour/time.Millisecond))) * time.Millisecond
}

// issuedToken finds the device token by its key. A search for the token's value would
// also remove words of the payload, should a gateway issue a common word as a token.
var issuedToken = regexp.MustCompile(`("deviceToken"\s*:\s*)"(?:[^"\\]|\\.)*"`)

// parseHello decodes a hello-ok payload. A key of an unexpected type leaves its field
// empty. It also returns the issued device token, if there is one.
func parseHello(payload []byte) (*Hello, string, error) {
	var ok struct {
		Hello
		Type string   `json:"type"`
		Auth struct { // is decoded instead of Hello.Auth
			HelloAuth
			DeviceToken string `json:"deviceToken"`
		} `json:"auth"`
	}
	var wrongType *json.UnmarshalTypeError
	if err := json.Unmarshal(payload, &ok); err != nil && !errors.As(err, &wrongType) {
		return nil, "", err
	}
	if ok.Type != "hello-ok" {
		return nil, "", errors.New("the answer to connect is not hello-ok")
	}
	h, token := &ok.Hello, ok.Auth.DeviceToken
	h.Auth = ok.Auth.HelloAuth
	h.Auth.DeviceTokenIssued = token != ""
	h.Raw = issuedToken.ReplaceAll(payload, []byte(`${1}"`+redact.Mark+`"`))
	return h, token, nil
}
