// Package rpc is a client for the WebSocket protocol of an OpenClaw Gateway: it
// connects, makes calls, receives events and says why a connection has ended. What
// it knows about gateways was measured on OpenClaw 2026.3.13 to 2026.9.6; comments
// say "measured" where that matters.
//
// A [Session] is one connection. [Dial] makes one attempt to open it; [Connect] also
// waits while the gateway says that it is still starting. A session is never opened
// again: to reconnect, call Dial again.
//
//	s, err := rpc.Dial(ctx, rpc.Options{
//		Gateway:     rpc.Gateway{URL: "ws://127.0.0.1:18789", Trusted: true},
//		Credentials: rpc.Credentials{Token: token},
//	})
//	if err != nil {
//		return err // rpc.RuleFor(err) says whether to try again, and what to tell people
//	}
//	defer s.Close()
//	var health struct{ OK bool }
//	err = s.Call(ctx, "health", nil, &health)
//
// The package example shows the same with events and the end of the session. Package
// gatewaytest has a fake gateway for the tests of a user.
//
// # Wire protocol
//
// The gateway speaks JSON text frames over a WebSocket. It begins with a
// connect.challenge event, the client answers with a connect request, which a device
// signs, and with the answer hello-ok the session begins. From then on requests
// {"type":"req"} get answers {"type":"res"} in any order, and events
// {"type":"event"} arrive on their own. The client offers the protocol versions 3
// and 4, and the gateway chooses. Answers and notifications in the form of JSON-RPC
// 2.0 are understood, too. Any other message is counted and kept for [Stats]; it does
// not end the session. A message has at most 32 MiB and nests at most 1,000 levels
// deep.
//
// # Events
//
// [Session.Subscribe] collects events. A gateway sends its first events directly
// after hello-ok; a caller who needs them subscribes in Options.OnSession. A
// subscriber that is too slow loses events, and [Subscription.Dropped] counts them.
//
// # Silence
//
// When no bytes arrive for a while, the session sends pings. Options.OnSilence reports
// how many of them got no answer. The session itself never ends because of silence:
// the caller decides, and calls [Session.Abort].
//
// # Errors
//
// Every failure is an [*Error] with a [Kind] to branch on. An error that the gateway
// answered keeps its code, its details and its advice about retries. [RuleFor] turns
// any error into advice for people and for retry loops. When a session is over,
// [Session.Err] is a [*CloseError] with the close code and the shutdown notice that
// came before. It matches [ErrClosed], and so do the errors of the calls that it
// ended.
//
// # Secrets
//
// Dial sends the token, the password or a device token only to a gateway that the
// caller trusts: Gateway.Trusted says so in advance, Gateway.Verify looks at the
// connection. Traces and Stats show no secrets: they pass through Options.Redactor,
// see package redact.
package rpc
