package rpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
	"clawtray/rpc/redact"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "shared-token-canary"

// memory returns options that reach gw in memory.
func memory(gw *gatewaytest.Gateway) rpc.Options {
	return rpc.Options{Gateway: rpc.Gateway{URL: gatewaytest.URL, DialContext: gw.Dial, Trusted: true}, Credentials: rpc.Credentials{Token: secret}}
}

// loopback are options for a gateway that listens at url.
func loopback(url string) rpc.Options {
	return rpc.Options{Gateway: rpc.Gateway{URL: url, Trusted: true}, Credentials: rpc.Credentials{Token: secret}}
}

// open starts a gateway in memory and a session with it; both end with the test.
func open(t *testing.T, cfg gatewaytest.Config, change ...func(*rpc.Options)) (*gatewaytest.Gateway, *rpc.Session) {
	t.Helper()
	cfg.Token = secret
	gw := gatewaytest.New(cfg)
	t.Cleanup(gw.Close)
	o := memory(gw)
	for _, c := range change {
		c(&o)
	}
	s, err := rpc.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return gw, s
}

// bubble runs a test in a synctest bubble.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func wantKind(t *testing.T, err error, kind rpc.Kind) *rpc.Error {
	t.Helper()
	var e *rpc.Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Fatalf("want kind %s, got %#v", kind, err)
	}
	return e
}

func TestI1_AnswersInAnyOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		const n = 20
		held := make(chan *gatewaytest.Request, n)
		gw.Handle("echo", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
			held <- r
			return gatewaytest.NoAnswer, nil
		})
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				var got int
				if err := s.Call(t.Context(), "echo", i, &got); err != nil || got != i {
					t.Error(i, got, err)
				}
			})
		}
		synctest.Wait()
		requests := make([]*gatewaytest.Request, n)
		ids := map[string]bool{}
		for i := range requests {
			requests[i] = <-held
			ids[string(requests[i].ID)] = true
		}
		slices.Reverse(requests)
		for _, r := range requests {
			r.Answer(r.Params, nil)
			r.Answer(r.Params, nil) // the call has its answer already, so this one belongs to no call
		}
		wg.Wait()
		synctest.Wait()
		if len(ids) != n {
			t.Error("request ids are not unique: ", ids)
		}
		if stats := s.Stats(); stats.Calls.LateAnswers != n || stats.Calls.InFlight != 0 {
			t.Errorf("%+v", stats)
		}
	})
}

func TestI1_CallTimesOutAndItsLateAnswerIsDropped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		held := make(chan *gatewaytest.Request, 1)
		gw.Handle("slow", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
			held <- r
			return gatewaytest.NoAnswer, nil
		})
		for i := range 2 { // the second round needs the timer again
			start := time.Now()
			e := wantKind(t, s.Call(t.Context(), "slow", nil, nil), rpc.KindTransport)
			if !errors.Is(e, context.DeadlineExceeded) || e.Op != "slow" || time.Since(start) != 30*time.Second {
				t.Error(e, time.Since(start))
			}
			(<-held).Answer("late", nil)
			synctest.Wait()
			stats := s.Stats()
			if stats.Calls.LateAnswers != uint64(i+1) || stats.Calls.ConsecutiveFailures != i+1 || stats.Calls.LastFailureMethod != "slow" || stats.Calls.LastFailure.IsZero() {
				t.Errorf("%+v", stats)
			}
		}
		if err := s.Call(t.Context(), "health", nil, nil); err != nil {
			t.Fatal(err)
		}
		if stats := s.Stats(); stats.Calls.ConsecutiveFailures != 0 || stats.Calls.LastSuccess.IsZero() {
			t.Errorf("%+v", stats)
		}
	})
}

func TestI1_ContextEndsCallAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		gw.Handle("slow", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return gatewaytest.NoAnswer, nil })
		cause := errors.New("changed my mind")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		start := time.Now()
		err := s.Call(ctx, "slow", nil, nil)
		wantKind(t, err, rpc.KindCanceled)
		if !errors.Is(err, cause) || time.Since(start) != time.Second {
			t.Error(err, time.Since(start))
		}
		wantKind(t, s.Call(ctx, "slow", nil, nil), rpc.KindCanceled) // it is not even sent
		short, cancel2 := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel2()
		err = s.Call(short, "slow", nil, nil)
		wantKind(t, err, rpc.KindTransport)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if stats := s.Stats(); stats.Calls.ConsecutiveFailures != 1 || stats.Calls.InFlight != 0 {
			t.Errorf("a caller's cancelling says nothing about the gateway: %+v", stats)
		}
		slow := 0
		for _, r := range gw.Received() {
			if r.Method == "slow" {
				slow++
			}
		}
		if slow != 2 {
			t.Error("requests sent: ", slow)
		}
	})
}

