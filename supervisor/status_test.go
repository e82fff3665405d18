package supervisor

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestA1_AStartShowsEveryPhaseAndField(t *testing.T) {
	slow := behaviour{listen: 2 * time.Second, sidecars: 3 * time.Second, lines: []string{"[gateway] loading plugins"}}
	play(t, behaving(slow), nil, func(s *scene) {
		began := time.Now()
		time.AfterFunc(5*time.Second+time.Millisecond, func() { s.host.current().say("2026-11-22T11:11:08.021+00:00 " + readyLine) })
		s.start()
		time.Sleep(10 * time.Second)
		var phases []Phase
		for _, st := range s.trace {
			if st.State == Starting && (len(phases) == 0 || phases[len(phases)-1] != st.Phase) {
				phases = append(phases, st.Phase)
				if want := st.PhaseSince; want.Before(began) || want.After(began.Add(5*time.Second)) {
					t.Errorf("phase %v since %v", st.Phase, want.Sub(began))
				}
			}
		}
		if want := []Phase{Idle, Resolving, Spawned, Listening, Challenged, Sidecars}; !slices.Equal(phases, want) {
			t.Errorf("phases %v, want %v", phases, want)
		}
		st := s.Status()
		want := Status{Seq: st.Seq, State: Running, Since: began.Add(5 * time.Second), Phase: Ready, PhaseSince: began.Add(5 * time.Second), Mode: Managed,
			Cause: Cause{Code: UserStart, At: began}, Port: testPort, PID: 1000, StartedAt: began, ConnectedAt: began.Add(5 * time.Second),
			GatewayVersion: "2026.9.6", GatewayReady: true, Launches: 1, MaxAttempts: 10,
			Facts: Facts{ProcessAlive: true, PortOpen: true, ProtocolAlive: true, RPCAlive: true}, Health: Health{Level: Healthy}}
		for _, at := range []*time.Time{&st.Since, &st.PhaseSince, &st.Cause.At, &st.StartedAt, &st.ConnectedAt} {
			*at = at.Round(100 * time.Millisecond) // the exact time depends on the polls
		}
		if st.Health.Reasons = nil; !same(st, want) {
			t.Errorf("got  %+v\nwant %+v", st, want)
		}
		if up := s.Status().Uptime(time.Now()); up.Round(100*time.Millisecond) != 15*time.Second {
			t.Errorf("up for %v", up)
		}
		if up := s.Status().Uptime(time.Now().Add(-24 * time.Hour)); up != 0 {
			t.Errorf("after the clock was set back a day it was up for %v", up)
		}
	})
}

// In a slow start, the line saves a second.
func TestA1_TheReadyLineIsSeen(t *testing.T) {
	const takes = 40*time.Second + 400*time.Millisecond
	play(t, behaving(behaviour{sidecars: takes}), nil, func(s *scene) {
		began := time.Now()
		time.AfterFunc(takes+time.Millisecond, func() {
			s.host.current().say("2026-11-28T07:42:02.557+00:00 " + readyLine)
		})
		s.start()
		if took := s.Status().ConnectedAt.Sub(began); took > takes+100*time.Millisecond {
			t.Errorf("connected after %v", took)
		}
	})
}

func TestA1_TheCauseCarriesTheLastLine(t *testing.T) {
	dies := behaviour{listen: time.Second, dies: 5 * time.Second, exit: Exit{Code: 1}, lines: []string{"Error: out of cheese"}}
	play(t, behaving(dies), nil, func(s *scene) {
		s.start()
		st := s.until("lost", func(st Status) bool { return st.State == Reconnecting && st.Cause.Code == Exited })
		if st.Cause.LastLine != "Error: out of cheese" || st.NextRetryAt.IsZero() || st.Cause.At.IsZero() {
			t.Errorf("status %+v", st)
		}
	})
}

func TestA2_ALateObserverGetsTheNewestFirst(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		ctx, stop := context.WithCancel(s.t.Context())
		defer stop()
		newest := s.Status().Seq
		var seen []uint64
		for st := range s.Watch(ctx) {
			if seen = append(seen, st.Seq); len(seen) == 1 {
				go s.Do(s.t.Context(), Request{Intent: Stop})
			}
			if st.State == Stopped && !st.Stopping() {
				break
			}
		}
		for i, n := range seen {
			if n != newest+uint64(i) {
				t.Errorf("saw %v, want all from %d on", seen, newest)
				break
			}
		}
	})
}

