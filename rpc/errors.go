package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// ErrClosed is matched by every error of a session that is over, whatever ended it:
// errors.Is(err, ErrClosed).
var ErrClosed = errors.New("rpc: session closed")

// Kind says what sort of failure an [Error] is. Branch on it, not on texts.
type Kind int

// The kinds of failure. Only KindTransport says that the gateway may be unhealthy.
// KindCanceled, and KindInvalidParams without a Code, come from this side and say
// nothing about the gateway. Every other kind means that the gateway, or another
// program at its address, has answered.
const (
	KindAnswer        Kind = iota // the gateway answered with an error that fits no other kind
	KindTransport                 // refused, reset, timed out, closed by the other side
	KindCanceled                  // this side gave up: the caller's context was cancelled, or the session was ended with Close or Abort
	KindStarting                  // the gateway is still starting; RetryAfter says when to ask again
	KindDraining                  // the gateway is finishing its work before a stop or restart
	KindBusy                      // too many requests or sockets; retry a little later
	KindAuth                      // token or password wrong or missing
	KindPairing                   // the device must be approved by a person
	KindSignature                 // the device's signature, its time or its nonce was refused
	KindScope                     // the method needs a scope that this connection does not have
	KindProtocol                  // no common protocol version, or the other side broke the protocol
	KindUnknownMethod             // the gateway does not have this method
	KindInvalidParams             // with a Code, the gateway refused the shape of the request; without one, the options or the call were wrong and nothing was sent
	KindNotGateway                // another program answers at the address
	KindUntrusted                 // a secret is needed, but the gateway is not trusted, or Gateway.Verify refused it
)

var kindNames = [...]string{"answer", "transport", "canceled", "starting", "draining", "busy", "auth", "pairing",
	"signature", "scope", "protocol", "unknown-method", "invalid-params", "not-gateway", "untrusted"}

// String returns the kind's stable name, such as "unknown-method".
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", int(k))
	}
	return kindNames[k]
}

// Error is a failed operation. The fields after Kind are empty where neither the
// gateway nor the connection said anything.
type Error struct {
	Op          string          // "dial", "challenge", "connect", "ping", the path of a probe, or the method that was called
	Kind        Kind            // what to branch on
	Code        string          // error.code of the answer, such as "UNAVAILABLE"; or the HTTP status of a refused upgrade, such as "HTTP_503"
	DetailsCode string          // error.details.code, else error.details.reason, such as "AUTH_TOKEN_MISMATCH"
	Message     string          // for people; never branch on it
	Details     json.RawMessage // error.details as sent
	Retryable   bool            // the gateway says that a retry may help
	RetryAfter  time.Duration   // how long the gateway asks to wait, at most 1 min; 0 when it does not say
	CloseCode   int             // WebSocket close code, when the connection was closed before hello-ok
	Err         error           // cause, for errors.Is and errors.As
}

