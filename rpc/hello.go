package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"
)

// Hello is what the gateway said when it accepted the connection (hello-ok).
// Every field may be empty: the gateway adds and drops keys between releases
// (measured: OpenClaw 2026.3.13 to 2026.9.6).
type Hello struct {
	Protocol int         `json:"protocol"` // negotiated wire protocol, 3 or 4
	Server   HelloServer `json:"server"`
	Features struct {
		Methods      []string `json:"methods"`
		Events       []string `json:"events"`
		Capabilities []string `json:"capabilities"` // from 2026.8 on
	} `json:"features"`
	Snapshot HelloSnapshot `json:"snapshot"`
	Auth     HelloAuth     `json:"auth"`
	Policy   HelloPolicy   `json:"policy"`
	// Raw is the whole payload, without the device token, for what is not named here.
	Raw json.RawMessage `json:"-"`
}

// HelloServer names the gateway that answered.
type HelloServer struct {
	Version string `json:"version"` // "2026.9.6"
	BootID  string `json:"bootId"`  // new at every start and in-process restart; empty before 2026.8
	ConnID  string `json:"connId"`
}

// HelloSnapshot is the gateway's state at the time of the hello. StateDir and
// ConfigPath tell a supervisor whether it reached its own child.
type HelloSnapshot struct {
	UptimeMs          int64           `json:"uptimeMs"` // of the process; does not restart in place
	AppliedConfigHash string          `json:"appliedConfigHash"`
	StateDir          string          `json:"stateDir"`
	ConfigPath        string          `json:"configPath"`
	AuthMode          string          `json:"authMode"` // "token", "none" ...
	Health            json.RawMessage `json:"health"`   // may be {}
	Presence          json.RawMessage `json:"presence"`
	Suspension        json.RawMessage `json:"suspension"`
}

// HelloAuth is what the connection may do.
type HelloAuth struct {
	Method string   `json:"method"`
	Role   string   `json:"role"`
	Scopes []string `json:"scopes"`
	// DeviceTokenIssued says that a device token came with this hello. The
	// token itself went to Options.DeviceTokens and nowhere else.
	DeviceTokenIssued bool `json:"-"`
}

// HelloPolicy is what the gateway asks of its clients.
type HelloPolicy struct {
	MaxPayload       int64 `json:"maxPayload"`       // bytes of one frame, either way
	MaxBufferedBytes int64 `json:"maxBufferedBytes"` // beyond it a slow client is closed
	TickIntervalMs   int64 `json:"tickIntervalMs"`   // a tick event comes this often
}

// Uptime is how long the gateway process has been running.
func (s HelloSnapshot) Uptime() time.Duration { return time.Duration(s.UptimeMs) * time.Millisecond }

// TickInterval is how often the gateway sends a tick event; 0 when unknown.
func (p HelloPolicy) TickInterval() time.Duration {
	return time.Duration(min(max(p.TickIntervalMs, 0), int64(24*time.Hour/time.Millisecond))) * time.Millisecond
}

// parseHello decodes a hello-ok payload leniently: a key of an unexpected type
// is left empty. It also returns the issued device token, if any.
func parseHello(payload []byte) (*Hello, string, error) {
	h := &Hello{}
	var extra struct {
		Type string `json:"type"`
		Auth struct {
			DeviceToken string `json:"deviceToken"`
		} `json:"auth"`
	}
	for _, target := range []any{h, &extra} {
		var wrongType *json.UnmarshalTypeError
		if err := json.Unmarshal(payload, target); err != nil && !errors.As(err, &wrongType) {
			return nil, "", err
		}
	}
	if extra.Type != "hello-ok" {
		return nil, "", errors.New("the answer to connect is not hello-ok")
	}
	token := extra.Auth.DeviceToken
	h.Auth.DeviceTokenIssued = token != ""
	h.Raw = bytes.Clone(payload)
	if quoted, _ := json.Marshal(token); token != "" {
		h.Raw = bytes.ReplaceAll(h.Raw, quoted, []byte(`"`+redacted+`"`))
	}
	return h, token, nil
}
