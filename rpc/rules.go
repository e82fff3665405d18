package rpc

import (
	"context"
	"errors"
	"slices"
)

// Action is what a person can do about an error, so that a program can offer it.
type Action int

// The actions.
const (
	ActionNone          Action = iota
	ActionOpenDashboard        // look at the gateway's own pages
	ActionApproveDevice        // approve this device with "openclaw devices approve"
	ActionOpenConfig           // correct the token or another setting in the configuration
	ActionCheckClock           // set this computer's clock
	ActionUpdate               // update this program or OpenClaw
)

var actionNames = [...]string{"none", "open-dashboard", "approve-device", "open-config", "check-clock", "update"}

// String returns the action's stable name.
func (a Action) String() string {
	if a < 0 || int(a) >= len(actionNames) {
		return "none"
	}
	return actionNames[a]
}

// Rule is the advice for one sort of error.
type Rule struct {
	Code             string // the error code or details code that this row is for; in a default row, the name of its kind
	Kind             Kind
	Retry            bool   // a later attempt may succeed although nobody does anything
	ClearDeviceToken bool   // the device token is not valid any more; Dial clears it by itself
	Notify           bool   // a person has to do something
	Sentence         string // for people, in English: what is wrong
	Action           Action // what a person can do
}

// Sentences that several rows have.
const (
	sayToken     = "The gateway does not accept our token. Its own configuration (gateway.auth.token) decides which token is right."
	sayPassword  = "The gateway wants a password. Put it in as the token, or switch the gateway to token authentication."
	sayDevice    = "The gateway does not accept this device's token. A new one will be asked for."
	sayPairing   = "This device must be approved: run \"openclaw devices list\", then \"openclaw devices approve\"."
	saySignature = "The gateway does not accept this device's signature. Delete the identity file to start as a new device."
	sayClock     = "The gateway finds this device's signature too old. Check the clock of this computer."
	sayProxy     = "The gateway expects to be reached through a proxy that names the user. Open its address through that proxy, or change gateway.auth."
	sayUpdate    = "The gateway and this program speak different protocol versions. Update the older one."
	sayOrigin    = "The gateway takes this program for a foreign web page. Check gateway.controlUi.allowedOrigins."
	sayApproval  = "The approval this was waiting for is gone or was refused."
	sayBusy      = "The gateway is busy."
	sayStarting  = "The gateway is still starting."
	sayRestart   = "The gateway is finishing its work before it stops or restarts."
)

