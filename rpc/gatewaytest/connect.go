package gatewaytest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// signatureAge is how old a device signature may be. Real gateways accept 90 s and refuse
// 10 min (measured).
const signatureAge = 2 * time.Minute

// connectParams are the params of a connect request. Like the real gateway, the fake one
// refuses a request with other keys.
type connectParams struct {
	MinProtocol int `json:"minProtocol"`
	MaxProtocol int `json:"maxProtocol"`
	Client      struct {
		ID           string `json:"id"`
		Version      string `json:"version"`
		Platform     string `json:"platform"`
		DeviceFamily string `json:"deviceFamily"`
		Mode         string `json:"mode"`
		DisplayName  string `json:"displayName"`
		InstanceID   string `json:"instanceId"`
	} `json:"client"`
	Role      string   `json:"role"`
	Scopes    []string `json:"scopes"`
	Caps      []string `json:"caps"`
	Commands  []string `json:"commands"`
	Locale    string   `json:"locale"`
	UserAgent string   `json:"userAgent"`
	Auth      struct {
		Token       string `json:"token"`
		DeviceToken string `json:"deviceToken"`
		Password    string `json:"password"`
	} `json:"auth"`
	Device *device `json:"device"`

	Permissions map[string]bool `json:"permissions"`
	PathEnv     string          `json:"pathEnv"`
}

type device struct {
	ID        string `json:"id"`
	PublicKey string `json:"publicKey"`
	Signature string `json:"signature"`
	SignedAt  int64  `json:"signedAt"`
	Nonce     string `json:"nonce"`
}

var (
	clientIDs = []string{"webchat-ui", "openclaw-control-ui", "openclaw-browser-copilot", "openclaw-tui", "webchat", "cli", "gateway-client",
		"openclaw-macos", "openclaw-linux", "openclaw-ios", "openclaw-watchos", "openclaw-android", "node-host", "openclaw-worker", "test", "fingerprint", "openclaw-probe"}
	clientModes = []string{"webchat", "cli", "ui", "backend", "node", "worker", "probe", "test"}
)

// handshake sends the challenge and answers connect. It reports false when the connection
// is to be closed.
func (gw *Gateway) handshake(c *Conn) bool {
	timer := time.AfterFunc(gw.cfg.Timing.Handshake, func() { c.Close(websocket.CloseNormalClosure, "") })
	defer timer.Stop()
	if !gw.pause(gw.cfg.Timing.ChallengeDelay) {
		return false
	}
	c.nonce = randomID()
	if !gw.cfg.Quirks.NoChallenge {
		challenge := map[string]any{"nonce": c.nonce, "ts": gw.now().UnixMilli()}
		if !gw.cfg.Quirks.NoBootID {
			challenge["capabilities"] = []string{"model-catalog-snapshot"}
		}
		c.Emit("connect.challenge", challenge)
	} else if gw.cfg.Quirks.CloseInstead != 0 {
		c.Close(gw.cfg.Quirks.CloseInstead, "")
		return false
	}
	c.ws.SetReadLimit(maxBeforeHello)
	_, b, err := c.ws.ReadMessage()
	if err != nil {
		return false
	}
	var e envelope
	if json.Unmarshal(b, &e) != nil {
		c.Close(websocket.CloseNormalClosure, "")
		return false
	}
	if e.Type != "req" || len(e.ID) == 0 || e.Method == "" {
		c.Close(websocket.ClosePolicyViolation, "invalid request frame")
		return false
	}
	if e.Method != "connect" {
		failed := &Error{Code: "INVALID_REQUEST", Message: "invalid handshake: first request must be connect"}
		c.answer(e.ID, nil, failed)
		c.Close(websocket.ClosePolicyViolation, failed.Message)
		return false
	}
	gw.record(Request{Conn: c, ID: e.ID, Method: e.Method, Params: e.Params, At: time.Now()})
	if !gw.pause(gw.cfg.Timing.HelloDelay) {
		return false
	}
	if gw.cfg.Quirks.CloseInstead != 0 {
		c.Close(gw.cfg.Quirks.CloseInstead, "")
		return false
	}
	return gw.decide(c, e, timer)
}