// A quiet program would wake up for a timer that outlives its call.
func TestI1_AnEarlierDeadlineOfTheCallerIsTheOnlyTimer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		gw.Handle("slow", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return gatewaytest.NoAnswer, nil })
		for limit, armed := range map[time.Duration]bool{5 * time.Second: false, time.Hour: true} {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			start, ended := time.Now(), make(chan error)
			go func() { ended <- s.Call(ctx, "slow", nil, nil) }()
			synctest.Wait()
			if s.Expiring() != armed {
				t.Errorf("with a limit of %v: armed %v", limit, !armed)
			}
			wantKind(t, <-ended, rpc.KindTransport)
			if took := time.Since(start); took != min(limit, 30*time.Second) {
				t.Errorf("with a limit of %v it took %v", limit, took)
			}
		}
	})
}

func TestI1_ResultShapes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		gw.Handle("echo", func(r *gatewaytest.Request) (any, *gatewaytest.Error) { return r.Params, nil })
		var raw json.RawMessage
		if err := s.Call(t.Context(), "echo", json.RawMessage(`{"a": [1,2]}`), &raw); err != nil || string(raw) != `{"a": [1,2]}` {
			t.Error(string(raw), err)
		}
		gw.Handle("null", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return nil, nil })
		value := &struct{ A int }{7}
		if err := s.Call(t.Context(), "null", nil, &value); err != nil || value != nil { // measured: an ok answer's payload may be null
			t.Error(value, err)
		}
		var wrong struct{ A int }
		wantKind(t, s.Call(t.Context(), "echo", map[string]string{"a": "text"}, &wrong), rpc.KindProtocol)
		wantKind(t, s.Call(t.Context(), "echo", json.RawMessage(`{"a":`), nil), rpc.KindInvalidParams)
		wantKind(t, s.Call(t.Context(), "echo", func() {}, nil), rpc.KindInvalidParams)
		if err := s.Call(t.Context(), "echo", json.RawMessage{}, nil); err != nil {
			t.Error(err)
		}
		wantKind(t, s.Call(t.Context(), "no\x00\"such\n", nil, nil), rpc.KindUnknownMethod) // every name is sent as valid JSON
	})
}

func TestI2_AnswersKeepTheirFields(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		gw.Handle("fail", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			return nil, &gatewaytest.Error{Code: "SOME_CODE", Message: "for people", Retryable: true, RetryAfterMs: 1500, Details: map[string]any{"code": "SOME_DETAIL", "x": 1}}
		})
		e := wantKind(t, s.Call(t.Context(), "fail", nil, nil), rpc.KindAnswer)
		if e.Op != "fail" || e.Code != "SOME_CODE" || e.DetailsCode != "SOME_DETAIL" || e.Message != "for people" ||
			!e.Retryable || e.RetryAfter != 1500*time.Millisecond || !strings.Contains(string(e.Details), `"x":1`) {
			t.Errorf("%+v", e)
		}
		if e.Error() != "rpc: fail: for people (SOME_CODE, SOME_DETAIL)" {
			t.Error(e)
		}
		if stats := s.Stats(); stats.Calls.ConsecutiveFailures != 0 || stats.Calls.LastSuccess.IsZero() {
			t.Errorf("an error answer is an answer: %+v", stats)
		}
	})
}

func TestI2_MeasuredAnswers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		wantKind(t, s.Call(t.Context(), "shutdown", nil, nil), rpc.KindUnknownMethod)
		wantKind(t, s.Call(t.Context(), "connect", nil, nil), rpc.KindInvalidParams)
		gw.SetDraining(true)
		e := wantKind(t, s.Call(t.Context(), "health", nil, nil), rpc.KindDraining)
		if e.DetailsCode != "gateway-restarting" || e.RetryAfter != time.Second {
			t.Errorf("%+v", e)
		}
		gw.SetDraining(false)
		gw.Handle("gone", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			return nil, &gatewaytest.Error{Code: "UNAVAILABLE", Message: "not retryable"}
		})
		wantKind(t, s.Call(t.Context(), "gone", nil, nil), rpc.KindAnswer)
	})
}

