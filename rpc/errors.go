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

// ErrClosed is what calls on a session that is over fail with, whatever ended
// it: errors.Is(err, ErrClosed).
var ErrClosed = errors.New("rpc: session closed")

// Kind says what sort of failure an [Error] is. Branch on it, never on text.
type Kind int

// The kinds of failure. Only KindTransport counts against the health of a
// gateway; everything else means that it, or somebody, answered.
const (
	KindAnswer        Kind = iota // an error answer that fits no other kind
	KindTransport                 // refused, reset, timed out, closed
	KindCanceled                  // the caller's context was cancelled
	KindStarting                  // the gateway is still starting; RetryAfter says when to ask again
	KindDraining                  // the gateway is finishing its work before a stop or restart
	KindBusy                      // too many requests or sockets; retry a little later
	KindAuth                      // token wrong or missing
	KindPairing                   // the device must be approved by a person
	KindSignature                 // device signature, its time or its nonce refused
	KindScope                     // the method needs a scope this connection has not got
	KindProtocol                  // protocol versions do not meet, or the peer broke the protocol
	KindUnknownMethod             // this gateway has no such method
	KindInvalidParams             // the gateway refused the request's shape
	KindNotGateway                // something answers on the port, but it is no gateway
	KindUntrusted                 // a secret would be needed, and the peer is not trusted
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

// Error is a failed operation. The fields after Kind are filled as far as the
// gateway said them.
type Error struct {
	Op          string          // "dial", "challenge", "connect", "ping" or the name of the method called
	Kind        Kind            // what to branch on
	Code        string          // error.code of the answer, such as "UNAVAILABLE"; "HTTP_503" for a refused upgrade
	DetailsCode string          // error.details.code, else error.details.reason, such as "AUTH_TOKEN_MISMATCH"
	Message     string          // for people; never branch on it
	Details     json.RawMessage // error.details as sent
	Retryable   bool            // the gateway says that a retry may help
	RetryAfter  time.Duration   // how long it asks to wait; 0 when it does not say
	CloseCode   int             // WebSocket close code, when the connection was closed
	Err         error           // cause, for errors.Is and errors.As
}

// Error formats operation, message and codes in one line.
func (e *Error) Error() string {
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
	return "rpc: " + e.Op + ": " + text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Shutdown is the notice a gateway sends before it closes its sockets.
type Shutdown struct {
	Reason string // "gateway stopping", "gateway restarting"
	// Restarts is true when the gateway said that it comes back by itself, and
	// RestartExpected is when. Close code and reason are the same either way
	// (1012 "service restart", measured on all versions).
	Restarts        bool
	RestartExpected time.Duration
}

// CloseError is why a session is over.
type CloseError struct {
	Code   int       // WebSocket close code; 1006 when the connection just broke; 0 when we closed
	Reason string    // of the close frame
	Notice *Shutdown // the shutdown event that came before, nil if none did
	Err    error     // ErrClosed after Close, the cause given to Abort, or the socket's error
}

// Error says who ended the session, and how.
func (e *CloseError) Error() string {
	if e.Code == 0 {
		if errors.Is(e.Err, ErrClosed) {
			return e.Err.Error()
		}
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
func (e *CloseError) Unwrap() error { return e.Err }

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

// closeKind maps the close codes gateways use (measured) to kinds.
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

// closeAuthChanged is "gateway auth changed": the token was rotated (measured, 2026.6 and later).
const closeAuthChanged = 4001

// answer is error as it stands in a response.
type answer struct {
	Code         string          `json:"code"`
	Message      string          `json:"message"`
	Details      json.RawMessage `json:"details"`
	Data         json.RawMessage `json:"data"` // JSON-RPC's name for details
	Retryable    bool            `json:"retryable"`
	RetryAfterMs float64         `json:"retryAfterMs"`
}

// Messages are text for people, but old gateways say two things only there:
// which method is unknown (all versions) and that a scope is missing (before 2026.8).
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

// maxRetryAfter bounds the wait a gateway may ask for; real ones ask for 0.5 s to 1 s.
const maxRetryAfter = time.Minute

func retryAfter(ms float64) time.Duration {
	return time.Duration(min(max(ms, 0), float64(maxRetryAfter.Milliseconds())) * float64(time.Millisecond))
}

// answerKind finds the kind of an answer: that of its row in the table, made
// more precise where one code means several things.
func answerKind(e *Error) Kind {
	rule, known := ruleFor(e.Code, e.DetailsCode)
	switch {
	case !known:
		return KindAnswer
	case rule.Kind == KindBusy && !e.Retryable: // unavailable for good, says the gateway
		return KindAnswer
	case rule.Kind == KindInvalidParams && e.Message == unknownMethodText+e.Op:
		return KindUnknownMethod
	case rule.Kind == KindInvalidParams && strings.HasPrefix(e.Message, missingScopeText):
		return KindScope
	}
	return rule.Kind
}

// contextError is the failure of an operation that its context ended.
func contextError(op string, ctx context.Context) *Error {
	err := context.Cause(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return &Error{Op: op, Kind: KindTransport, Message: "timed out", Err: errors.Join(context.DeadlineExceeded, err)}
	}
	return &Error{Op: op, Kind: KindCanceled, Err: err}
}
