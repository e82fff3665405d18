package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"time"

	"github.com/gorilla/websocket"
)

// Protocol versions this package speaks. 2026.3 gateways speak 3, all later
// ones 4; each refuses a range without its own version (measured).
const (
	MinProtocol = 3
	MaxProtocol = 4
)

const (
	defaultChallengeTimeout = 10 * time.Second
	defaultConnectTimeout   = 20 * time.Second
	defaultCallTimeout      = 30 * time.Second

	// defaultMaxInFlight is a quarter of what a gateway takes from all its
	// clients together before it answers that it is busy (256, measured on 2026.8 and 2026.9).
	defaultMaxInFlight = 64

	// defaultMaxPayload is what every measured gateway names as policy.maxPayload, in bytes.
	defaultMaxPayload = 26214400

	// readSlack is how much more than the policy's maximum is read before the
	// connection is given up, in bytes: the policy may count the payload alone.
	readSlack = 1 << 20

	// maxConnectFrame is the most a gateway reads before hello, in bytes (measured: more is closed with 1009).
	maxConnectFrame = 64 << 10

	// socketBuffer is the size of the WebSocket's read and of its write buffer,
	// in bytes: a flood of small events is read in few system calls.
	socketBuffer = 16 << 10

	// defaultRetryAfter is how long to wait when a gateway says "not yet" but
	// not for how long. Gateways that do say, say 0.5 s to 1 s.
	defaultRetryAfter = 500 * time.Millisecond

	// maxStrayFrames is how many frames may come before the one that is due.
	maxStrayFrames = 1000
)

// Phase is how far a connection attempt has come.
type Phase int

// The phases of an attempt, in order.
const (
	PhaseOpened     Phase = iota + 1 // TCP connection and WebSocket upgrade done
	PhaseChallenged                  // connect.challenge received: it is a gateway
	PhaseAccepted                    // hello-ok received: the session is live
)

// String returns the phase's name.
func (p Phase) String() string {
	switch p {
	case PhaseOpened:
		return "opened"
	case PhaseChallenged:
		return "challenged"
	case PhaseAccepted:
		return "accepted"
	}
	return fmt.Sprintf("phase(%d)", int(p))
}

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

// Connect is Dial for callers without a retry policy of their own: while the
// gateway says that it is starting (KindStarting) it waits as long as the
// gateway asks and tries again, until ctx ends.
func Connect(ctx context.Context, o Options) (*Session, error) {
	for {
		s, err := Dial(ctx, o)
		var e *Error
		if !errors.As(err, &e) || e.Kind != KindStarting {
			return s, err
		}
		timer := time.NewTimer(e.RetryAfter)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err // says more than ctx.Err would
		}
	}
}

// Dial makes one attempt: TCP, WebSocket upgrade, connect.challenge, signed
// connect, hello-ok. It returns a live session or an [*Error].
//
// A device token that was kept is used first. When the gateway refuses it, it
// is cleared and the attempt goes on with Options.Token, once. A refused
// signature is retried once in the older v2 format. Each such step is a new
// connection, since the gateway closes the old one.
func Dial(ctx context.Context, o Options) (*Session, error) {
	o = o.withDefaults()
	u, err := url.Parse(o.URL)
	if err != nil || (u.Scheme != "ws" && u.Scheme != "wss") || u.Host == "" {
		return nil, &Error{Op: "dial", Kind: KindInvalidParams, Message: "the gateway's URL must look like ws://127.0.0.1:18789"}
	}
	a := &attempt{o: o, format: signatureV3}
	if o.Identity != nil && o.DeviceTokens != nil {
		a.tokenKey = o.Identity.DeviceID() + "@" + u.Host + "/" + o.Client.Role
		a.deviceToken, a.tokenErr = o.DeviceTokens.Load(a.tokenKey)
		o.Redactor.Add(a.deviceToken)
	}
	for {
		s, err := a.dial(ctx)
		if err == nil {
			return s, nil
		}
		if !a.another(err) {
			return nil, err
		}
	}
}

// attempt is what one Dial remembers between its connections.
type attempt struct {
	o           Options
	format      signatureFormat
	tokenKey    string // where the device token is kept; empty: nowhere
	deviceToken string
	tokenErr    error
}