func TestI2_MissingScopeInOldAndNew(t *testing.T) {
	for _, protocol := range []int{3, 4} {
		bubble(t, func(t *testing.T) {
			_, s := open(t, gatewaytest.Config{Protocol: protocol}, func(o *rpc.Options) { o.Client.Mode = "ui" }) // ui without a device: no scopes
			wantKind(t, s.Call(t.Context(), "status", nil, nil), rpc.KindScope)
			if err := s.Call(t.Context(), "health", nil, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestI3_JSONRPC(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{Quirks: gatewaytest.Quirks{JSONRPC: true}})
		sub := s.Subscribe(1, "chat")
		var health struct{ OK bool }
		if err := s.Call(t.Context(), "health", nil, &health); err != nil || !health.OK {
			t.Error(health, err)
		}
		e := wantKind(t, s.Call(t.Context(), "no.such", nil, nil), rpc.KindUnknownMethod)
		if e.Code != "-32601" {
			t.Errorf("%+v", e)
		}
		gw.Handle("fail", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			return nil, &gatewaytest.Error{Code: "FORBIDDEN", Message: "no", Details: map[string]any{"code": "MISSING_SCOPE"}}
		})
		if e := wantKind(t, s.Call(t.Context(), "fail", nil, nil), rpc.KindScope); e.DetailsCode != "MISSING_SCOPE" {
			t.Errorf("%+v", e)
		}
		gw.Emit("chat", map[string]int{"n": 1})
		if event := <-sub.C(); event.Name != "chat" || string(event.Payload) != `{"n":1}` {
			t.Errorf("%+v", event)
		}
		if stats := s.Stats(); stats.UnknownFrames != 0 {
			t.Errorf("%+v", stats)
		}
	})
}

// strange are messages that no gateway sends. None of them may end the session.
var strange = []string{
	``, ` `, `{`, `}`, `[]`, `null`, `42`, `"text"`, `{}`, `{"type":7}`, `{"type":"res"}`, `{"type":"res","id":null}`,
	`{"type":"res","id":"99999"}`, `{"type":"res","id":12345678901234567890123}`, `{"type":"res","id":-1}`, `{"type":"res","id":{}}`,
	`{"type":"res","id":"002","ok":"yes"}`, `{"type":"event"}`, `{"type":"event","event":5}`, `{"type":"hello-ok"}`, `{"type":"req","id":"1","method":"x"}`,
	`{"jsonrpc":"2.0"}`, `{"jsonrpc":"2.0","id":77,"method":"x"}`, `{"jsonrpc":"1.0","id":3,"result":1}`, "\x00\x00", "{\"type\":\"event\",\"event\":\"\xff\xfe",
	`{"type":"event","event":"x"} trailing`, strings.Repeat(`[`, 100000), strings.Repeat(`{"a":`, 50000) + strings.Repeat(`}`, 50000),
	`{"type":"res","id":"2","ok":true,"payload":` + strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000) + `}`,
}

func TestI3_StrangeFramesAreCountedNotFatal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		for _, message := range strange {
			gw.Conns()[0].Raw([]byte(message))
		}
		gw.Conns()[0].Raw([]byte(`{"type":"unheard-of","token":"` + secret + `","note":"` + secret + `"}`))
		if err := s.Call(t.Context(), "health", nil, nil); err != nil {
			t.Fatal(err)
		}
		stats := s.Stats()
		if stats.UnknownFrames != uint64(len(strange)+1) || stats.Calls.LateAnswers != 0 {
			t.Errorf("%+v", stats)
		}
		if len(stats.LastUnknown) != 8 || strings.Contains(strings.Join(stats.LastUnknown, ""), secret) || !strings.Contains(stats.LastUnknown[7], "unheard-of") {
			t.Errorf("%q", stats.LastUnknown)
		}
		for _, kept := range stats.LastUnknown {
			if len(kept) > 512 {
				t.Error("kept ", len(kept), " bytes")
			}
		}
	})
}

func TestI3_NumericIDsAndBinaryFramesAreAnswers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		gw.Handle("number", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
			r.Conn.Raw(fmt.Appendf(nil, `{"ok":true,"\u0069d":%s,"payload":1,"type":"res"}`, strings.Trim(string(r.ID), `"`)))
			return gatewaytest.NoAnswer, nil
		})
		gw.Handle("binary", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
			frame := gatewaytest.TextFrame(fmt.Appendf(nil, `{"type":"res","id":%s,"ok":true,"payload":2}`, r.ID))
			frame[0] = 0x82
			r.Conn.RawBytes(frame)
			return gatewaytest.NoAnswer, nil
		})
		for want, method := range []string{1: "number", 2: "binary"} {
			var got int
			if want > 0 {
				if err := s.Call(t.Context(), method, nil, &got); err != nil || got != want {
					t.Error(method, got, err)
				}
			}
		}
	})
}

