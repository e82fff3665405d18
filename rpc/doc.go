// Package rpc is one connection to an OpenClaw Gateway: dial, handshake,
// calls, events, close. It knows nothing of processes.
//
// A [Session] is made by [Dial] (one attempt) or [Connect] (which also waits
// while the gateway says that it is still starting), lives once, and is never
// reused:
//
//	s, err := rpc.Dial(ctx, rpc.Options{URL: "ws://127.0.0.1:18789", Token: token, TrustPeer: true})
//	if err != nil {
//		return rpc.RuleFor(err) // what to tell people, and whether to try again
//	}
//	defer s.Close()
//	var health struct{ OK bool }
//	err = s.Call(ctx, "health", nil, &health)
//
// # Wire protocol
//
// The gateway speaks JSON text frames over a WebSocket: it opens with a
// connect.challenge event, the client answers with a signed connect request,
// and hello-ok starts the session. Then {"type":"req"} frames get
// {"type":"res"} frames in any order, and {"type":"event"} frames arrive on
// their own. Protocol versions 3 and 4 are offered, the gateway chooses.
// JSON-RPC 2.0 answers and notifications are understood too. Anything else is
// counted and kept for diagnosis (see [Stats]), never fatal.
//
// # Errors
//
// Every failure is an [*Error] with a [Kind] to branch on; an answer of the
// gateway keeps its code, details and retry advice. [RuleFor] turns any error
// into advice for people and retry loops. When a session is over, [Session.Err]
// is a [*CloseError] with the close code and the shutdown notice before it.
//
// # Secrets
//
// Neither the shared token nor a device token is sent to a peer that the
// caller has not proved to be the right one (Options.TrustPeer). [Redactor] is
// the one place that knows secrets; logs and traces go through it.
package rpc
