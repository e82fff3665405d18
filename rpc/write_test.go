package rpc_test

import (
	"context"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
)

// TestXR11_CallsThatEndedAreNotSent: a request that waits to be written is not sent when
// its caller has given up.
func TestXR11_CallsThatEndedAreNotSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{Quirks: gatewaytest.Quirks{Quiet: true}})
		gw.Silence(true) // the first write fills the pipe, so the second one waits
		var wg sync.WaitGroup
		call := func(ctx context.Context, method string, kind rpc.Kind) {
			wg.Go(func() { wantKind(t, s.Call(ctx, method, nil, nil), kind) })
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		short, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		call(t.Context(), "first", rpc.KindTransport)
		call(t.Context(), "second", rpc.KindTransport)
		call(ctx, "cancelled", rpc.KindCanceled)
		call(short, "out-of-time", rpc.KindTransport)
		call(t.Context(), "expired", rpc.KindTransport)
		if s.Queued() != 3 {
			t.Fatal("queued: ", s.Queued())
		}
		cancel()
		synctest.Wait()
		if s.Queued() != 2 {
			t.Error("queued after one was cancelled: ", s.Queued())
		}
		wg.Wait()
		if s.Queued() != 0 {
			t.Error("queued after all have ended: ", s.Queued())
		}
		gw.Silence(false)
		if err := s.Call(t.Context(), "health", nil, nil); err != nil {
			t.Fatal(err)
		}
		var methods []string
		for _, r := range gw.Received() {
			methods = append(methods, r.Method)
		}
		if got := strings.Join(methods, " "); got != "connect first second health" {
			t.Error(got)
		}
	})
}

// TestXR11_OneWriterAtATime: two writers at once would mix their frames.
func TestXR11_OneWriterAtATime(t *testing.T) {
	gw := gatewaytest.New(gatewaytest.Config{Token: secret, Quirks: gatewaytest.Quirks{Quiet: true}})
	s, err := rpc.Dial(t.Context(), loopback(gw.Listen(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for callers := range 3 { // a lone caller writes its request itself, several leave it to the writer goroutine
		s.PretendWriting(true)
		answered := make(chan error, callers+1)
		for range callers + 1 {
			go func() { answered <- s.Call(t.Context(), "health", nil, nil) }()
		}
		for s.Queued() <= callers && len(answered) == 0 {
			runtime.Gosched()
		}
		for range 1000 { // the writer goroutine runs, but must not write
			runtime.Gosched()
		}
		if s.Queued() != callers+1 || len(answered) > 0 {
			t.Fatal("somebody else wrote meanwhile")
		}
		s.PretendWriting(false)
		for range callers + 1 {
			if err := <-answered; err != nil {
				t.Error(err)
			}
		}
	}
}

// TestXR11_WhatIsLeftIsWritten: the writer goroutine writes what the caller's own write has
// left.
func TestXR11_WhatIsLeftIsWritten(t *testing.T) {
	gw := gatewaytest.New(gatewaytest.Config{Token: secret, Quirks: gatewaytest.Quirks{Quiet: true}})
	s, err := rpc.Dial(t.Context(), loopback(gw.Listen(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Call(t.Context(), "health", strings.Repeat("x", 24<<20), nil); err != nil { // more than a socket accepts at once
		t.Error(err)
	}
}

// slowConn is a connection whose writes wait while it is held.
type slowConn struct {
	net.Conn
	held chan struct{} // holds one element while writes wait
}

func (c *slowConn) Write(p []byte) (int, error) {
	c.held <- struct{}{}
	<-c.held
	return c.Conn.Write(p)
}

// TestXR11_WhatCameWhileSomebodyWroteIsWritten, whoever wrote, and whatever it is.
func TestXR11_WhatCameWhileSomebodyWroteIsWritten(t *testing.T) {
	for name, add := range map[string]func(*gatewaytest.Gateway, *rpc.Session) error{
		"call": func(_ *gatewaytest.Gateway, s *rpc.Session) error {
			return s.Call(context.Background(), "health", nil, nil)
		},
		"ping": func(_ *gatewaytest.Gateway, s *rpc.Session) error { return s.Ping(context.Background()) },
		"pong": func(gw *gatewaytest.Gateway, _ *rpc.Session) error {
			pong := make(chan struct{})
			gw.Conns()[0].OnPong(func(payload string) {
				if payload == "hello?" {
					close(pong)
				}
			})
			gw.Conns()[0].Ping([]byte("hello?"))
			<-pong
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				conn := &slowConn{held: make(chan struct{}, 1)}
				gw, s := open(t, gatewaytest.Config{Quirks: gatewaytest.Quirks{Quiet: true}}, func(o *rpc.Options) {
					dial := o.Gateway.DialContext
					o.Gateway.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
						c, err := dial(ctx, network, addr)
						conn.Conn = c
						return conn, err
					}
				})
				conn.held <- struct{}{}
				var wg sync.WaitGroup
				wg.Go(s.WritePing)
				synctest.Wait() // it is being written
				wg.Go(func() {
					start := time.Now()
					if err := add(gw, s); err != nil || time.Since(start) > time.Second {
						t.Error(err, time.Since(start))
					}
				})
				synctest.Wait()
				<-conn.held
				wg.Wait()
			})
		})
	}
}
