package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
)

var errBrokenPipe = errors.New("broken pipe")

// oneWayConn is a connection whose writes can be made to fail while bytes of the other side
// still wait to be read, as it happens when a gateway restarts.
type oneWayConn struct {
	net.Conn
	broken chan struct{} // writes fail when it is closed
	unread chan struct{} // reads wait until it is closed
}

func (c *oneWayConn) Write(p []byte) (int, error) {
	select {
	case <-c.broken:
		return 0, errBrokenPipe
	default:
		return c.Conn.Write(p)
	}
}

func (c *oneWayConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	select {
	case <-c.broken:
		<-c.unread
	default:
	}
	return n, err
}

// oneWay opens a session over a oneWayConn.
func oneWay(t *testing.T) (*gatewaytest.Gateway, *rpc.Session, *oneWayConn) {
	conn := &oneWayConn{broken: make(chan struct{}), unread: make(chan struct{})}
	gw, s := open(t, gatewaytest.Config{}, func(o *rpc.Options) {
		dial := o.Gateway.DialContext
		o.Gateway.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dial(ctx, network, addr)
			conn.Conn = c
			return conn, err
		}
	})
	synctest.Wait()
	return gw, s, conn
}

// TestXR1_FailedWriteDoesNotHideTheReason: when a write fails, the shutdown notice and the
// close frame that are still unread say why the session ended.
func TestXR1_FailedWriteDoesNotHideTheReason(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s, conn := oneWay(t)
		close(conn.broken)
		var wg sync.WaitGroup
		wg.Go(gw.Restart)
		synctest.Wait()
		for range 3 {
			wg.Go(func() {
				var closed *rpc.CloseError
				err := s.Call(t.Context(), "health", nil, nil)
				if wantKind(t, err, rpc.KindTransport); !errors.As(err, &closed) || closed.Code != 1012 || closed.Notice == nil {
					t.Errorf("the call says %v", err)
				}
			})
		}
		synctest.Wait()
		if s.Err() != nil {
			t.Error("the failed write ended the session: ", s.Err())
		}
		close(conn.unread)
		<-s.Done()
		wg.Wait()
		var closed *rpc.CloseError
		if !errors.As(s.Err(), &closed) || closed.Code != 1012 || closed.Notice == nil || !closed.Notice.Restarts {
			t.Errorf("%#v", s.Err())
		}
	})
}

// TestXR1_FailedWriteWithoutAnyReason: after a failed write the session ends, and its calls
// too, although the other side says nothing more.
func TestXR1_FailedWriteWithoutAnyReason(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, s, conn := oneWay(t)
		close(conn.unread)
		close(conn.broken)
		start := time.Now()
		err := s.Call(t.Context(), "health", nil, nil)
		wantKind(t, err, rpc.KindTransport)
		pass(time.Second)
		var closed *rpc.CloseError
		if !errors.As(s.Err(), &closed) || closed.Code != 1006 || !errors.Is(s.Err(), errBrokenPipe) || !errors.Is(err, errBrokenPipe) {
			t.Errorf("%v, the call: %v", s.Err(), err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Error("took ", took)
		}
	})
}

// TestXR1_ContextEndsACallAfterAFailedWrite: the call does not wait for the reader.
func TestXR1_ContextEndsACallAfterAFailedWrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, s, conn := oneWay(t)
		close(conn.broken)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		wantKind(t, s.Call(ctx, "health", nil, nil), rpc.KindCanceled)
		if took := time.Since(start); took != time.Second {
			t.Error("took ", took)
		}
		close(conn.unread)
	})
}

// TestXR7_NoticeAges: a notice explains the close that follows it, not a crash hours later.
func TestXR7_NoticeAges(t *testing.T) {
	for _, c := range []struct {
		expected any // restartExpectedMs
		after    time.Duration
		explains bool
	}{
		{nil, 0, true}, {nil, 59 * time.Second, true}, {nil, 61 * time.Second, false}, {nil, 3 * time.Hour, false},
		{1500, time.Second, true}, {1500, 3 * time.Hour, false},
		{600000, 10*time.Minute + 59*time.Second, true}, {600000, 11*time.Minute + time.Second, false},
		{-1e300, 61 * time.Second, false}, {1e300, 3 * time.Hour, false},
	} {
		t.Run(fmt.Sprint(c.expected, " ", c.after), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gw, s := open(t, gatewaytest.Config{})
				gw.Emit("shutdown", map[string]any{"reason": "gateway restarting", "restartExpectedMs": c.expected})
				pass(c.after)
				gw.CloseAll(1006, "")
				<-s.Done()
				var closed *rpc.CloseError
				if !errors.As(s.Err(), &closed) || (closed.Notice != nil) != c.explains {
					t.Errorf("after %v: %v", c.after, s.Err())
				}
			})
		})
	}
}