// another decides whether a refused connection is worth one more, and changes
// the one thing that may help.
func (a *attempt) another(e *Error) bool {
	switch {
	case a.deviceToken != "" && RuleFor(e).ClearDeviceToken:
		a.deviceToken = ""
		a.tokenErr = errors.Join(a.tokenErr, a.o.DeviceTokens.Clear(a.tokenKey))
		return true
	case a.format == signatureV3 && a.o.Identity != nil && e.DetailsCode == "DEVICE_AUTH_SIGNATURE_INVALID":
		a.format = signatureV2
		return true
	}
	return false
}

// handshake is one connection on its way to become a session.
type handshake struct {
	*attempt
	ws   *websocket.Conn
	wire *wireConn
	buf  []byte
}

func (a *attempt) dial(ctx context.Context) (*Session, *Error) {
	h := &handshake{attempt: a}
	if err := h.open(ctx); err != nil {
		return nil, err
	}
	s, err := h.shake(ctx)
	if err != nil {
		_ = h.wire.Close()
		return nil, err
	}
	return s, nil
}

// open makes the TCP connection and the WebSocket upgrade.
func (h *handshake) open(ctx context.Context) *Error {
	ctx, cancel := context.WithTimeout(ctx, h.o.ChallengeTimeout)
	defer cancel()
	var stop func() bool
	dialer := websocket.Dialer{ // no Proxy: the gateway is on this machine, or on a configured one
		ReadBufferSize:  socketBuffer,
		WriteBufferSize: socketBuffer,
		NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := h.o.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			h.wire = newWireConn(conn)
			stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
			return h.wire, nil
		},
	}
	ws, resp, err := dialer.DialContext(ctx, h.o.URL, http.Header{"User-Agent": {h.o.Client.UserAgent}})
	if stop != nil && !stop() && err == nil {
		err = ctx.Err()
	}
	switch {
	case err != nil:
		return openError(ctx, resp, err)
	case resp.Header.Get("Sec-WebSocket-Extensions") != "":
		_ = h.wire.Close() // compression nobody offered would let small frames grow without bound
		return &Error{Op: "dial", Kind: KindNotGateway, Message: "the server switched on a WebSocket extension nobody offered"}
	}
	h.wire.upgraded()
	h.ws = ws
	ws.SetReadLimit(defaultMaxPayload + readSlack)
	h.o.OnPhase(PhaseOpened)
	return nil
}

// openError classifies a failed upgrade.
func openError(ctx context.Context, resp *http.Response, err error) *Error {
	if ctx.Err() != nil {
		return contextError("dial", ctx)
	}
	if resp == nil {
		if errors.Is(err, errUpgradeTooLong) {
			return &Error{Op: "dial", Kind: KindNotGateway, Err: err}
		}
		return &Error{Op: "dial", Kind: transportOrNotGateway(err), Err: err}
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxUnknown))
	e := &Error{Op: "dial", Kind: KindNotGateway, Code: fmt.Sprintf("HTTP_%d", resp.StatusCode), Message: "the WebSocket upgrade was answered with HTTP " + resp.Status, Err: err}
	if text := string(bytes.TrimSpace(body)); text != "" && resp.StatusCode == http.StatusServiceUnavailable {
		e.Message = text
	}
	if resp.StatusCode == http.StatusServiceUnavailable { // starting, stopping, or too many sockets (measured)
		e.Kind, e.Retryable, e.RetryAfter = KindStarting, true, defaultRetryAfter
	}
	return e
}

// transportOrNotGateway tells a broken connection from bytes that are not HTTP.
func transportOrNotGateway(err error) Kind {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		return KindTransport
	}
	return KindNotGateway
}

// shake goes from the open WebSocket to the live session.
func (h *handshake) shake(ctx context.Context) (*Session, *Error) {
	challenge, err := h.challenge(ctx)
	if err != nil {
		return nil, err
	}
	h.o.OnPhase(PhaseChallenged)
	if !h.o.TrustPeer && (h.o.Token != "" || h.deviceToken != "") {
		return nil, &Error{Op: "connect", Kind: KindUntrusted, Message: "a token is needed, but the listener is not proved to be the right gateway"}
	}
	payload, err := h.connect(ctx, challenge)
	if err != nil {
		return nil, err
	}
	return h.accept(payload)
}