// rules has one row for each error code and details code of the protocol. The codes
// were measured, or stand in OpenClaw's protocol documents or in the gateway's code
// (2026.6.11 and 2026.9.6).
var rules = []Rule{
	// error.code
	{"INVALID_REQUEST", KindInvalidParams, false, false, false, "The gateway did not understand the request.", ActionNone},
	{"UNAVAILABLE", KindBusy, true, false, false, sayBusy, ActionNone},
	{"FORBIDDEN", KindScope, false, false, true, "The gateway does not allow this to us.", ActionOpenDashboard},
	{"NOT_PAIRED", KindPairing, false, false, true, sayPairing, ActionApproveDevice},
	{"NOT_LINKED", KindAnswer, false, false, true, "A chat account is not linked.", ActionOpenDashboard},
	{"AGENT_TIMEOUT", KindAnswer, true, false, false, "The agent took too long.", ActionNone},
	{"APPROVAL_NOT_FOUND", KindAnswer, false, false, false, sayApproval, ActionNone},
	{jsonRPCMethodNotFound, KindUnknownMethod, false, false, false, "This gateway does not know that request.", ActionNone},
	{"-32602", KindInvalidParams, false, false, false, "The gateway did not understand the request.", ActionNone},
	{"-32600", KindInvalidParams, false, false, false, "The gateway did not understand the request.", ActionNone},
	{"-32700", KindInvalidParams, false, false, false, "The gateway did not understand the request.", ActionNone},

	// error.details.reason of UNAVAILABLE
	{"startup-sidecars", KindStarting, true, false, false, sayStarting, ActionNone},
	{"gateway-restarting", KindDraining, true, false, false, sayRestart, ActionNone},

	// error.details.code
	{"PROTOCOL_MISMATCH", KindProtocol, false, false, true, sayUpdate, ActionUpdate},
	{"CLIENT_VERSION_MISMATCH", KindProtocol, false, false, true, sayUpdate, ActionUpdate},
	{"CONTROL_UI_BUILD_MISMATCH", KindProtocol, false, false, true, sayUpdate, ActionUpdate},
	{"MISSING_SCOPE", KindScope, false, false, true, "This connection may not do that: a scope is missing.", ActionOpenDashboard},
	{"AUTH_SCOPE_MISMATCH", KindPairing, false, true, true, "This device is approved for less than it asks for. Approve it again.", ActionApproveDevice},
	{"AUTH_TOKEN_MISMATCH", KindAuth, false, true, true, sayToken, ActionOpenConfig},
	{"AUTH_TOKEN_MISSING", KindAuth, false, false, true, "The gateway wants a token and we have none.", ActionOpenConfig},
	{"AUTH_TOKEN_NOT_CONFIGURED", KindAuth, false, false, true, "The gateway wants a token but has none configured (gateway.auth.token).", ActionOpenConfig},
	{"AUTH_DEVICE_TOKEN_MISMATCH", KindAuth, false, true, true, sayDevice, ActionOpenConfig},
	{"AUTH_BOOTSTRAP_TOKEN_INVALID", KindAuth, false, false, true, "The setup code is used up or too old. Make a new one.", ActionOpenDashboard},
	{"AUTH_PASSWORD_MISMATCH", KindAuth, false, false, true, sayPassword, ActionOpenConfig},
	{"AUTH_PASSWORD_MISSING", KindAuth, false, false, true, sayPassword, ActionOpenConfig},
	{"AUTH_PASSWORD_NOT_CONFIGURED", KindAuth, false, false, true, sayPassword, ActionOpenConfig},
	{"AUTH_REQUIRED", KindAuth, false, false, true, "The gateway wants a token and we have none.", ActionOpenConfig},
	{"AUTH_UNAUTHORIZED", KindAuth, false, true, true, sayToken, ActionOpenConfig},
	{"AUTH_RATE_LIMITED", KindAuth, true, false, true, "Too many wrong tokens: the gateway makes us wait.", ActionOpenConfig},
	{"AUTH_TAILSCALE_IDENTITY_MISSING", KindAuth, false, false, true, sayProxy, ActionOpenConfig},
	{"AUTH_TAILSCALE_PROXY_MISSING", KindAuth, false, false, true, sayProxy, ActionOpenConfig},
	{"AUTH_TAILSCALE_WHOIS_FAILED", KindAuth, true, false, true, sayProxy, ActionOpenConfig},
	{"AUTH_TAILSCALE_IDENTITY_MISMATCH", KindAuth, false, false, true, sayProxy, ActionOpenConfig},
	{"AUTH_IDENTITY_HEADER_REQUIRED", KindAuth, false, false, true, sayProxy, ActionOpenConfig},
	{"AUTH_VERIFIED_USER_REQUIRED", KindAuth, false, false, true, sayProxy, ActionOpenConfig},
	{"PAIRING_REQUIRED", KindPairing, false, false, true, sayPairing, ActionApproveDevice},
	{"DEVICE_IDENTITY_REQUIRED", KindPairing, false, false, true, "The gateway wants a device identity and we sent none.", ActionOpenConfig},
	{"CONTROL_UI_DEVICE_IDENTITY_REQUIRED", KindPairing, false, false, true, "The gateway wants a device identity and we sent none.", ActionOpenConfig},
	{"CONTROL_UI_ORIGIN_NOT_ALLOWED", KindAuth, false, false, true, sayOrigin, ActionOpenConfig},
	{"DEVICE_AUTH_INVALID", KindSignature, false, false, true, saySignature, ActionNone},
	{"DEVICE_AUTH_DEVICE_ID_MISMATCH", KindSignature, false, false, true, saySignature, ActionNone},
	{"DEVICE_AUTH_PUBLIC_KEY_INVALID", KindSignature, false, false, true, saySignature, ActionNone},
	{"DEVICE_AUTH_SIGNATURE_INVALID", KindSignature, false, false, true, saySignature, ActionNone},
	{"DEVICE_AUTH_SIGNATURE_EXPIRED", KindSignature, false, false, true, sayClock, ActionCheckClock},
	{"DEVICE_AUTH_NONCE_REQUIRED", KindSignature, false, false, true, sayUpdate, ActionUpdate},
	{"DEVICE_AUTH_NONCE_MISMATCH", KindSignature, true, false, false, "The gateway's challenge was answered too late.", ActionNone},
}

