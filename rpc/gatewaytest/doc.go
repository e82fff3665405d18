// Package gatewaytest is a fake OpenClaw Gateway for tests. It speaks the real
// protocol, as measured on OpenClaw 2026.3.13 to 2026.9.6, in memory or on
// loopback, records what it receives, and misbehaves on request.
//
//	gw := gatewaytest.New(gatewaytest.Config{Token: "secret-token"})
//	defer gw.Close()
//	s, err := rpc.Dial(ctx, rpc.Options{URL: gatewaytest.URL, DialContext: gw.Dial, Token: "secret-token", TrustPeer: true})
//
// In memory ([Gateway.Dial]) every connection is a net.Pipe, which works inside
// a testing/synctest bubble. On loopback use [Gateway.Listen] in a test, or
// [Gateway.ListenOn] and [Gateway.Serve] in a test binary that plays the
// gateway process.
//
// # How to extend
//
// One method: [Gateway.Handle]. A whole new behaviour: a field in [Config] when
// it holds from the start, a Set method when tests switch it. Frames nobody
// foresaw: [Conn.Raw]. It shares no code with package rpc, so that one checks
// the other.
package gatewaytest
