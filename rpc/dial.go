package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
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

	// readBuffer and writeBuffer are those of the WebSocket, in bytes: a flood
	// of small events is read in few system calls.
	readBuffer  = 64 << 10
	writeBuffer = 16 << 10

	// defaultRetryAfter is how long to wait when a gateway says "not yet" but
	// not for how long. Gateways that do say, say 0.5 s to 1 s.
	defaultRetryAfter = 500 * time.Millisecond

	// minRetryAfter keeps Connect from spinning, whatever a gateway asks for.
	minRetryAfter = 100 * time.Millisecond

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
		timer := time.NewTimer(max(e.RetryAfter, minRetryAfter))
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
	prepared    bool
}

// prepare gets the secrets ready, once a gateway has answered: most attempts of a
// start end before that, because nobody listens yet.
func (a *attempt) prepare() {
	if a.prepared {
		return
	}
	a.prepared = true
	if a.o.Identity != nil {
		a.o.Redactor.Add(a.o.Identity.secret())
	}
	if a.tokenKey != "" {
		a.deviceToken, a.tokenErr = a.o.DeviceTokens.Load(a.tokenKey)
		a.o.Redactor.Add(a.deviceToken)
	}
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

// open makes the TCP connection and the WebSocket upgrade.
func (h *handshake) open(ctx context.Context) *Error {
	ctx, cancel := context.WithTimeout(ctx, h.o.ChallengeTimeout)
	defer cancel()
	var stop func() bool
	dialer := websocket.Dialer{ // no Proxy: the gateway is on this machine, or on a configured one
		ReadBufferSize:  readBuffer,
		WriteBufferSize: writeBuffer,
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