// TestXR8_OurOwnCloseIsNoFailureOfTheGateway: after Close neither the advice nor the
// statistics say that the gateway has failed.
func TestXR8_OurOwnCloseIsNoFailureOfTheGateway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, s := open(t, gatewaytest.Config{})
		var wg sync.WaitGroup
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = s.Call(ctx, "health", nil, nil)
		})
		wg.Wait()
		s.Close()
		call := s.Call(t.Context(), "health", nil, nil)
		for name, err := range map[string]error{"the session": s.Err(), "a call": call, "a ping": s.Ping(t.Context()),
			"ErrClosed": rpc.ErrClosed, "canceled": context.Canceled, "wrapped": fmt.Errorf("stop: %w", context.Canceled), "zero": &rpc.CloseError{}} {
			if rule := rpc.RuleFor(err); rule.Kind != rpc.KindCanceled || rule.Retry || rule.Notify {
				t.Errorf("%s, %v: %+v", name, err, rule)
			}
		}
		if stats := s.Stats(); stats.Calls.ConsecutiveFailures != 0 {
			t.Errorf("%+v", stats)
		}
		for _, err := range []error{context.DeadlineExceeded, &rpc.CloseError{Code: 1006}, net.ErrClosed} {
			if rule := rpc.RuleFor(err); rule.Kind != rpc.KindTransport || !rule.Retry {
				t.Errorf("%v: %+v", err, rule)
			}
		}
	})
}

// TestXR8_ZeroValuesDoNotPanic, nor do nil pointers.
func TestXR8_ZeroValuesDoNotPanic(t *testing.T) {
	var noError *rpc.Error
	var noClose *rpc.CloseError
	var noIdentity *rpc.Identity
	var noTokens *rpc.FileDeviceTokens
	for name, use := range map[string]func() any{
		"Error":             func() any { return (&rpc.Error{}).Error() },
		"nil Error":         func() any { return noError.Error() + fmt.Sprint(noError.Unwrap(), rpc.RuleFor(noError)) },
		"CloseError":        func() any { return (&rpc.CloseError{}).Error() }, // XH1
		"CloseError 1006":   func() any { return (&rpc.CloseError{Code: 1006}).Error() },
		"nil CloseError":    func() any { return noClose.Error() + fmt.Sprint(noClose.Unwrap(), rpc.RuleFor(noClose)) },
		"Identity":          func() any { return (&rpc.Identity{}).DeviceID() + (&rpc.Identity{}).String() },
		"nil Identity":      func() any { return noIdentity.DeviceID() + fmt.Sprintf("%v %#v", noIdentity, noIdentity) },
		"FileDeviceTokens":  func() any { return (&rpc.FileDeviceTokens{}).Save("key", "token") },
		"nil device tokens": func() any { return noTokens.Clear("key") },
		"Subscription":      func() any { (&rpc.Subscription{}).Close(); return (&rpc.Subscription{}).Dropped() },
		"Options":           func() any { return rpc.Options{}.String() },
		"Hello":             func() any { return (&rpc.Hello{}).Policy.TickInterval() },
		"no path":           func() any { _, _, err := rpc.LoadOrCreateIdentity(""); return err },
		"session":           func() any { return useSession(t, &rpc.Session{}) },
		"nil session":       func() any { return useSession(t, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			if got := use(); got == nil {
				t.Error("nothing was said")
			}
		})
	}
}

// useSession calls all methods of a session that no Dial made.
func useSession(t *testing.T, s *rpc.Session) any {
	t.Helper()
	<-s.Done()
	s.Close()
	s.Abort(errBrokenPipe)
	sub := s.Subscribe(1)
	sub.Close()
	if _, more := <-sub.C(); more || s.Supports("health") || s.Hello() == nil {
		t.Error("it seems to live")
	}
	for _, err := range []error{s.Err(), s.Call(t.Context(), "health", nil, nil), s.Ping(t.Context())} {
		if !errors.Is(err, rpc.ErrClosed) {
			t.Error(err)
		}
	}
	return fmt.Sprint(s.Stats(), s.String()) + fmt.Sprintf("%#v", s)
}