func TestI5_AtMost64InFlight(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		release := make(chan struct{})
		gw.Handle("hold", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
			return 1, nil
		})
		const calls = 200
		var wg sync.WaitGroup
		for range calls {
			wg.Go(func() {
				if err := s.Call(t.Context(), "hold", nil, nil); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if stats := s.Stats(); stats.Calls.InFlight != 64 || stats.Calls.Waiting != calls-64 || len(gw.Received()) != 1+64 {
			t.Errorf("%+v, received %d", stats, len(gw.Received()))
		}
		close(release)
		wg.Wait()
	})
}

func TestI5_WaitingForATurnEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{}, func(o *rpc.Options) { o.Limits.MaxInFlight = 1 })
		gw.Handle("hold", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return gatewaytest.NoAnswer, nil })
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.Call(t.Context(), "hold", nil, nil) })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() { wantKind(t, s.Call(ctx, "hold", nil, nil), rpc.KindCanceled) })
		wg.Go(func() {
			if err := s.Call(t.Context(), "hold", nil, nil); !errors.Is(err, rpc.ErrClosed) {
				t.Error(err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		s.Close()
		wg.Wait()
	})
}

// TestI5_SlowSubscriberAndStuckCaller: 10,000 other calls complete while one subscriber is
// slow and one call gets no answer.
func TestI5_SlowSubscriberAndStuckCaller(t *testing.T) {
	gw := gatewaytest.New(gatewaytest.Config{Token: secret, Quirks: gatewaytest.Quirks{Quiet: true}})
	url := gw.Listen(t)
	s, err := rpc.Dial(t.Context(), loopback(url))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stuck := make(chan struct{})
	gw.Handle("stuck", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
		close(stuck)
		return gatewaytest.NoAnswer, nil
	})
	slow, all := s.Subscribe(1), s.Subscribe(20000, "noise")
	ctx, cancel := context.WithCancel(t.Context())
	var caller, others sync.WaitGroup
	caller.Go(func() { wantKind(t, s.Call(ctx, "stuck", nil, nil), rpc.KindCanceled) })
	<-stuck
	gw.HandleFast("work", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
		r.Conn.Emit("noise", 1)
		return r.Params, nil
	})
	const calls, callers = 10000, 50
	for c := range callers {
		others.Go(func() {
			for i := range calls / callers {
				var got int
				if err := s.Call(t.Context(), "work", c*calls+i, &got); err != nil || got != c*calls+i {
					t.Error(got, err)
					return
				}
			}
		})
	}
	others.Wait()
	if len(all.C()) != calls || all.Dropped() != 0 || slow.Dropped() != calls-1 || len(slow.C()) != 1 {
		t.Error(len(all.C()), all.Dropped(), slow.Dropped(), len(slow.C()))
	}
	if stats := s.Stats(); stats.DroppedEvents != calls-1 || stats.Calls.InFlight != 1 {
		t.Errorf("%+v", stats)
	}
	cancel()
	caller.Wait()
}

func TestA5_EventsByNameAndUnknownOnes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{Quirks: gatewaytest.Quirks{Quiet: true}})
		all, some := s.Subscribe(10), s.Subscribe(10, "tick", "chat")
		gw.Emit("tick", map[string]int{"ts": 1})
		gw.Emit("never.heard.of", []int{1})
		gw.Emit("chat", nil)
		synctest.Wait()
		var names []string
		for range 3 {
			e := <-all.C()
			names = append(names, fmt.Sprint(e.Seq, e.Name, string(e.Payload)))
		}
		if got := strings.Join(names, " "); got != `1tick{"ts":1} 2never.heard.of[1] 3chatnull` {
			t.Error(got)
		}
		if len(some.C()) != 2 {
			t.Error(len(some.C()))
		}
		some.Close()
		some.Close()
		gw.Emit("chat", nil)
		synctest.Wait()
		for range some.C() { // the channel is closed, but the events in it can still be read
		}
		s.Close()
		<-all.C()
		if _, open := <-all.C(); open {
			t.Error("open after the session's end")
		}
		if _, open := <-s.Subscribe(1).C(); open {
			t.Error("a subscription to a session that is over must be closed")
		}
		all.Close()
	})
}