func (gw *Gateway) now() time.Time { return time.Now().Add(gw.cfg.Timing.ClockSkew) }

// pause waits for d. It reports false when the gateway is being closed.
func (gw *Gateway) pause(d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-gw.life.ctx.Done():
		return false
	}
}

// decide answers connect. It stops the timer of the handshake before it writes the answer,
// because writing may take long.
func (gw *Gateway) decide(c *Conn, e envelope, timer *time.Timer) bool {
	p, failed, code := gw.check(c, e)
	if failed != nil {
		reason := failed.Message
		if code == websocket.CloseTryAgainLater {
			reason = "gateway starting"
		}
		c.answer(e.ID, nil, failed)
		c.Close(code, reason)
		return false
	}
	hello := gw.hello(c, p)
	timer.Stop()
	c.mu.Lock() // so that a test that finds the connection in Conns writes after hello-ok
	defer c.mu.Unlock()
	gw.set(func() { gw.sockets.connected[c] = struct{}{} })
	c.write(map[string]any{"type": "res", "id": e.ID, "ok": true, "payload": hello})
	c.hello = true
	c.greet()
	return true
}

// greet sends the events that directly follow hello-ok: presence and then health, or only
// health before 2026.8 (measured). The caller holds c.mu.
func (c *Conn) greet() {
	if c.gw.cfg.Quirks.Quiet {
		return
	}
	if !c.gw.cfg.Quirks.OldProbes {
		c.emit("presence", map[string]any{"presence": []any{}})
	}
	c.emit("health", healthSnapshot())
}

// check returns the params of a connect, or why it is refused and with which close code.
func (gw *Gateway) check(c *Conn, e envelope) (*connectParams, *Error, int) {
	if gw.snapshot().starting {
		return nil, &Error{Code: "UNAVAILABLE", Message: "gateway starting; retry shortly", Retryable: true,
			RetryAfterMs: gw.cfg.Timing.RetryAfter.Milliseconds(), Details: map[string]any{"reason": "startup-sidecars"}}, websocket.CloseTryAgainLater
	}
	if gw.cfg.Hooks.OnConnect != nil {
		if failed, code := gw.cfg.Hooks.OnConnect(&Request{Conn: c, ID: e.ID, Method: e.Method, Params: e.Params, At: time.Now()}); failed != nil {
			return nil, failed, code
		}
	}
	p := &connectParams{}
	d := json.NewDecoder(bytes.NewReader(e.Params))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return nil, refuse("invalid connect params: at root: "+err.Error(), nil), websocket.ClosePolicyViolation
	}
	if p.MinProtocol > gw.cfg.Protocol || p.MaxProtocol < gw.cfg.Protocol {
		details := map[string]any{"expectedProtocol": gw.cfg.Protocol}
		if gw.cfg.Protocol > 3 {
			details = map[string]any{"code": "PROTOCOL_MISMATCH", "clientMinProtocol": p.MinProtocol, "clientMaxProtocol": p.MaxProtocol,
				"expectedProtocol": gw.cfg.Protocol, "minimumProbeProtocol": 3}
		}
		return nil, refuse("protocol mismatch", details), websocket.CloseProtocolError
	}
	for _, check := range []func(*Conn, *connectParams) *Error{gw.checkClient, gw.checkToken, gw.checkDevice, gw.checkPairing} {
		if failed := check(c, p); failed != nil {
			return nil, failed, websocket.ClosePolicyViolation
		}
	}
	return p, nil, 0
}

func refuse(message string, details any) *Error {
	return &Error{Code: "INVALID_REQUEST", Message: message, Details: details}
}

func refuseCode(message, code string) *Error { return refuse(message, map[string]any{"code": code}) }

func (gw *Gateway) checkClient(c *Conn, p *connectParams) *Error {
	switch {
	case !slices.Contains(clientIDs, p.Client.ID):
		return refuse("invalid connect params: at /client/id: must be equal to one of the allowed values", nil)
	case !slices.Contains(clientModes, p.Client.Mode):
		return refuse("invalid connect params: at /client/mode: must be equal to one of the allowed values", nil)
	case p.Client.Version == "" || p.Client.Platform == "":
		return refuse("invalid connect params: at /client: must have required property 'version'", nil)
	case c.origin != "":
		return refuseCode("origin not allowed", "CONTROL_UI_ORIGIN_NOT_ALLOWED")
	}
	return nil
}

