package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// The protocol versions that this package speaks. OpenClaw 2026.3 speaks 3, later
// versions speak 4; a gateway refuses a client that does not offer its version
// (measured).
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

	// readSlack is how many bytes a message may have beyond the policy's maximum
	// before the session ends. The policy may count the payload alone, without the
	// envelope around it.
	readSlack = 1 << 20

	// maxFrame bounds one message, in bytes, whatever the policy says, because a
	// message may need twice its size in memory.
	maxFrame = 32 << 20

	// maxConnectFrame is the largest message, in bytes, that a gateway reads before
	// hello. It answers a larger one with close code 1009 (measured).
	maxConnectFrame = 64 << 10

	// readBuffer and writeBuffer are the sizes of the WebSocket's buffers, in bytes.
	// They are large enough to read many small events with one system call, and
	// small enough that a connection needs little memory.
	readBuffer  = 32 << 10
	writeBuffer = 8 << 10

	// defaultRetryAfter is the wait before the next attempt when a starting gateway
	// names none. Gateways that name one ask for 0.5 s to 1 s (measured).
	defaultRetryAfter = 500 * time.Millisecond

	// minRetryAfter is the shortest wait of Connect between attempts, also when a
	// gateway asks for less.
	minRetryAfter = 100 * time.Millisecond

	// maxStrayFrames is how many other frames the handshake skips while it waits for
	// the one that is due.
	maxStrayFrames = 1000
)

// Phase is how far a connection attempt has come.
type Phase int

// The phases of an attempt, in order.
const (
	PhaseOpened     Phase = iota + 1 // the TCP connection and the WebSocket are open
	PhaseChallenged                  // connect.challenge has come, so this is a gateway
	PhaseAccepted                    // hello-ok has come, so the session lives
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

// Connect is [Dial] for callers that have no retry policy of their own. While the
// gateway says that it is starting (KindStarting), Connect waits as long as the
// gateway asks, at least 100 ms and at most 1 min, and tries again. When ctx ends
// during such a wait, the error is that of the last attempt.
func Connect(ctx context.Context, o Options) (*Session, error) {
	for {
		s, err := Dial(ctx, o)
		var e *Error
		if !errors.As(err, &e) || e.Kind != KindStarting {
			return s, err
		}
		timer := time.NewTimer(max(e.RetryAfter, minRetryAfter))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err // it says more than ctx.Err
		}
	}
}

// Dial makes one attempt: TCP, WebSocket upgrade, connect.challenge, signed
// connect, hello-ok. It returns a live session or an [*Error]. ctx bounds the
// attempt; it does not end a session that Dial has returned.
//
// Dial first uses a device token from Credentials.DeviceTokens. When the gateway
// refuses that token, Dial clears it and tries once more with Credentials.Token or
// Password. When the gateway refuses the signature, Dial tries once more with a
// signature in the older format v2. Each of these tries is a new connection, because
// the gateway closes a connection that it has refused.
func Dial(ctx context.Context, o Options) (*Session, error) {
	if invalid := o.check(); invalid != nil {
		return nil, invalid
	}
	o = o.withDefaults()
	a := &attempt{o: o, format: signatureV3, tokenKey: o.tokenKey()}
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

// tokenKey is the name under which DeviceTokens keeps the device token for this
// gateway. It is empty when no device token is kept.
func (o Options) tokenKey() string {
	if o.Credentials.Identity == nil || o.Credentials.DeviceTokens == nil {
		return ""
	}
	u, _ := o.Gateway.parse()
	return o.Credentials.Identity.DeviceID() + "@" + u.Host + "/" + o.Client.Role
}

// attempt is what one Dial remembers from one connection to the next.
type attempt struct {
	o           Options
	format      signatureFormat
	tokenKey    string // as Options.tokenKey
	deviceToken string // the device token to use; empty when there is none
	tokenErr    error  // why a device token could not be loaded, saved or cleared
	prepared    bool
}

// prepare loads the device token and tells the redactor the secrets. It waits until
// a gateway has answered, because most attempts during a start find nobody who
// listens.
func (a *attempt) prepare() {
	if a.prepared {
		return
	}
	a.prepared = true
	if a.o.Credentials.Identity != nil {
		a.o.Redactor.Add(a.o.Credentials.Identity.secret())
	}
	if a.tokenKey != "" {
		a.deviceToken, a.tokenErr = a.o.Credentials.DeviceTokens.Load(a.tokenKey)
		a.o.Redactor.AddIssued(a.deviceToken)
	}
}

// another reports whether Dial should try one more connection after this refusal,
// and changes the one thing that may help.
func (a *attempt) another(e *Error) bool {
	switch {
	case a.deviceToken != "" && RuleFor(e).ClearDeviceToken:
		a.deviceToken = ""
		a.tokenErr = errors.Join(a.tokenErr, a.o.Credentials.DeviceTokens.Clear(a.tokenKey))
		return true
	case a.format == signatureV3 && a.o.Credentials.Identity != nil && e.DetailsCode == "DEVICE_AUTH_SIGNATURE_INVALID":
		a.format = signatureV2
		return true
	}
	return false
}

// open makes the TCP connection and the WebSocket upgrade.
func (h *handshake) open(ctx context.Context) *Error {
	ctx, cancel := context.WithTimeout(ctx, h.o.Limits.ChallengeTimeout)
	defer cancel()
	var stop func() bool
	dialer := websocket.Dialer{ // without Proxy: connections are direct, see Gateway.DialContext
		ReadBufferSize:  readBuffer,
		WriteBufferSize: writeBuffer,
		TLSClientConfig: h.o.Gateway.TLSConfig,
		NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := h.o.Gateway.dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			h.conn, h.wire = conn, newWireConn(conn)
			stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
			return h.wire, nil
		},
	}
	ws, resp, err := dialer.DialContext(ctx, h.o.Gateway.URL, http.Header{"User-Agent": {h.o.Client.UserAgent}})
	if stop != nil && !stop() && err == nil {
		err = ctx.Err()
	}
	switch {
	case err != nil:
		return openError(ctx, resp, err)
	case resp.Header.Get("Sec-WebSocket-Extensions") != "":
		_ = h.wire.Close() // such an extension may be compression, which lets a small frame grow without bound
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

// transportOrNotGateway is the kind of an upgrade that failed without an HTTP answer:
// KindTransport for a broken connection, KindNotGateway for bytes that are not HTTP.
func transportOrNotGateway(err error) Kind {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		return KindTransport
	}
	return KindNotGateway
}