func TestC3_CloseAndAbortEndEverythingAtOnce(t *testing.T) {
	cause := errors.New("gateway stopped")
	for name, end := range map[string]func(*rpc.Session){
		"close": func(s *rpc.Session) { s.Close() },
		"abort": func(s *rpc.Session) { s.Abort(cause) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gw, s := open(t, gatewaytest.Config{})
				gw.Silence(true) // it does not read either
				var wg sync.WaitGroup
				big := strings.Repeat("x", 64<<10)
				for range 70 {
					wg.Go(func() {
						err := s.Call(t.Context(), "health", big, nil)
						wantKind(t, err, rpc.KindCanceled)
						if !errors.Is(err, rpc.ErrClosed) || name == "abort" && !errors.Is(err, cause) {
							t.Error(err)
						}
					})
				}
				wg.Go(func() { wantKind(t, s.Ping(t.Context()), rpc.KindCanceled) })
				synctest.Wait()
				start := time.Now()
				for range 3 {
					wg.Go(func() { end(s) })
				}
				wg.Wait()
				<-s.Done()
				if time.Since(start) != 0 {
					t.Error("took ", time.Since(start))
				}
				var closed *rpc.CloseError
				if !errors.As(s.Err(), &closed) || closed.Code != 0 || !errors.Is(s.Err(), rpc.ErrClosed) {
					t.Errorf("%#v", s.Err())
				}
				if err := s.Call(t.Context(), "health", nil, nil); !errors.Is(err, rpc.ErrClosed) {
					t.Error(err)
				}
				s.Abort(nil)
			})
		})
	}
}

// TestC3_PeerThatNeverReads is the same over real sockets, whose buffers fill up.
func TestC3_PeerThatNeverReads(t *testing.T) {
	gw := gatewaytest.New(gatewaytest.Config{Token: secret})
	s, err := rpc.Dial(t.Context(), loopback(gw.Listen(t)))
	if err != nil {
		t.Fatal(err)
	}
	gw.Silence(true)
	big := strings.Repeat("x", 8<<20)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			callCtx := t.Context()
			if i == 0 {
				callCtx = ctx
			}
			err := s.Call(callCtx, "health", big, nil)
			if i == 0 {
				wantKind(t, err, rpc.KindCanceled)
				s.Close() // only now, because the context alone has to end the call
			} else if !errors.Is(err, rpc.ErrClosed) {
				t.Error(err)
			}
		})
	}
	cancel()
	wg.Wait()
}

func TestG2_ShutdownNoticeAndClose(t *testing.T) {
	for _, old := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			gw, s := open(t, gatewaytest.Config{Quirks: gatewaytest.Quirks{OldProbes: old, NoBootID: old}})
			sub := s.Subscribe(1, "shutdown")
			gw.Restart()
			<-s.Done()
			var closed *rpc.CloseError
			if !errors.As(s.Err(), &closed) || closed.Code != 1012 || closed.Reason != "service restart" {
				t.Fatalf("%#v", s.Err())
			}
			if n := closed.Notice; n == nil || !n.Restarts || n.RestartExpected != 1500*time.Millisecond || n.Reason != "gateway restarting" {
				t.Errorf("%+v", n)
			}
			if e := <-sub.C(); e.Name != "shutdown" {
				t.Error(e)
			}
			gw2, s2 := open(t, gatewaytest.Config{Quirks: gatewaytest.Quirks{OldProbes: old}})
			gw2.Shutdown(0)
			<-s2.Done()
			if !errors.As(s2.Err(), &closed) || closed.Notice == nil || closed.Notice.Restarts {
				t.Errorf("a stop is no restart: %#v", closed)
			}
		})
	}
}

func TestG2_BootIDChangesWithARestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		before := s.Hello().Server.BootID
		gw.Restart()
		<-s.Done()
		s, err := rpc.Dial(t.Context(), memory(gw))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if after := s.Hello().Server.BootID; before == "" || after == "" || after == before || after != gw.BootID() {
			t.Error(before, after)
		}
	})
}

