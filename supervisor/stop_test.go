package supervisor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc/gatewaytest"
)

func TestC4_ALogoutIsOverInFourSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aborted := make(chan string, 9)
		h := behaving(behaviour{listen: time.Second, ignoreTerm: true, remains: 2, setup: func(gw *gatewaytest.Gateway) { busy(gw, aborted) }})(t)
		s := New(Config{Port: testPort}, h)
		ctx, logout := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.Run(ctx); close(ended) }()
		if _, err := s.Do(t.Context(), Request{Intent: Start}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		began := time.Now()
		logout()
		<-ended
		if took := time.Since(began); took > 4*time.Second || took < 2*time.Second {
			t.Errorf("took %v; the gateway is to have most of 4 s", took)
		}
		if len(aborted) != 0 || h.alive() != 0 || len(h.left()) != 0 || h.current().terminated != 1 {
			t.Errorf("aborted %d, %d alive, %d descendants, signalled %d times", len(aborted), h.alive(), len(h.left()), h.current().terminated)
		}
		h.close()
	})
}

// A gateway that finishes its work before a stop or a restart of its own does not say how much
// is left. It is given the same time as any other active work.
func TestC4_AGatewayThatDrainsAlreadyIsWaitedFor(t *testing.T) {
	for name, c := range map[string]struct{ drains, least time.Duration }{
		"it ends in time": {8 * time.Second, 8 * time.Second},
		"it does not":     {time.Hour, DefaultPolicy().DrainStop},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, behaving(behaviour{listen: time.Second}), nil, func(s *scene) {
				s.start()
				time.Sleep(time.Minute)
				p := s.host.current()
				p.gw.SetDraining(true)
				time.AfterFunc(c.drains, func() { p.finish(Exit{}) })
				began := time.Now()
				s.must(Request{Intent: Stop}, ResultStopped)
				if took := time.Since(began); took < c.least || took > c.least+5*time.Second {
					t.Errorf("took %v, want %v", took, c.least)
				}
			})
		})
	}
}

func TestC2_OnlyAStopAsksAnAttachedGatewayToEnd(t *testing.T) {
	for intent, want := range map[Intent]int{Stop: 1, Quit: 0} {
		t.Run(string(intent), func(t *testing.T) {
			asked := 0
			play(t, func(t *testing.T) *fakeHost {
				h := visited(t)
				h.stranger.Handle("gateway.stop", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
					asked++
					return map[string]any{"ok": true}, nil
				})
				return h
			}, nil, func(s *scene) {
				s.start()
				s.must(Request{Intent: intent}, ResultLeftRunning)
				if asked != want {
					t.Errorf("asked %d times, want %d", asked, want)
				}
			})
		})
	}
}

func TestG2_AnAnnouncedStopIsNotDisturbed(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, stop: 8 * time.Second}), nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		p := s.host.current()
		n := p.gw.Connects()
		p.Terminate(s.t.Context()) // somebody else terminates it; its port stays open for eight seconds
		s.until("lost", in(Reconnecting))
		st := s.until("running", in(Running))
		if p.gw.Connects() != n || s.host.launches() != 2 || st.Incidents[0].Cause.Code != StoppedOutside {
			t.Errorf("%d connects to a gateway that ends, %d launches, incidents %+v", p.gw.Connects()-n, s.host.launches(), st.Incidents)
		}
	})
}
