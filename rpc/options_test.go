package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
)

// TestXR8_OptionsAreChecked: options that make no sense are refused before anything is sent.
func TestXR8_OptionsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*rpc.Options){
		"MaxInFlight":      func(o *rpc.Options) { o.Limits.MaxInFlight = -1 },
		"CallTimeout":      func(o *rpc.Options) { o.Limits.CallTimeout = -1 },
		"ChallengeTimeout": func(o *rpc.Options) { o.Limits.ChallengeTimeout = -time.Second },
		"ConnectTimeout":   func(o *rpc.Options) { o.Limits.ConnectTimeout = math.MinInt64 },
		"PingInterval":     func(o *rpc.Options) { o.Limits.PingInterval = math.MaxInt64 },
		"PongTimeout":      func(o *rpc.Options) { o.Limits.PongTimeout = -1 },
		"Identity":         func(o *rpc.Options) { o.Credentials.Identity = &rpc.Identity{} },
		"user in the URL":  func(o *rpc.Options) { o.Gateway.URL = "ws://bob:hunter2@gateway.test:1/" },
		"fragment":         func(o *rpc.Options) { o.Gateway.URL = "ws://gateway.test:1/#token=hunter2" },
	} {
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.New(gatewaytest.Config{Token: secret})
			defer gw.Close()
			o := memory(gw)
			change(&o)
			_, err := rpc.Dial(t.Context(), o)
			if e := wantKind(t, err, rpc.KindInvalidParams); e.Op != "dial" || rpc.RuleFor(err).Retry || gw.Connects() != 0 {
				t.Error(e)
			}
			if strings.Contains(fmt.Sprintf("%v %v %#v", err, o, o), "hunter2") {
				t.Error("a secret is shown: ", err, o)
			}
		})
	}
	if text := fmt.Sprint(rpc.Options{Gateway: rpc.Gateway{URL: "ws://gateway.test:1/path?token=hunter2"}}); strings.Contains(text, "hunter2") || !strings.Contains(text, "gateway.test:1") {
		t.Error(text)
	}
}

// peer is a connection that knows its own name.
type peer struct {
	net.Conn
	name string
}

// TestXS9_PeerIsVerifiedBeforeAnySecret: Verify sees the connection after the challenge, and
// when it refuses, no secret is sent.
func TestXS9_PeerIsVerifiedBeforeAnySecret(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret})
		defer gw.Close()
		stranger := errors.New("the listener belongs to another user")
		var phase rpc.Phase
		var refusal error
		seen := 0
		var wire recording
		o := memory(gw)
		o.Gateway.Trusted = false
		o.Credentials.Identity, o.Credentials.DeviceTokens = newIdentity(t), &tokens{}
		o.OnPhase = func(p rpc.Phase) { phase = p }
		o.Gateway.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := gw.Dial(ctx, network, addr)
			return peer{&recordingConn{c, &wire}, "own"}, err
		}
		o.Gateway.Verify = func(_ context.Context, conn net.Conn) error {
			if seen++; conn.(peer).name != "own" || phase != rpc.PhaseChallenged {
				t.Error(conn, phase)
			}
			return refusal
		}
		dial(t, o).Close() // Verify accepts, so the token is sent, and a device token is kept
		if seen != 1 || len(gw.Received()) != 1 || !strings.Contains(wire.text(), secret) {
			t.Error(seen, gw.Received())
		}
		for _, trusted := range []bool{true, false} { // the answer of Verify counts, whatever Trusted says
			wire.forget()
			refusal, o.Gateway.Trusted = stranger, trusted
			_, err := rpc.Dial(t.Context(), o)
			if wantKind(t, err, rpc.KindUntrusted); !errors.Is(err, stranger) || rpc.RuleFor(err).Retry {
				t.Error(err)
			}
			if text := wire.text(); strings.Contains(text, secret) || strings.Contains(text, "device-") || strings.Contains(text, "signature") || len(gw.Received()) != 1 {
				t.Error("a secret was sent: ", text)
			}
		}
	})
}

// TestXS9_VerifyEndsWithTheContext.
func TestXS9_VerifyEndsWithTheContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret, Timing: gatewaytest.Timing{Handshake: time.Hour}})
		defer gw.Close()
		o := memory(gw)
		o.Gateway.Verify = func(ctx context.Context, _ net.Conn) error {
			<-ctx.Done()
			return nil
		}
		start := time.Now()
		_, err := rpc.Dial(t.Context(), o)
		if wantKind(t, err, rpc.KindTransport); time.Since(start) != 20*time.Second || len(gw.Received()) != 0 {
			t.Error(err, time.Since(start))
		}
	})
}