func TestG3_CloseCodes(t *testing.T) {
	for _, code := range []int{1000, 1002, 1006, 1008, 1009, 1011, 1012, 1013, 4001} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gw, s := open(t, gatewaytest.Config{})
				gw.Handle("hold", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return gatewaytest.NoAnswer, nil })
				var wg sync.WaitGroup
				wg.Go(func() {
					var closed *rpc.CloseError
					if err := s.Call(t.Context(), "hold", nil, nil); !errors.As(err, &closed) || closed.Code != code || !errors.Is(err, rpc.ErrClosed) {
						t.Error(err)
					}
				})
				synctest.Wait()
				gw.CloseAll(code, "because")
				<-s.Done()
				wg.Wait()
				var closed *rpc.CloseError
				if !errors.As(s.Err(), &closed) || closed.Code != code || closed.Notice != nil || code != 1006 && closed.Reason != "because" {
					t.Errorf("%#v", s.Err())
				}
			})
		})
	}
}

// TestI5_BrokenFrames: bytes that break the WebSocket protocol end the session, and every
// call gets an error.
func TestI5_BrokenFrames(t *testing.T) {
	for name, wire := range map[string][]byte{
		"reserved opcode":    {0x83, 0},
		"reserved bit":       {0xc1, 0},
		"masked":             {0x81, 0x80, 1, 2, 3, 4},
		"continuation first": {0x80, 0},
		"long control":       append([]byte{0x89, 126, 1, 0}, make([]byte, 256)...),
		"close code 1":       {0x88, 2, 0, 1},
		"half a close code":  {0x88, 1, 3},
		"huge length":        {0x81, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"negative length":    {0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gw, s := open(t, gatewaytest.Config{})
				gw.Conns()[0].RawBytes(wire)
				<-s.Done()
				if !errors.Is(s.Err(), rpc.ErrClosed) {
					t.Error(s.Err())
				}
			})
		})
	}
}

func TestI5_FragmentsFloodsAndLargeFrames(t *testing.T) {
	gw := gatewaytest.New(gatewaytest.Config{Token: secret})
	s, err := rpc.Dial(t.Context(), loopback(gw.Listen(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	gw.Handle("fragments", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
		answer := fmt.Appendf(nil, `{"type":"res","id":%s,"ok":true,"payload":"%s"}`, r.ID, bytes.Repeat([]byte("y"), 10000))
		r.Conn.Fragments(slices.Collect(slices.Chunk(answer, 7))...)
		return gatewaytest.NoAnswer, nil
	})
	var text string
	if err := s.Call(t.Context(), "fragments", nil, &text); err != nil || len(text) != 10000 {
		t.Error(len(text), err)
	}
	large := strings.Repeat("z", 25<<20-100)
	gw.Handle("large", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return large, nil })
	if err := s.Call(t.Context(), "large", nil, &text); err != nil || text != large {
		t.Error(len(text), err)
	}
	const flood = 5000
	sub := s.Subscribe(flood, "flood")
	for range flood {
		gw.Emit("flood", "x")
	}
	for range flood {
		<-sub.C()
	}
	gw.Conns()[0].RawBytes([]byte{0x81, 127, 0, 0, 0, 0, 0x10, 0, 0, 0}) // announces 256 MiB
	<-s.Done()
	if !errors.Is(s.Err(), rpc.ErrClosed) {
		t.Error(s.Err())
	}
}

func TestI5_PolicyOfTheGatewayIsObeyed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{Policy: gatewaytest.Policy{MaxPayload: 1000}})
		wantKind(t, s.Call(t.Context(), "health", strings.Repeat("x", 1000), nil), rpc.KindInvalidParams)
		if err := s.Call(t.Context(), "health", strings.Repeat("x", 700), nil); err != nil {
			t.Error(err)
		}
		s.IgnorePolicy()
		err := s.Call(t.Context(), "health", strings.Repeat("x", 1000), nil)
		var closed *rpc.CloseError
		if !errors.As(err, &closed) || closed.Code != 1009 {
			t.Errorf("%#v", err)
		}
		_ = gw
	})
}

func TestI5_BusyBeyond256OverAllClients(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{}, func(o *rpc.Options) { o.Limits.MaxInFlight = 300 })
		gw.Handle("hold", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
			<-r.Context().Done()
			return gatewaytest.NoAnswer, nil
		})
		busy := make(chan error, 300)
		var wg sync.WaitGroup
		for range 300 {
			wg.Go(func() { busy <- s.Call(t.Context(), "hold", nil, nil) })
		}
		synctest.Wait()
		if len(busy) != 300-256 {
			t.Error(len(busy))
		}
		e := wantKind(t, <-busy, rpc.KindBusy)
		if rule := rpc.RuleFor(e); !rule.Retry || rule.Notify {
			t.Errorf("%+v", rule)
		}
		s.Close()
		wg.Wait()
	})
}