// Error formats operation, message and codes in one line.
func (e *Error) Error() string {
	if e == nil {
		return "rpc: no error"
	}
	text := e.Message
	if text == "" && e.Err != nil {
		text = e.Err.Error()
	}
	if text == "" {
		text = e.Kind.String()
	}
	var codes []string
	for _, code := range []string{e.Code, e.DetailsCode} {
		if code != "" {
			codes = append(codes, code)
		}
	}
	if len(codes) > 0 {
		text += " (" + strings.Join(codes, ", ") + ")"
	}
	if e.Op == "" {
		return "rpc: " + text
	}
	return "rpc: " + e.Op + ": " + text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Shutdown is the event that a gateway sends before it closes its sockets. It explains
// a close that follows within RestartExpected plus one minute. Gateways close within
// two seconds (measured); a connection that breaks much later has another reason.
type Shutdown struct {
	Reason string // for people, such as "gateway stopping" or "gateway restarting"

	// Restarts says that the gateway will come back by itself, and RestartExpected after
	// how long. The close code does not tell: it is 1012 "service restart" in either
	// case (measured on all versions).
	Restarts        bool
	RestartExpected time.Duration
}

// CloseError is why a session is over.
type CloseError struct {
	Code   int       // WebSocket close code; 1006 when the connection broke without one; 0 after Close or Abort
	Reason string    // text of the close frame
	Notice *Shutdown // the shutdown event that explains the end, see Shutdown; nil when there was none
	Err    error     // ErrClosed after Close, the cause given to Abort, or the socket's error
}

// Error says how the session ended. It also works for nil and the zero value.
func (e *CloseError) Error() string {
	switch {
	case e == nil || e.Code == 0 && e.Err == nil:
		return ErrClosed.Error()
	case e.Code == 0 && errors.Is(e.Err, ErrClosed):
		return e.Err.Error()
	case e.Code == 0:
		return "rpc: session ended: " + e.Err.Error()
	}
	text := fmt.Sprintf("rpc: connection closed: %d", e.Code)
	if e.Reason != "" {
		text += " " + e.Reason
	}
	if e.Notice != nil {
		text += " after notice: " + e.Notice.Reason
	}
	return text
}

// Unwrap returns the cause.
func (e *CloseError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// kind sorts the end of a session for RuleFor. An end by Close or Abort says nothing
// about the gateway.
func (e *CloseError) kind() Kind {
	if e == nil || e.Code == 0 {
		return KindCanceled
	}
	return closeKind(e.Code)
}

// failed is the error of an operation that failed because the session ended.
func (e *CloseError) failed(op string) *Error {
	kind := KindTransport
	if e.Code == 0 {
		kind = KindCanceled
	}
	return &Error{Op: op, Kind: kind, Err: e}
}

// Is makes every CloseError match ErrClosed.
func (e *CloseError) Is(target error) bool { return target == ErrClosed }

// closeErrorOf describes the socket error err that ended reading.
func closeErrorOf(err error) *CloseError {
	var frame *websocket.CloseError
	if errors.As(err, &frame) {
		return &CloseError{Code: frame.Code, Reason: frame.Text, Err: err}
	}
	return &CloseError{Code: websocket.CloseAbnormalClosure, Err: err}
}

// closeKind is the kind of a close code, as gateways use them (measured).
func closeKind(code int) Kind {
	switch code {
	case websocket.CloseTryAgainLater: // 1013 "gateway starting"
		return KindStarting
	case websocket.CloseServiceRestart: // 1012 "service restart"
		return KindDraining
	case websocket.CloseProtocolError, websocket.ClosePolicyViolation: // 1002, 1008
		return KindProtocol
	case closeAuthChanged:
		return KindAuth
	}
	return KindTransport
}

// closeAuthChanged is the close code of "gateway auth changed": the token was replaced
// (measured on OpenClaw 2026.6 and later).
const closeAuthChanged = 4001

// answer is the error of a response, as it is sent.
type answer struct {
	Code         string          `json:"code"`
	Message      string          `json:"message"`
	Details      json.RawMessage `json:"details"`
	Data         json.RawMessage `json:"data"` // JSON-RPC's name for details
	Retryable    bool            `json:"retryable"`
	RetryAfterMs float64         `json:"retryAfterMs"`
}

// Beginnings of messages. A message is a text for people, but two things stand only
// there: that a method is unknown (in all measured versions), and that a scope is
// missing (before OpenClaw 2026.8).
const (
	unknownMethodText = "unknown method: "
	missingScopeText  = "missing scope: "
)

// jsonRPCMethodNotFound is JSON-RPC's own code for an unknown method.
const jsonRPCMethodNotFound = "-32601"

// answerError turns the error of a response into an Error.
func answerError(op string, raw []byte) *Error {
	var a answer
	_ = json.Unmarshal(raw, &a) // a wrong type leaves that field empty
	if a.Code == "" {
		var number struct {
			Code json.Number `json:"code"`
		}
		_ = json.Unmarshal(raw, &number)
		a.Code = string(number.Code)
	}
	if a.Details == nil {
		a.Details = a.Data
	}
	var details struct {
		Code         string  `json:"code"`
		Reason       string  `json:"reason"`
		RetryAfterMs float64 `json:"retryAfterMs"`
	}
	_ = json.Unmarshal(a.Details, &details)
	e := &Error{Op: op, Code: a.Code, DetailsCode: details.Code, Message: a.Message, Details: a.Details, Retryable: a.Retryable,
		RetryAfter: retryAfter(max(a.RetryAfterMs, details.RetryAfterMs))}
	if e.DetailsCode == "" {
		e.DetailsCode = details.Reason
	}
	e.Kind = answerKind(e)
	return e
}

// maxRetryAfter bounds the wait that a gateway may ask for. Real gateways ask for 0.5 s
// to 1 s (measured).
const maxRetryAfter = time.Minute

func retryAfter(ms float64) time.Duration {
	return time.Duration(min(max(ms, 0), float64(maxRetryAfter.Milliseconds())) * float64(time.Millisecond))
}

// answerKind is the kind of an error that the gateway answered: that of its row in the
// table of rules, or a more precise one where a code means several things.
func answerKind(e *Error) Kind {
	rule, known := ruleFor(e.Code, e.DetailsCode)
	switch {
	case !known:
		return KindAnswer
	case rule.Kind == KindBusy && !e.Retryable: // the gateway says that a retry does not help
		return KindAnswer
	case rule.Kind == KindInvalidParams && e.Message == unknownMethodText+e.Op:
		return KindUnknownMethod
	case rule.Kind == KindInvalidParams && strings.HasPrefix(e.Message, missingScopeText):
		return KindScope
	}
	return rule.Kind
}

// contextError is the error of an operation that ended because its context did.
func contextError(op string, ctx context.Context) *Error {
	err := context.Cause(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return &Error{Op: op, Kind: KindTransport, Message: "timed out", Err: errors.Join(context.DeadlineExceeded, err)}
	}
	return &Error{Op: op, Kind: KindCanceled, Err: err}
}