// kindRules are the default rows, one for each Kind, for errors without a known code.
var kindRules = [...]Rule{
	KindAnswer:        {Sentence: "The gateway answered with an error."},
	KindTransport:     {Retry: true, Sentence: "The gateway cannot be reached."},
	KindCanceled:      {Sentence: "The request was cancelled."},
	KindStarting:      {Retry: true, Sentence: sayStarting},
	KindDraining:      {Retry: true, Sentence: sayRestart},
	KindBusy:          {Retry: true, Sentence: sayBusy},
	KindAuth:          {Notify: true, Sentence: sayToken, Action: ActionOpenConfig},
	KindPairing:       {Notify: true, Sentence: sayPairing, Action: ActionApproveDevice},
	KindSignature:     {Notify: true, Sentence: saySignature},
	KindScope:         {Notify: true, Sentence: "This connection may not do that: a scope is missing.", Action: ActionOpenDashboard},
	KindProtocol:      {Notify: true, Sentence: sayUpdate, Action: ActionUpdate},
	KindUnknownMethod: {Sentence: "This gateway does not know that request."},
	KindInvalidParams: {Sentence: "The gateway did not understand the request."},
	KindNotGateway:    {Notify: true, Sentence: "Another program answers where the gateway should be."},
	KindUntrusted:     {Notify: true, Sentence: "Somebody answers where the gateway should be, but it is not proved to be ours, so no token was sent."},
}

// Rules returns the whole table: one row for each known code, then one default row for
// each Kind, whose Code is the name of the kind.
func Rules() []Rule {
	all := slices.Clone(rules)
	for kind, rule := range kindRules {
		all = append(all, rule.named(Kind(kind)))
	}
	return all
}

func (r Rule) named(kind Kind) Rule {
	r.Kind, r.Code = kind, kind.String()
	return r
}

var ruleIndex = func() map[string]int {
	index := make(map[string]int, len(rules))
	for i, r := range rules {
		index[r.Code] = i
	}
	return index
}()

// ruleFor finds the row of a details code, or, when there is none, that of a code.
func ruleFor(code, details string) (Rule, bool) {
	for _, c := range []string{details, code} {
		if i, known := ruleIndex[c]; known {
			return rules[i], true
		}
	}
	return Rule{}, false
}

// RuleFor returns the advice for any error:
//   - for an [*Error], the row of its code, or the default row of its kind;
//   - for a [*CloseError], the default row for its close code;
//   - for ErrClosed and context.Canceled, that of KindCanceled;
//   - for every other error, that of KindTransport.
//
// An answer that calls itself retryable always gets Retry. RuleFor(nil) is the zero Rule.
func RuleFor(err error) Rule {
	if err == nil {
		return Rule{}
	}
	var e *Error
	var closed *CloseError
	switch {
	case errors.As(err, &e) && e != nil:
	case errors.As(err, &closed):
		e = &Error{Kind: closed.kind()}
	case errors.Is(err, ErrClosed), errors.Is(err, context.Canceled):
		e = &Error{Kind: KindCanceled}
	default:
		e = &Error{Kind: KindTransport}
	}
	if rule, known := ruleFor(e.Code, e.DetailsCode); known && rule.Kind == e.Kind {
		if e.Retryable {
			rule.Retry = true
		}
		return rule
	}
	if e.Kind < 0 || int(e.Kind) >= len(kindRules) {
		e = &Error{Kind: KindTransport}
	}
	rule := kindRules[e.Kind].named(e.Kind)
	rule.Retry = rule.Retry || e.Retryable
	return rule
}