func TestF4_PingAnswersAndServerPingsAreAnswered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{})
		if err := s.Ping(t.Context()); err != nil || s.Stats().LastPong.IsZero() {
			t.Error(err)
		}
		pongs := make(chan string, 10)
		gw.Conns()[0].OnPong(func(payload string) { pongs <- payload })
		gw.Conns()[0].Ping([]byte("hello?"))
		if got := <-pongs; got != "hello?" {
			t.Error(got)
		}
		gw.Conns()[0].Ping(nil)
		if got := <-pongs; got != "" {
			t.Error(got)
		}
		gw.Silence(true)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		wantKind(t, s.Ping(ctx), rpc.KindTransport)
	})
}

func TestDialNeverUsesAProxy(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	gw := gatewaytest.New(gatewaytest.Config{Token: secret})
	url := gw.Listen(t)
	s, err := rpc.Dial(t.Context(), loopback(url))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if h, err := loopback(url).Gateway.Healthz(t.Context()); err != nil || !h.Live {
		t.Error(h, err)
	}
}

// TestXR2_NoEventIsLostAfterHello: a gateway sends presence and health directly after it
// has accepted a connection (measured), and a subscriber in OnSession gets both.
func TestXR2_NoEventIsLostAfterHello(t *testing.T) {
	gw := gatewaytest.New(gatewaytest.Config{Token: secret})
	o := loopback(gw.Listen(t))
	for range 20 {
		var all, some *rpc.Subscription
		var given *rpc.Session
		o.OnSession = func(s *rpc.Session) {
			given = s
			all, some = s.Subscribe(10), s.Subscribe(10, "health")
			runtime.Gosched() // the caller may do anything here
		}
		s, err := rpc.Dial(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Call(t.Context(), "health", nil, nil); err != nil { // its answer comes after the events
			t.Fatal(err)
		}
		s.Close()
		var got []string
		for e := range all.C() {
			got = append(got, fmt.Sprint(e.Name, e.Seq))
		}
		for e := range some.C() {
			got = append(got, fmt.Sprint(e.Name, e.Seq))
		}
		if strings.Join(got, " ") != "presence1 health2 health2" || given != s {
			t.Fatal(got)
		}
	}
}

// TestXR3_SecretsOfUnknownFramesAreRedactedWhenShown: unknown frames are kept unredacted,
// because redacting a flood of them would delay the calls, and because the redactor may
// learn a secret later.
func TestXR3_SecretsOfUnknownFramesAreRedactedWhenShown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		redact := redact.New()
		gw, s := open(t, gatewaytest.Config{}, func(o *rpc.Options) { o.Redactor = redact })
		for i := range 3000 {
			gw.Conns()[0].Raw(fmt.Appendf(nil, `{"type":"evnt","n":%d,"note":"canary-learned-later","payload":"%s"}`, i, strings.Repeat("word ", 800)))
		}
		if err := s.Call(t.Context(), "health", nil, nil); err != nil {
			t.Fatal(err)
		}
		if stats := s.Stats(); stats.UnknownFrames != 3000 || !strings.Contains(stats.LastUnknown[7], "canary-learned-later") {
			t.Errorf("%+v", stats)
		}
		redact.Add("canary-learned-later")
		stats := s.Stats()
		for i, text := range stats.LastUnknown {
			if strings.Contains(text, "canary") || len(text) > 512 || !strings.Contains(text, fmt.Sprintf(`"n":%d`, 2992+i)) {
				t.Errorf("%d: %q", i, text)
			}
		}
		s.Close()
		if again := s.Stats(); !slices.Equal(again.LastUnknown, stats.LastUnknown) {
			t.Errorf("after the end: %q", again.LastUnknown)
		}
	})
}

