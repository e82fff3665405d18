package gatewaytest

import (
	"slices"
	"time"
)

const unknownMethod = "unknown method: "

// events are the ones in hello-ok: some of those that the real gateway advertises.
var events = []string{"connect.challenge", "agent", "chat", "presence", "tick", "shutdown", "health", "heartbeat", "cron", "config.changed", "update.available"}

// builtin are the methods that every new gateway has.
var builtin = map[string]Handler{
	"health": func(*Request) (any, *Error) { return healthSnapshot(), nil },
	"status": func(r *Request) (any, *Error) {
		gw := r.Conn.gw
		return map[string]any{"runtimeVersion": gw.cfg.Version, "pid": gw.cfg.Place.PID, "shutdownBudget": map[string]any{"activeWork": 0}}, nil
	},
	"system.info": func(r *Request) (any, *Error) {
		return map[string]any{"pid": r.Conn.gw.cfg.Place.PID}, nil
	},
	"gateway.identity.get": func(*Request) (any, *Error) {
		return map[string]any{"deviceId": "gateway", "publicKey": "gateway"}, nil
	},
	"gateway.restart.preflight": func(*Request) (any, *Error) {
		return map[string]any{"safe": true, "counts": map[string]any{"totalActive": 0}, "blockers": []any{}, "summary": "safe to restart now"}, nil
	},
	"channels.status": func(*Request) (any, *Error) {
		return map[string]any{"channels": map[string]any{}, "channelAccounts": map[string]any{}}, nil
	},
}

// healthSnapshot is the answer to health and the payload of the event health, on an idle
// gateway.
func healthSnapshot() any {
	return map[string]any{"ok": true, "ts": time.Now().UnixMilli(), "durationMs": 0, "channels": map[string]any{}, "channelOrder": []string{}}
}

// notIn3 are the built-in methods that gateways with protocol 3 (2026.3) do not have.
var notIn3 = []string{"system.info", "gateway.identity.get", "gateway.restart.preflight"}

// unscoped are the methods that need no scope.
var unscoped = []string{"health"}

// advertised lists the methods in hello-ok. The caller holds gw.mu.
func (gw *Gateway) advertised() []string {
	var names []string
	for name := range gw.methods.fast {
		if !gw.lacks(name) {
			names = append(names, name)
		}
	}
	for name := range gw.methods.handlers {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (gw *Gateway) lacks(method string) bool {
	return gw.cfg.Protocol == 3 && slices.Contains(notIn3, method)
}

func (gw *Gateway) record(r Request) {
	gw.set(func() {
		if len(gw.received.list) < gw.received.keep {
			gw.received.list = append(gw.received.list, r)
		}
	})
}

// route records a request and returns its answer, an error, or its handler, which counts
// as in flight from then on. When it returns neither, it has answered itself.
func (gw *Gateway) route(r *Request) (Handler, *Error) {
	gw.record(*r)
	gw.mu.Lock()
	handler, fast, draining := gw.methods.handlers[r.Method], gw.methods.fast[r.Method], gw.state.draining
	gw.mu.Unlock()
	if gw.lacks(r.Method) {
		fast = nil
	}
	switch {
	case r.Method == "connect":
		return nil, refuse("connect is only valid as the first request", nil)
	case draining:
		return nil, &Error{Code: "UNAVAILABLE", Message: r.Method + " unavailable during gateway restart", Retryable: true, RetryAfterMs: 1000,
			Details: map[string]any{"method": r.Method, "reason": "gateway-restarting", "phase": "accepting"}}
	case handler == nil && fast == nil:
		return nil, refuse(unknownMethod+r.Method, nil)
	case !r.Conn.allowed(r.Method):
		return nil, gw.missingScope()
	case handler == nil:
		payload, failed := fast(r)
		r.Answer(payload, failed)
		return nil, nil
	case gw.inFlight.Add(1) > maxInFlight && gw.cfg.Protocol > 3:
		gw.inFlight.Add(-1)
		return nil, &Error{Code: "UNAVAILABLE", Message: "The server is busy. Please try again in a moment.", Retryable: true}
	}
	return handler, nil
}

func (c *Conn) allowed(method string) bool {
	return slices.Contains(unscoped, method) || c.scopes["operator.read"] || c.scopes["operator.admin"]
}

func (gw *Gateway) missingScope() *Error {
	const message = "missing scope: operator.read"
	if gw.cfg.Quirks.OldProbes {
		return refuse(message, nil)
	}
	return &Error{Code: "FORBIDDEN", Message: message,
		Details: map[string]any{"code": "MISSING_SCOPE", "missingScope": "operator.read", "requiredScopes": []string{"operator.read"}}}
}
