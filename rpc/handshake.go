package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"
)

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

// shake goes from the open WebSocket to the live session.
func (h *handshake) shake(ctx context.Context) (*Session, *Error) {
	challenge, err := h.challenge(ctx)
	if err != nil {
		return nil, err
	}
	h.o.OnPhase(PhaseChallenged)
	h.prepare()
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
	TS    float64 `json:"ts"` // Unix time in milliseconds, the gateway's clock
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