// TestXR8_CallsAreCheckedBeforeTheyAreSent.
func TestXR8_CallsAreCheckedBeforeTheyAreSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		var value struct{ OK bool }
		var noRaw *json.RawMessage
		sent := len(gw.Received())
		for name, err := range map[string]error{
			"no method":         s.Call(t.Context(), "", nil, nil),
			"result no pointer": s.Call(t.Context(), "health", nil, value),
			"nil raw result":    s.Call(t.Context(), "health", nil, noRaw),
			"nil result":        s.Call(t.Context(), "health", nil, (*int)(nil)),
			"a channel":         s.Call(t.Context(), "health", make(chan int), nil),
		} {
			if e := wantKind(t, err, rpc.KindInvalidParams); e.Error() == "" {
				t.Error(name)
			}
		}
		if len(gw.Received()) != sent || s.Stats().UnknownFrames != 0 {
			t.Error("something was sent")
		}
	})
}

// TestXR8_DeepAnswersFailAtOnce: an answer that nests too deeply to be decoded ends its call
// at once, not only when the call's time is over.
func TestXR8_DeepAnswersFailAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		gw.Handle("deep", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
			var form string
			_ = json.Unmarshal(r.Params, &form)
			r.Conn.Raw(fmt.Appendf(nil, form, r.ID))
			return gatewaytest.NoAnswer, nil
		})
		start := time.Now()
		for name, form := range map[string]string{
			"array":    `{"type":"res","id":%s,"ok":true,"payload":` + nested(1001, "[", "]") + `}`,
			"object":   `{"type":"res","id":%s,"ok":true,"payload":` + nested(5000, `{"a":`, "}") + `}`,
			"id last":  `{"type":"res","payload":` + nested(100000, `["]",`, "]") + `,"ok":true,"id":%s}`,
			"error":    `{"type":"res","id":%s,"ok":false,"error":{"code":"X","details":` + nested(1001, "[", "]") + `}}`,
			"JSON-RPC": `{"jsonrpc":"2.0","id":%s,"result":` + nested(1001, "[", "]") + `}`,
			"unasked":  `{"x":` + nested(1001, "[", "]") + `,"type":"res","id":%s,"ok":true,"payload":1}`,
		} {
			for _, result := range []any{nil, new(any)} {
				if e := wantKind(t, s.Call(t.Context(), "deep", form, result), rpc.KindProtocol); e.Message == "" {
					t.Error(name, e)
				}
			}
		}
		if took := time.Since(start); took != 0 || s.Stats().UnknownFrames != 0 {
			t.Error(took, s.Stats())
		}
		sub := s.Subscribe(1, "deep") // an event that nobody could decode is kept for diagnosis
		gw.Conns()[0].Raw([]byte(`{"type":"event","event":"deep","payload":` + nested(1001, "[", "]") + `}`))
		gw.Conns()[0].Raw([]byte(`{"type":"res","id":"2","payload":` + nested(1001, "[", "") + `}`)) // and what is no JSON at all
		synctest.Wait()
		if len(sub.C()) != 0 || s.Stats().UnknownFrames != 2 {
			t.Errorf("%+v", s.Stats())
		}
	})
}

// TestXR8_BuffersOfAnySizeAreMade, within reason.
func TestXR8_BuffersOfAnySizeAreMade(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, s := open(t, gatewaytest.Config{})
		for buffer, want := range map[int]int{math.MinInt: 1, -1: 1, 0: 1, 7: 7, math.MaxInt: 1 << 16} {
			if got := cap(s.Subscribe(buffer).C()); got != want {
				t.Errorf("%d: %d", buffer, got)
			}
		}
	})
}

// nested repeats open n times, and then closing n times.
func nested(n int, open, closing string) string {
	b := make([]byte, 0, n*(len(open)+len(closing))+1)
	for range n {
		b = append(b, open...)
	}
	b = append(b, '1')
	for range n {
		b = append(b, closing...)
	}
	return string(b)
}

// TestXR11_LaterEndDoesNotChangeTheReason: the first reason stays.
func TestXR11_LaterEndDoesNotChangeTheReason(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		gw.CloseAll(1012, "service restart")
		<-s.Done()
		first := s.Err()
		s.Abort(errBrokenPipe)
		s.Close()
		var closed *rpc.CloseError
		if !errors.As(s.Err(), &closed) || closed.Code != 1012 || s.Err() != first {
			t.Error(s.Err())
		}
		_, s = open(t, gatewaytest.Config{})
		s.Abort(errBrokenPipe)
		s.Close()
		if !errors.Is(s.Err(), errBrokenPipe) {
			t.Error(s.Err())
		}
	})
}