func TestA2_ASlowObserverDelaysNobodyAndMissesNothing(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		stuck := make(chan struct{})
		var late []Status
		done := make(chan struct{})
		go func() {
			defer close(done)
			for st := range s.Watch(s.t.Context()) {
				if len(late) == 0 {
					<-stuck
				}
				if late = append(late, st); st.State == Running && st.Launches == 5 {
					return
				}
			}
		}()
		synctest.Wait()
		began := time.Now()
		for range 5 {
			s.start()
			s.must(Request{Intent: Stop}, ResultStopped)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("five starts and stops took %v beside a stuck observer", took)
		}
		close(stuck)
		<-done
		for i := 1; i < len(late); i++ {
			if late[i].Seq != late[i-1].Seq+1 {
				t.Errorf("%d after %d", late[i].Seq, late[i-1].Seq)
			}
		}
	})
}

func TestB8_TheFinalErrorSaysWhatWasTried(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 7}, lines: []string{"Error: no cheese"}}), nil, func(s *scene) {
		_, err := s.Do(s.t.Context(), Request{Intent: Start})
		if err == nil {
			t.Fatal("it started")
		}
		for _, part := range []string{"exit code 7", "Tried 3 times on port 18789", "node openclaw.mjs gateway", "Error: no cheese"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not in %q", part, err)
			}
		}
		if st := s.Status(); st.Error != err.Error() {
			t.Errorf("the status says %q", st.Error)
		}
	})
}

func TestB8_OneTryIsCountedAsOne(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 1}, lines: []string{"database or disk is full"}}), nil, func(s *scene) {
		for range 2 { // a second start by a person resets the count
			if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != DiskFull || !strings.Contains(err.Error(), "Tried once on port") {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestC5_AStopResetsEverything(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, dies: 3 * time.Second, exit: Exit{Code: 1}}), nil, func(s *scene) {
		s.start()
		st := s.until("a third attempt", func(st Status) bool { return st.Attempts == 3 && st.State == Running })
		s.host.current().gw.Silence(true) // a call is waiting, and fails
		if _, err := s.Report(s.t.Context()); err != nil || st.PID == 0 {
			t.Fatal(err)
		}
		deferred := make(chan Answer, 1)
		go func() {
			a, _ := s.Do(s.t.Context(), Request{Intent: Restart, Automatic: true})
			deferred <- a
		}()
		synctest.Wait()
		s.must(Request{Intent: Stop}, ResultStopped)
		if a := <-deferred; a.Result != ResultSuperseded {
			t.Errorf("the deferred restart ended in %q", a.Result)
		}
		n := s.host.launches()
		time.Sleep(time.Hour)
		if s.host.launches() != n {
			t.Error("the deferred restart came after the stop")
		}
		st = s.Status()
		if st.Attempts != 0 || st.PID != 0 || st.Uptime(time.Now()) != 0 || !st.NextRetryAt.IsZero() || st.Facts != (Facts{}) || st.GatewayReady || !st.ConnectedAt.IsZero() {
			t.Errorf("status %+v", st)
		}
		r, err := s.Report(s.t.Context())
		if err != nil || r.UptimeMs != 0 || r.Diagnostics.ConsecutiveMisses != 0 || r.Diagnostics.ConsecutiveRPCFailures != 0 {
			t.Errorf("diagnostics %+v, %v", r.Diagnostics, err)
		}
	})
}

func TestF4_RunningMeansAllFourFacts(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, sidecars: time.Second}), nil, func(s *scene) {
		s.start()
		// Each fact appears separately, before the next one.
		var seen []Facts
		for _, st := range s.trace {
			if len(seen) == 0 || seen[len(seen)-1] != st.Facts {
				seen = append(seen, st.Facts)
			}
			if (st.State == Running) != st.Facts.All() {
				t.Errorf("%v with %+v", st.State, st.Facts)
			}
		}
		want := []Facts{{}, {ProcessAlive: true}, {ProcessAlive: true, PortOpen: true}, {ProcessAlive: true, PortOpen: true, ProtocolAlive: true}, {true, true, true, true}}
		if !slices.Equal(seen, want) {
			t.Errorf("saw %+v", seen)
		}
		s.host.current().gw.CloseAll(1006, "")
		if st := s.until("lost", in(Reconnecting)); st.Facts != (Facts{ProcessAlive: true}) {
			t.Errorf("without a connection: %+v", st.Facts)
		}
	})
}

// TestA1_WaitingSaysUntilWhen: a status with the phase Waiting always says until when, also
// at the end of the wait and when an order ends it. checkTrace checks every status.
func TestA1_WaitingSaysUntilWhen(t *testing.T) {
	for name, end := range map[string]func(*scene){
		"the next try": func(s *scene) { s.until("running again", in(Running)) },
		"retry now":    func(s *scene) { s.must(Request{Intent: Retry}, ResultRunning) },
		"stop":         func(s *scene) { s.must(Request{Intent: Stop}, ResultStopped) },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, healthy, nil, func(s *scene) {
				s.start()
				s.now()
				s.host.current().finish(Exit{Code: -1, Signal: "SIGKILL"})
				s.until("waiting", func(st Status) bool { return st.Phase == Waiting })
				end(s)
			})
		})
	}
}
