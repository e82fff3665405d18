package supervisor

import (
	"sync/atomic"
	"testing"
	"time"

	"clawtray/rpc/gatewaytest"
)

// R4: a request that waits until the gateway is idle waits longer than any limit, and
// interrupts no work.
func TestR4_WhenIdleWaitsForTheWork(t *testing.T) {
	const work = 3 * time.Hour
	for intent, result := range map[Intent]Result{Quit: ResultStopped, Restart: ResultRestarted} {
		t.Run(string(intent), func(t *testing.T) {
			aborted := make(chan string, 9)
			var idle atomic.Bool
			play(t, behaving(behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) { working(gw, &idle, aborted) }}), nil, func(s *scene) {
				s.start()
				began := time.Now()
				time.AfterFunc(work, func() { idle.Store(true) })
				s.must(Request{Intent: intent, WhenIdle: true}, result)
				if took := time.Since(began); took < work || took > work+time.Minute || len(aborted) != 0 {
					t.Errorf("took %v, aborted %d", took, len(aborted))
				}
			})
		})
	}
}

// R4: a second request, or one with Now, ends the wait.
func TestR4_NowEndsTheWaitForIdle(t *testing.T) {
	aborted := make(chan string, 9)
	var idle atomic.Bool
	play(t, behaving(behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) { working(gw, &idle, aborted) }}), nil, func(s *scene) {
		s.start()
		waits := make(chan struct{})
		go func() {
			defer close(waits)
			_, _ = s.Do(s.t.Context(), Request{Intent: Quit, WhenIdle: true})
		}()
		time.Sleep(time.Hour) // virtual
		began := time.Now()
		s.must(Request{Intent: Quit, Now: true}, ResultStopped)
		if took := time.Since(began); took > 5*time.Second || len(aborted) != 1 {
			t.Errorf("took %v, aborted %d", took, len(aborted))
		}
		<-waits
	})
}

// working makes a gateway have one active run until idle is true.
func working(gw *gatewaytest.Gateway, idle *atomic.Bool, aborted chan<- string) {
	gw.Handle("gateway.restart.preflight", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
		n := 1
		if idle.Load() {
			n = 0
		}
		return map[string]any{"safe": n == 0, "counts": map[string]any{"totalActive": n}}, nil
	})
	gw.Handle("sessions.list", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
		return map[string]any{"sessions": []map[string]any{{"key": "agent:main:busy", "hasActiveRun": !idle.Load()}}}, nil
	})
	gw.Handle("chat.abort", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
		idle.Store(true)
		aborted <- string(r.Params)
		return map[string]any{"ok": true}, nil
	})
}
