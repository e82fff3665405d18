// Package gatewaytest is a fake OpenClaw Gateway for tests. It speaks the real
// protocol, as measured on OpenClaw 2026.3.13 to 2026.9.6, in memory or on loopback. It
// records what it receives, and it misbehaves when a test asks for that. Like a real one
// it sends presence and health events directly after hello-ok, and pings; Quirks.Quiet
// turns this off.
//
//	gw := gatewaytest.New(gatewaytest.Config{Token: "secret-token"})
//	defer gw.Close()
//	s, err := rpc.Dial(ctx, rpc.Options{
//		Gateway:     rpc.Gateway{URL: gatewaytest.URL, DialContext: gw.Dial, Trusted: true},
//		Credentials: rpc.Credentials{Token: "secret-token"},
//	})
//
// In memory ([Gateway.Dial]) every connection is a net.Pipe, which works inside
// a testing/synctest bubble. On loopback use [Gateway.Listen] in a test, or
// [Gateway.ListenOn] and [Gateway.Serve] in a test binary that plays the
// gateway process.
//
// # How to extend
//
// For one more method use [Gateway.Handle]; for a frame of any content, [Conn.Raw]. A new
// behaviour becomes a field in a part of [Config] when it is there from the start, or a
// Set method when tests switch it. This package shares no code with package rpc, so that
// each checks the other.
package gatewaytest