// challenge is the payload of connect.challenge.
type challenge struct {
	Nonce string  `json:"nonce"`
	Ts    float64 `json:"ts"` // Unix time in milliseconds, the gateway's clock
}

func (h *handshake) challenge(ctx context.Context) (challenge, *Error) {
	var c challenge
	err := h.receive(ctx, "challenge", h.o.ChallengeTimeout, func(f frame) bool {
		if f.kind != frameEvent || string(f.name) != "connect.challenge" {
			return false
		}
		_ = json.Unmarshal(f.payload, &c)
		return true
	})
	switch {
	case err == nil && c.Nonce == "":
		return c, &Error{Op: "challenge", Kind: KindNotGateway, Message: "the challenge has no nonce"}
	case err != nil && errors.Is(err, errNoFrame) && ctx.Err() == nil:
		err.Kind = KindNotGateway // a WebSocket server, but it does not speak like a gateway
		err.Message = "no connect.challenge came"
	}
	return c, err
}

// connectParams is the connect request. Its schema is closed: the gateway
// refuses fields it does not know.
type connectParams struct {
	MinProtocol int           `json:"minProtocol"`
	MaxProtocol int           `json:"maxProtocol"`
	Client      connectClient `json:"client"`
	Role        string        `json:"role"`
	Scopes      []string      `json:"scopes"`
	Caps        []string      `json:"caps"`
	Locale      string        `json:"locale"`
	UserAgent   string        `json:"userAgent"`
	Auth        *connectAuth  `json:"auth,omitempty"`
	Device      *deviceProof  `json:"device,omitempty"`
}

type connectClient struct {
	ID           string `json:"id"`
	Version      string `json:"version"`
	Platform     string `json:"platform"`
	DeviceFamily string `json:"deviceFamily,omitempty"`
	Mode         string `json:"mode"`
}

type connectAuth struct {
	Token       string `json:"token,omitempty"`
	DeviceToken string `json:"deviceToken,omitempty"`
}

func (h *handshake) connectParams(c challenge) connectParams {
	who := h.o.Client
	p := connectParams{
		MinProtocol: MinProtocol, MaxProtocol: MaxProtocol,
		Client: connectClient{ID: who.ID, Version: who.Version, Platform: who.Platform, DeviceFamily: who.DeviceFamily, Mode: who.Mode},
		Role:   who.Role, Scopes: who.Scopes, Caps: []string{}, Locale: "en-US", UserAgent: who.UserAgent,
	}
	secret := h.deviceToken
	switch {
	case h.deviceToken != "":
		p.Auth = &connectAuth{DeviceToken: h.deviceToken}
	case h.o.Token != "":
		secret = h.o.Token
		p.Auth = &connectAuth{Token: h.o.Token}
	}
	if h.o.Identity != nil {
		proof := h.o.Identity.prove(h.format, who, secret, c)
		h.o.Redactor.Add(proof.Signature)
		p.Device = &proof
	}
	return p
}

// connect sends the request and returns the payload of hello-ok.
func (h *handshake) connect(ctx context.Context, c challenge) ([]byte, *Error) {
	params, err := json.Marshal(h.connectParams(c))
	if err != nil {
		return nil, &Error{Op: "connect", Kind: KindInvalidParams, Err: err}
	}
	request := appendRequest(nil, 1, "connect", params)
	if len(request) > maxConnectFrame {
		return nil, &Error{Op: "connect", Kind: KindInvalidParams, Message: "the connect request is larger than the gateway accepts"}
	}
	var got frame
	failed := h.during(ctx, "connect", h.o.ConnectTimeout, func() error {
		if h.o.Trace != nil {
			traceFrame(h.o, "sent", request)
		}
		// A failed write shows when reading, with the reason the gateway gave for closing.
		_ = h.ws.WriteMessage(websocket.TextMessage, request)
		return h.until(func(f frame) bool {
			got = f
			return f.kind == frameResponse && f.id == 1
		})
	})
	switch {
	case failed != nil:
		return nil, failed
	case !got.ok:
		return nil, connectError(got.err)
	}
	return got.payload, nil
}

