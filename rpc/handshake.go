package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gorilla/websocket"
)

// handshake is one connection until it becomes a session.
type handshake struct {
	*attempt
	conn net.Conn // what DialContext returned
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

// shake makes the session, once the WebSocket is open.
func (h *handshake) shake(ctx context.Context) (*Session, *Error) {
	challenge, err := h.challenge(ctx)
	if err != nil {
		return nil, err
	}
	h.o.OnPhase(PhaseChallenged)
	h.prepare()
	if err := h.verify(ctx); err != nil {
		return nil, err
	}
	payload, err := h.connect(ctx, challenge)
	if err != nil {
		return nil, err
	}
	return h.accept(payload)
}

// verify ends the attempt before a secret would go to a program that the caller
// does not trust.
func (h *handshake) verify(ctx context.Context) *Error {
	switch {
	case h.o.Gateway.Verify != nil:
		ctx, cancel := context.WithTimeout(ctx, h.o.Limits.ConnectTimeout)
		defer cancel()
		err := h.o.Gateway.Verify(ctx, h.conn)
		switch {
		case ctx.Err() != nil:
			return contextError("connect", ctx)
		case err != nil:
			return &Error{Op: "connect", Kind: KindUntrusted, Err: err}
		}
	case !h.o.Gateway.Trusted && (h.o.Credentials.Token != "" || h.o.Credentials.Password != "" || h.deviceToken != ""):
		return &Error{Op: "connect", Kind: KindUntrusted, Message: "a token or a password is needed, but the listener is not proved to be the right gateway"}
	}
	return nil
}

// challenge is the payload of the event connect.challenge.
type challenge struct {
	Nonce string  `json:"nonce"`
	TS    float64 `json:"ts"` // Unix time in milliseconds, the gateway's clock
}

func (h *handshake) challenge(ctx context.Context) (challenge, *Error) {
	var c challenge
	err := h.receive(ctx, "challenge", h.o.Limits.ChallengeTimeout, func(f frame) bool {
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
	Password    string `json:"password,omitempty"`
}

func (h *handshake) connectParams(c challenge) connectParams {
	who := h.o.Client
	p := connectParams{
		MinProtocol: MinProtocol, MaxProtocol: MaxProtocol,
		Client: connectClient{ID: who.ID, Version: who.Version, Platform: who.Platform, DeviceFamily: who.DeviceFamily, Mode: who.Mode},
		Role:   who.Role, Scopes: who.Scopes, Caps: append([]string{}, who.Caps...), Locale: "en-US", UserAgent: who.UserAgent,
	}
	secret := h.deviceToken
	switch {
	case h.deviceToken != "":
		p.Auth = &connectAuth{DeviceToken: h.deviceToken}
	case h.o.Credentials.Token != "":
		secret = h.o.Credentials.Token
		p.Auth = &connectAuth{Token: h.o.Credentials.Token}
	case h.o.Credentials.Password != "": // no part of what the device signs
		p.Auth = &connectAuth{Password: h.o.Credentials.Password}
	}
	if h.o.Credentials.Identity != nil {
		proof := h.o.Credentials.Identity.prove(h.format, who, secret, c)
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
	failed := h.during(ctx, "connect", h.o.Limits.ConnectTimeout, func() error {
		h.o.trace("sent", request)
		// When this write fails, reading fails, too, and says why the gateway has closed.
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

// connectError is the error of a connect that the gateway refused. A gateway that
// calls itself unavailable here is still starting, unless it says that it drains.
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

// receive is until with a time limit.
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
		h.o.trace("received", h.buf)
		if match(parseFrame(h.buf)) {
			return nil
		}
	}
	return errStrayFrames
}

// during runs one step of the handshake and closes the connection when ctx ends or
// the limit is over.
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

// accept reads a hello-ok payload and makes the session.
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
	h.ws.SetReadLimit(min(max(hello.Policy.MaxPayload, defaultMaxPayload), maxFrame-readSlack) + readSlack)
	s := newSession(h, hello)
	h.o.OnSession(s)
	s.start(h.buf)
	h.o.OnPhase(PhaseAccepted)
	return s, nil
}

// keep saves the device token that came with hello-ok, if it is a new one.
func (h *handshake) keep(token string) {
	h.o.Redactor.AddIssued(token)
	if h.tokenKey == "" || token == "" || token == h.deviceToken {
		return
	}
	h.tokenErr = errors.Join(h.tokenErr, h.o.Credentials.DeviceTokens.Save(h.tokenKey, token))
}
