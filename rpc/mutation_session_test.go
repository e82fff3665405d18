package rpc_test

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
	"clawtray/rpc/redact"
)

// watchedConn counts what its user does.
type watchedConn struct {
	net.Conn
	closed, writes atomic.Int32
	broken         atomic.Bool // writes fail
}

func (c *watchedConn) Close() error {
	c.closed.Add(1)
	return c.Conn.Close()
}

func (c *watchedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	if c.broken.Load() {
		return len(p) / 2, errors.New("broken")
	}
	return c.Conn.Write(p)
}

// through makes the connection of o a watched one.
func through(o *rpc.Options, conn *watchedConn) {
	dial := o.Gateway.DialContext
	o.Gateway.DialContext = func(ctx context.Context, network, addr string) (c net.Conn, err error) {
		conn.Conn, err = dial(ctx, network, addr)
		return conn, err
	}
}

// H4: each refused attempt closes its socket, because a program may try for ever.
func TestH4_ARefusedConnectionIsClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret})
		defer gw.Close()
		var conn watchedConn
		o := memory(gw)
		o.Credentials.Token = "wrong"
		through(&o, &conn)
		_, err := rpc.Dial(t.Context(), o)
		wantKind(t, err, rpc.KindAuth)
		if conn.closed.Load() == 0 {
			t.Error("the socket is still open")
		}
	})
}

// C3: a session that ends closes its socket, too.
func TestC3_TheSocketOfASessionIsClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var conn watchedConn
		_, s := open(t, gatewaytest.Config{}, func(o *rpc.Options) { through(o, &conn) })
		s.Close()
		if conn.closed.Load() == 0 {
			t.Error("the socket is still open")
		}
	})
}

// XS11: an unknown program cannot fill our memory before hello-ok either.
func TestXS11_LargestFrameBeforeHello(t *testing.T) {
	gw := gatewaytest.New(gatewaytest.Config{Token: secret, Hooks: gatewaytest.Hooks{OnConnect: func(r *gatewaytest.Request) (*gatewaytest.Error, int) {
		r.Conn.RawBytes([]byte{0x81, 127, 0, 0, 0, 0, 2, 0, 0, 0}) // announces 32 MiB
		return nil, 0
	}}})
	_, err := rpc.Dial(t.Context(), loopback(gw.Listen(t)))
	if !errors.Is(err, websocket.ErrReadLimit) {
		t.Error(err)
	}
}

// XR1: after a write that sent half a frame nothing more is written, because the gateway
// would take it for the rest of that frame.
func TestXR1_NothingFollowsABrokenFrame(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var conn watchedConn
		_, s := open(t, gatewaytest.Config{Quirks: gatewaytest.Quirks{Quiet: true}}, func(o *rpc.Options) { through(o, &conn) })
		conn.broken.Store(true)
		s.WritePing()
		conn.broken.Store(false)
		before := conn.writes.Load()
		s.WritePing()
		if conn.writes.Load() != before {
			t.Error("a frame follows half of another")
		}
	})
}

// F4: a ping is forgotten when its caller does not wait any more.
func TestF4_APingThatWasGivenUpIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{Quirks: gatewaytest.Quirks{Quiet: true}})
		gw.Silence(true)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Ping(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) || s.Pinging() != 0 {
			t.Errorf("%v, %d pings are remembered", err, s.Pinging())
		}
	})
}

// I5: a turn is given back, however its call ends.
func TestI5_TurnsComeBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{}, func(o *rpc.Options) { o.Limits.MaxInFlight = 1 })
		gw.Handle("slow", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return gatewaytest.NoAnswer, nil })
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		wantKind(t, s.Call(ctx, "slow", nil, nil), rpc.KindCanceled)
		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		wantKind(t, s.Call(short, "slow", nil, nil), rpc.KindTransport)
		wantKind(t, s.Call(t.Context(), "slow", nil, nil), rpc.KindTransport)
		if err := s.Call(t.Context(), "health", nil, nil); err != nil {
			t.Error(err)
		}
	})
}

// C3: the end of the session also ends the wait for a turn, although the call that has the
// turn never gives it back.
func TestC3_TheEndEndsWaitingForATurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, s := open(t, gatewaytest.Config{}, func(o *rpc.Options) { o.Limits.MaxInFlight = 1 })
		release, first := make(stubborn), make(chan error)
		go func() { first <- s.Call(context.Background(), "health", nil, &release) }()
		synctest.Wait()
		time.AfterFunc(time.Second, func() { s.Close() })
		start := time.Now()
		wantKind(t, s.Call(t.Context(), "health", nil, nil), rpc.KindCanceled)
		if took := time.Since(start); took != time.Second {
			t.Error("it took ", took)
		}
		close(release)
		<-first
	})
}

// I1: each of several calls has its own time limit.
func TestI1_EachCallHasItsLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		gw.Handle("slow", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return gatewaytest.NoAnswer, nil })
		took := make(chan time.Duration)
		const calls = 4
		for range calls {
			go func() {
				start := time.Now()
				s.Call(context.Background(), "slow", nil, nil)
				took <- time.Since(start)
			}()
			pass(7 * time.Second)
		}
		for range calls {
			if d := <-took; d != 30*time.Second {
				t.Error("it took ", d)
			}
		}
	})
}

// C3: when Close returns, nothing of the session is running.
func TestC3_CloseWaitsForWhatGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{}, func(o *rpc.Options) {
			o.OnSilence = func(rpc.Silence) { time.Sleep(time.Hour) } // virtual
		})
		gw.Silence(true)
		pass(10 * time.Minute)
		s.Close()
		select {
		case <-s.Done():
		default:
			t.Error("it goes on")
		}
	})
}

// XR2: a caller that subscribes in OnSession sees every event, however long OnSession takes.
func TestXR2_OnSessionMayTakeItsTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var sub *rpc.Subscription
		_, s := open(t, gatewaytest.Config{}, func(o *rpc.Options) {
			o.OnSession = func(s *rpc.Session) {
				time.Sleep(time.Second) // virtual
				sub = s.Subscribe(10)
			}
		})
		if err := s.Call(t.Context(), "health", nil, nil); err != nil { // its answer comes after the events
			t.Fatal(err)
		}
		select {
		case e := <-sub.C():
			if e.Name != "presence" {
				t.Errorf("the first event is %q", e.Name)
			}
		default:
			t.Error("no event has come")
		}
	})
}

// B6: a gateway that says "ask again at once" is not asked all the time.
func TestB6_AskedAgainAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		asked := 0
		gw := gatewaytest.New(gatewaytest.Config{Token: secret, Hooks: gatewaytest.Hooks{OnConnect: func(*gatewaytest.Request) (*gatewaytest.Error, int) {
			asked++
			return &gatewaytest.Error{Code: "UNAVAILABLE", Retryable: true, RetryAfterMs: 1}, 1013
		}}})
		defer gw.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := rpc.Connect(ctx, memory(gw)); err == nil || asked > 101 {
			t.Errorf("asked %d times in 10 s, %v", asked, err)
		}
	})
}

// K3: the device's key is kept out of what is logged, also without its PEM frame.
func TestK3_TheDeviceKeyIsRedacted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity")
	id, _, err := rpc.LoadOrCreateIdentity(path)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	key := base64.StdEncoding.EncodeToString(block.Bytes)
	bubble(t, func(t *testing.T) {
		known := redact.New()
		open(t, gatewaytest.Config{}, func(o *rpc.Options) { o.Credentials.Identity, o.Redactor = id, known })
		if said := known.String("read " + key + " from the file"); strings.Contains(said, key) {
			t.Error(said)
		}
	})
}