func (gw *Gateway) checkToken(_ *Conn, p *connectParams) *Error {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	sent := p.Auth.Token
	if sent == "" {
		sent = p.Auth.DeviceToken
	}
	ofDevice := p.Device != nil && sent != "" && gw.devices.tokens[p.Device.ID] == sent
	switch {
	case ofDevice:
		return nil
	case gw.cfg.Password != "":
		return gw.checkPassword(p.Auth.Password)
	case gw.state.token == "":
		return nil
	case sent == "" && p.Device == nil:
		return &Error{Code: "NOT_PAIRED", Message: "device identity required", Details: map[string]any{"code": "DEVICE_IDENTITY_REQUIRED"}}
	case sent == "":
		return refuseCode("unauthorized: gateway token missing (provide gateway auth token)", "AUTH_TOKEN_MISSING")
	case p.Auth.Token == gw.state.token:
		return nil
	case p.Auth.Token == "":
		return refuseCode("unauthorized: device token mismatch (rotate/reissue device token)", "AUTH_DEVICE_TOKEN_MISMATCH")
	}
	_, canRetry := gw.devices.tokens[deviceID(p)]
	return refuse("unauthorized: gateway token mismatch (provide gateway auth token)",
		map[string]any{"code": "AUTH_TOKEN_MISMATCH", "canRetryWithDeviceToken": canRetry, "recommendedNextStep": "update_auth_credentials"})
}

func (gw *Gateway) checkPassword(sent string) *Error {
	switch sent {
	case gw.cfg.Password:
		return nil
	case "":
		return refuseCode("unauthorized: gateway password missing (enter the password in Control UI settings)", "AUTH_PASSWORD_MISSING")
	}
	return refuseCode("unauthorized: gateway password mismatch (enter the password in Control UI settings)", "AUTH_PASSWORD_MISMATCH")
}

func deviceID(p *connectParams) string {
	if p.Device == nil {
		return ""
	}
	return p.Device.ID
}

func (gw *Gateway) checkDevice(c *Conn, p *connectParams) *Error {
	d := p.Device
	if d == nil {
		return nil
	}
	key, err := base64.RawURLEncoding.DecodeString(d.PublicKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return refuseCode("device public key invalid", "DEVICE_AUTH_PUBLIC_KEY_INVALID")
	}
	sum := sha256.Sum256(key)
	age := gw.now().Sub(time.UnixMilli(d.SignedAt))
	switch {
	case hex.EncodeToString(sum[:]) != d.ID:
		return refuseCode("device identity mismatch", "DEVICE_AUTH_DEVICE_ID_MISMATCH")
	case age > signatureAge || age < -signatureAge:
		return refuseCode("device signature expired", "DEVICE_AUTH_SIGNATURE_EXPIRED")
	case d.Nonce == "":
		return refuseCode("device nonce required", "DEVICE_AUTH_NONCE_REQUIRED")
	case d.Nonce != c.nonce:
		return refuseCode("device nonce mismatch", "DEVICE_AUTH_NONCE_MISMATCH")
	case gw.cfg.Quirks.RefuseSignatures || !gw.signed(p, key):
		return refuseCode("device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID")
	}
	return nil
}

// signed reports whether the signature is valid in one of the two formats.
func (gw *Gateway) signed(p *connectParams, key []byte) bool {
	signature, err := base64.RawURLEncoding.DecodeString(p.Device.Signature)
	if err != nil {
		return false
	}
	token := p.Auth.Token
	if token == "" {
		token = p.Auth.DeviceToken
	}
	v2 := fmt.Sprintf("v2|%s|%s|%s|%s|%s|%d|%s|%s", p.Device.ID, p.Client.ID, p.Client.Mode, p.Role,
		strings.Join(p.Scopes, ","), p.Device.SignedAt, token, p.Device.Nonce)
	v3 := fmt.Sprintf("v3%s|%s|%s", v2[2:], lower(p.Client.Platform), lower(p.Client.DeviceFamily))
	return ed25519.Verify(key, []byte(v2), signature) || !gw.cfg.Quirks.V2Only && ed25519.Verify(key, []byte(v3), signature)
}