// connectError is the gateway's answer to a connect it refused. Whatever makes
// it unavailable at this point is part of its start.
func connectError(raw []byte) *Error {
	e := answerError("connect", raw)
	if e.Code == "UNAVAILABLE" && e.Kind != KindDraining {
		e.Kind = KindStarting
	}
	if (e.Kind == KindStarting || e.Kind == KindDraining) && e.RetryAfter == 0 {
		e.RetryAfter = defaultRetryAfter
	}
	return e
}

var (
	errNoFrame     = errors.New("rpc: the frame that was due did not come")
	errStrayFrames = errors.New("rpc: too many other frames came instead of the one that was due")
)

// receive reads until match accepts a frame.
func (h *handshake) receive(ctx context.Context, op string, limit time.Duration, match func(frame) bool) *Error {
	return h.during(ctx, op, limit, func() error { return h.until(match) })
}

// until reads frames until match accepts one.
func (h *handshake) until(match func(frame) bool) error {
	for range maxStrayFrames {
		var err error
		if h.buf, err = readMessage(h.ws, h.buf); err != nil {
			return err
		}
		if h.o.Trace != nil {
			traceFrame(h.o, "received", h.buf)
		}
		if match(parseFrame(h.buf)) {
			return nil
		}
	}
	return errStrayFrames
}

// during runs one step of the handshake, which ends when ctx or the limit does.
func (h *handshake) during(ctx context.Context, op string, limit time.Duration, step func() error) *Error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = h.wire.Close() })
	err := step()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		e := contextError(op, ctx)
		e.Err = errors.Join(e.Err, errNoFrame)
		return e
	case errors.Is(err, errStrayFrames):
		return &Error{Op: op, Kind: KindNotGateway, Err: errors.Join(err, errNoFrame)}
	}
	return handshakeClosed(op, err)
}

// handshakeClosed is the error of a connection that ended before hello-ok.
func handshakeClosed(op string, err error) *Error {
	closed := closeErrorOf(err)
	e := &Error{Op: op, Kind: closeKind(closed.Code), Message: closed.Reason, CloseCode: closed.Code, Err: err}
	if e.Kind == KindStarting || e.Kind == KindDraining {
		e.Retryable, e.RetryAfter = true, defaultRetryAfter
	}
	return e
}

// accept makes the session of a hello-ok payload.
func (h *handshake) accept(payload []byte) (*Session, *Error) {
	hello, deviceToken, err := parseHello(payload)
	if err != nil {
		return nil, &Error{Op: "connect", Kind: KindProtocol, Err: err}
	}
	if hello.Protocol < MinProtocol || hello.Protocol > MaxProtocol {
		return nil, &Error{Op: "connect", Kind: KindProtocol,
			Message: fmt.Sprintf("the gateway chose protocol %d, we speak %d to %d", hello.Protocol, MinProtocol, MaxProtocol)}
	}
	h.keep(deviceToken)
	limit := min(max(hello.Policy.MaxPayload, defaultMaxPayload), maxReadLimit)
	h.ws.SetReadLimit(limit + readSlack)
	s := &Session{
		o: h.o, ws: h.ws, wire: h.wire, hello: hello,
		methods: make(map[string]bool, len(hello.Features.Methods)),
		slots:   make(chan struct{}, h.o.MaxInFlight),
		kick:    make(chan struct{}, 1),
		armed:   make(chan struct{}, 1),
		alive:   make(chan struct{}, 1),
		nextID:  1, // connect was 1
		pending: map[uint64]*call{},
		pongs:   map[uint64]chan struct{}{},
		names:   map[string]string{},
		ending:  make(chan struct{}),
		done:    make(chan struct{}),
	}
	if hello.Policy.MaxPayload > 0 {
		s.maxRequest = max(hello.Policy.MaxPayload-requestOverhead, 1)
	}
	for _, m := range hello.Features.Methods {
		s.methods[m] = true
	}
	s.record.tokenErr = h.tokenErr
	s.start(h.buf)
	h.o.OnPhase(PhaseAccepted)
	return s, nil
}

// maxReadLimit bounds what a policy can make us read in one frame, in bytes.
const maxReadLimit = 256 << 20

// keep stores the device token that came with a hello, when it is new.
func (h *handshake) keep(token string) {
	h.o.Redactor.Add(token)
	if h.tokenKey == "" || token == "" || token == h.deviceToken {
		return
	}
	h.tokenErr = errors.Join(h.tokenErr, h.o.DeviceTokens.Save(h.tokenKey, token))
}