// recording is what was written to a connection, unmasked.
type recording struct{ frames []string }

func (r *recording) forget()      { r.frames = nil }
func (r *recording) text() string { return strings.Join(r.frames, "\n") }

// recordingConn records each write; masked WebSocket frames are unmasked.
type recordingConn struct {
	net.Conn
	to *recording
}

func (c *recordingConn) Write(p []byte) (int, error) {
	c.to.frames = append(c.to.frames, unmasked(p))
	return c.Conn.Write(p)
}

// unmasked is the text of one client frame, or p itself where it is none.
func unmasked(p []byte) string {
	header := map[bool]int{true: 4, false: 2}[len(p) > 1 && p[1]&0x7f == 126]
	if len(p) < header+4 || p[1]&0x80 == 0 {
		return string(p)
	}
	mask, text := p[header:header+4], append([]byte(nil), p[header+4:]...)
	for i := range text {
		text[i] ^= mask[i%4]
	}
	return string(text)
}

// countingConn has methods of its own around a TCP connection.
type countingConn struct {
	*net.TCPConn
	read, written *atomic.Int64
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

func (c countingConn) Write(p []byte) (int, error) {
	c.written.Add(int64(len(p))) // before the write, because the answer may come before this goroutine goes on
	return c.TCPConn.Write(p)
}

// TestXR6_WrappedConnectionsAreUsed: a connection from DialContext may count, delay or
// encrypt, so its own Read and Write are always used.
func TestXR6_WrappedConnectionsAreUsed(t *testing.T) {
	gw := gatewaytest.New(gatewaytest.Config{Token: secret, Quirks: gatewaytest.Quirks{Quiet: true}})
	var read, written atomic.Int64
	s, err := rpc.Dial(t.Context(), rpc.Options{Gateway: rpc.Gateway{URL: gw.Listen(t), Trusted: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return countingConn{c.(*net.TCPConn), &read, &written}, nil
	}}, Credentials: rpc.Credentials{Token: secret}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sent, got := written.Load(), read.Load()
	if sent == 0 || got == 0 {
		t.Errorf("the handshake: %d bytes written, %d read", sent, got)
	}
	if err := s.Call(t.Context(), "health", nil, nil); err != nil {
		t.Fatal(err)
	}
	if written.Load() == sent || read.Load() == got {
		t.Errorf("a call: %d bytes written, %d read", written.Load()-sent, read.Load()-got)
	}
}

// TestXR11_EndlessStrayFramesBeforeHello: the attempt ends although the frame that is due
// comes at last.
func TestXR11_EndlessStrayFramesBeforeHello(t *testing.T) {
	stray := []byte(`{"type":"event","event":"noise"}`)
	flood := func(r *gatewaytest.Request) (*gatewaytest.Error, int) {
		for range 1500 {
			r.Conn.Raw(stray)
		}
		return nil, 0
	}
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret, Hooks: gatewaytest.Hooks{OnConnect: flood}})
		defer gw.Close()
		_, err := rpc.Dial(t.Context(), memory(gw))
		if e := wantKind(t, err, rpc.KindNotGateway); e.Op != "connect" {
			t.Error(e)
		}
	})
}

// TestXR11_AbsurdPolicyTurnsNothingOff: an absurd policy turns neither the limit of a
// message off nor the pings.
func TestXR11_AbsurdPolicyTurnsNothingOff(t *testing.T) {
	for _, absurd := range []any{int64(1e18), int64(math.MaxInt64), -1, 0, json.Number("1e300")} {
		t.Run(fmt.Sprint(absurd), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gw, s, silences := watched(t, gatewaytest.Config{Hooks: gatewaytest.Hooks{Hello: func(h map[string]any) {
					h["policy"] = map[string]any{"maxPayload": absurd, "tickIntervalMs": absurd}
				}}})
				gw.Silence(true)
				pass(2 * time.Minute)
				if silences() == "" {
					t.Error("silence is not noticed")
				}
				gw.Silence(false)
				synctest.Wait()
				gw.Conns()[0].RawBytes([]byte{0x81, 127, 0, 0, 0, 0, 2, 0, 0, 1}) // announces 32 MiB and a byte
				synctest.Wait()
				if s.Err() == nil {
					t.Error("more than 32 MiB are read")
				}
			})
		})
	}
}