func lower(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// pairingRequest waits for a person who approves a device.
type pairingRequest struct {
	id string
	at time.Time
}

// pairingExpires is how long a request of a device stays valid (OpenClaw 2026.6.11 to
// 2026.9.6; the newer one begins again at each sign-in).
const pairingExpires = 5 * time.Minute

func (gw *Gateway) checkPairing(_ *Conn, p *connectParams) *Error {
	if p.Device == nil {
		return nil
	}
	gw.mu.Lock()
	defer gw.mu.Unlock()
	if gw.cfg.Pairing && !gw.devices.paired[p.Device.ID] {
		request, known := gw.devices.asked[p.Device.ID]
		if !known || time.Since(request.at) > pairingExpires {
			request = pairingRequest{randomID(), time.Now()}
			gw.devices.asked[p.Device.ID] = request
		}
		return &Error{Code: "NOT_PAIRED", Message: "pairing required", Details: map[string]any{"code": "PAIRING_REQUIRED", "requestId": request.id}}
	}
	gw.devices.paired[p.Device.ID] = true
	return nil
}

// hello builds the hello-ok payload.
func (gw *Gateway) hello(c *Conn, p *connectParams) map[string]any {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	server := map[string]any{"version": gw.cfg.Version, "connId": randomID()}
	if !gw.cfg.Quirks.NoBootID {
		server["bootId"], server["buildId"] = gw.state.bootID, "test"
	}
	tick := gw.cfg.Policy.Tick
	if tick == 0 {
		tick = 30 * time.Second
	}
	hello := map[string]any{
		"type": "hello-ok", "protocol": gw.cfg.Protocol, "server": server,
		"features": map[string]any{"methods": gw.advertised(), "events": events},
		"snapshot": map[string]any{
			"presence": []any{}, "health": map[string]any{}, "stateVersion": map[string]any{"presence": 1, "health": 1},
			"uptimeMs": time.Since(gw.state.started).Milliseconds(), "appliedConfigHash": "hash-1",
			"configPath": gw.cfg.Place.ConfigPath, "stateDir": gw.cfg.Place.StateDir, "authMode": gw.authMode(),
		},
		"policy": map[string]any{"maxPayload": gw.cfg.Policy.MaxPayload, "maxBufferedBytes": 2 * gw.cfg.Policy.MaxPayload, "tickIntervalMs": tick.Milliseconds()},
	}
	c.scopes = map[string]bool{}
	for _, scope := range p.Scopes {
		c.scopes[scope] = p.Device != nil || p.Client.Mode == "backend" && gw.cfg.Protocol > 3
	}
	if gw.cfg.Protocol > 3 || p.Device != nil {
		hello["auth"] = gw.helloAuth(c, p)
	}
	if gw.cfg.Hooks.Hello != nil {
		gw.cfg.Hooks.Hello(hello)
	}
	return hello
}

// helloAuth is the field auth of hello-ok. It holds a device token when the real gateway
// issues one. The caller holds gw.mu.
func (gw *Gateway) helloAuth(c *Conn, p *connectParams) map[string]any {
	scopes := []string{}
	for _, scope := range p.Scopes {
		if c.scopes[scope] {
			scopes = append(scopes, scope)
		}
	}
	auth := map[string]any{"method": gw.authMode(), "role": p.Role, "scopes": scopes}
	if p.Device != nil && p.Client.Mode == "ui" {
		if gw.devices.tokens[p.Device.ID] == "" {
			gw.devices.tokens[p.Device.ID] = "device-" + randomID()
		}
		auth["deviceToken"], auth["issuedAtMs"] = gw.devices.tokens[p.Device.ID], time.Now().UnixMilli()
	}
	return auth
}

func (gw *Gateway) authMode() string {
	switch {
	case gw.cfg.Password != "":
		return "password"
	case gw.state.token == "":
		return "none"
	}
	return "token"
}