// TestXR5_WaitingForATurnCountsAgainstTheCallsTime: the wait and the call have 30 s
// together.
func TestXR5_WaitingForATurnCountsAgainstTheCallsTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s := open(t, gatewaytest.Config{}, func(o *rpc.Options) { o.Limits.MaxInFlight = 1 })
		gw.Handle("hold", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return gatewaytest.NoAnswer, nil })
		for _, held := range []time.Duration{29 * time.Second, 31 * time.Second} { // in the first case the turn comes in time, in the second too late
			ctx, cancel := context.WithCancel(t.Context())
			var first sync.WaitGroup
			first.Go(func() { _ = s.Call(ctx, "hold", nil, nil) })
			synctest.Wait()
			time.AfterFunc(held, cancel)
			start := time.Now()
			err := s.Call(t.Context(), "hold", nil, nil)
			if e := wantKind(t, err, rpc.KindTransport); !errors.Is(e, context.DeadlineExceeded) || time.Since(start) != 30*time.Second {
				t.Errorf("held for %v: %v after %v", held, err, time.Since(start))
			}
			first.Wait()
			if stats := s.Stats(); stats.Calls.InFlight != 0 || stats.Calls.Waiting != 0 {
				t.Errorf("%+v", stats)
			}
			cancel()
		}
	})
}

// stubborn is a result whose decoding waits until the test allows it.
type stubborn chan struct{}

func (s stubborn) UnmarshalJSON([]byte) error {
	<-s
	return nil
}

// TestXR11_WaitingForATurnEndsWhoeverHoldsIt: a call ends in time although the call that has
// the turn never finishes.
func TestXR11_WaitingForATurnEndsWhoeverHoldsIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, s := open(t, gatewaytest.Config{}, func(o *rpc.Options) { o.Limits.MaxInFlight = 1 })
		release := make(stubborn)
		var first sync.WaitGroup
		first.Go(func() { _ = s.Call(t.Context(), "health", nil, &release) })
		synctest.Wait()
		time.AfterFunc(time.Hour, func() { close(release) })
		start := time.Now()
		err := s.Call(t.Context(), "health", nil, nil)
		if e := wantKind(t, err, rpc.KindTransport); !errors.Is(e, context.DeadlineExceeded) || time.Since(start) != 30*time.Second {
			t.Error(err, time.Since(start))
		}
		first.Wait()
	})
}

// TestXS11_LargestFrame: a message of 32 MiB is read, one more byte ends the session, and a
// large answer needs little more memory than its size.
func TestXS11_LargestFrame(t *testing.T) {
	const largest = 32 << 20
	gw := gatewaytest.New(gatewaytest.Config{Token: secret, Quirks: gatewaytest.Quirks{Quiet: true}, Policy: gatewaytest.Policy{MaxPayload: 1 << 40}})
	s, err := rpc.Dial(t.Context(), loopback(gw.Listen(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	frames := make(chan []byte, 1)
	gw.Handle("large", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
		r.Conn.RawBytes(<-frames)
		return gatewaytest.NoAnswer, nil
	})
	answer := func(id string, size int) {
		head, tail := `{"type":"res","ok":true,"id":"`+id+`","payload":"`, `"}`
		frames <- gatewaytest.TextFrame(fmt.Appendf(nil, "%s%s%s", head, bytes.Repeat([]byte("x"), size-len(head)-len(tail)), tail))
	}
	answer("2", largest)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var raw json.RawMessage
	if err := s.Call(t.Context(), "large", nil, &raw); err != nil || len(raw) < largest-100 {
		t.Fatal(len(raw), err)
	}
	runtime.ReadMemStats(&after)
	if cost := after.TotalAlloc - before.TotalAlloc; cost > 3*largest {
		t.Errorf("one frame of 32 MiB made the client allocate %d MiB", cost>>20)
	}
	answer("3", largest+1)
	if err := s.Call(t.Context(), "large", nil, nil); !errors.Is(err, rpc.ErrClosed) {
		t.Error("more than 32 MiB: ", err)
	}
}

// TestI5_FastSubscriberLosesNothingOfAFlood: it gets every event, although the reader could
// keep the only processor for long.
func TestI5_FastSubscriberLosesNothingOfAFlood(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	gw := gatewaytest.New(gatewaytest.Config{Token: secret, Quirks: gatewaytest.Quirks{Quiet: true}})
	s, err := rpc.Dial(t.Context(), loopback(gw.Listen(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const flood = 20000
	sub, stuck := s.Subscribe(64, "noise"), s.Subscribe(64, "noise")
	go gw.Conns()[0].RawBytes(bytes.Repeat(gatewaytest.TextFrame([]byte(`{"type":"event","event":"noise","payload":{"text":"word"}}`)), flood))
	for range flood {
		select {
		case <-sub.C():
		case <-s.Done():
			t.Fatal(s.Err())
		}
		if sub.Dropped() > 0 {
			t.Fatal("lost ", sub.Dropped())
		}
	}
	if stuck.Dropped() != flood-64 {
		t.Error(stuck.Dropped())
	}
}
