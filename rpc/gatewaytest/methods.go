package gatewaytest

import (
	"slices"
	"time"
)

// events are those the real gateway advertises that a supervisor cares for.
var events = []string{"connect.challenge", "agent", "chat", "presence", "tick", "shutdown", "health", "heartbeat", "cron", "config.changed", "update.available"}

// builtin are the methods that answer without a handler.
var builtin = map[string]func(*Gateway) any{
	"health": func(gw *Gateway) any {
		return map[string]any{"ok": true, "ts": time.Now().UnixMilli(), "durationMs": 0, "channels": map[string]any{}, "channelOrder": []string{}}
	},
	"status": func(gw *Gateway) any {
		return map[string]any{"runtimeVersion": gw.cfg.Version, "pid": gw.cfg.PID, "shutdownBudget": map[string]any{"activeWork": 0}}
	},
	"system.info": func(gw *Gateway) any {
		return map[string]any{"pid": gw.cfg.PID}
	},
	"gateway.identity.get": func(*Gateway) any {
		return map[string]any{"deviceId": "gateway", "publicKey": "gateway"}
	},
	"gateway.restart.preflight": func(*Gateway) any {
		return map[string]any{"safe": true, "counts": map[string]any{"totalActive": 0}, "blockers": []any{}, "summary": "safe to restart now"}
	},
	"channels.status": func(*Gateway) any {
		return map[string]any{"channels": map[string]any{}, "channelAccounts": map[string]any{}}
	},
}

// since3 are the built-in methods that protocol 3 gateways (2026.3) do not have.
var notIn3 = []string{"system.info", "gateway.identity.get", "gateway.restart.preflight"}

// unscoped are the methods that need no scope.
var unscoped = []string{"health"}

// methods lists what is advertised; gw.mu is held.
func (gw *Gateway) methods() []string {
	var names []string
	for name := range builtin {
		if !gw.lacks(name) {
			names = append(names, name)
		}
	}
	for name := range gw.handlers {
		names = append(names, name)
	}
	names = append(names, gw.cfg.Methods...)
	slices.Sort(names)
	return slices.Compact(names)
}

func (gw *Gateway) lacks(method string) bool {
	return gw.cfg.Protocol == 3 && slices.Contains(notIn3, method)
}

func (gw *Gateway) record(r Request) {
	gw.set(func() {
		if len(gw.received) < gw.cfg.Keep {
			gw.received = append(gw.received, r)
		}
	})
}

// route records a request and finds what answers it: an error, or a handler
// that counts as in flight. Both nil: it is answered already.
func (gw *Gateway) route(r *Request) (Handler, *Error) {
	gw.record(*r)
	gw.mu.Lock()
	handler, draining := gw.handlers[r.Method], gw.draining
	gw.mu.Unlock()
	answer := builtin[r.Method]
	switch {
	case r.Method == "connect":
		return nil, refuse("connect is only valid as the first request", nil)
	case draining:
		return nil, &Error{Code: "UNAVAILABLE", Message: r.Method + " unavailable during gateway restart", Retryable: true, RetryAfterMs: 1000,
			Details: map[string]any{"method": r.Method, "reason": "gateway-restarting", "phase": "accepting"}}
	case handler == nil && (answer == nil || gw.lacks(r.Method)):
		return nil, refuse("unknown method: "+r.Method, nil)
	case !r.Conn.allowed(r.Method):
		return nil, gw.missingScope()
	case gw.inFlight.Add(1) > maxInFlight && gw.cfg.Protocol > 3:
		gw.inFlight.Add(-1)
		return nil, &Error{Code: "UNAVAILABLE", Message: "The server is busy. Please try again in a moment.", Retryable: true}
	case handler != nil:
		return handler, nil
	}
	gw.inFlight.Add(-1)
	r.Conn.answer(r.ID, answer(gw), nil)
	return nil, nil
}

func (c *Conn) allowed(method string) bool {
	return slices.Contains(unscoped, method) || c.scopes["operator.read"] || c.scopes["operator.admin"]
}

func (gw *Gateway) missingScope() *Error {
	const message = "missing scope: operator.read"
	if gw.cfg.OldProbes {
		return refuse(message, nil)
	}
	return &Error{Code: "FORBIDDEN", Message: message,
		Details: map[string]any{"code": "MISSING_SCOPE", "missingScope": "operator.read", "requiredScopes": []string{"operator.read"}}}
}
