package supervisor

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc/gatewaytest"
)

// changed returns settings that take effect at the gateway's next start, as package
// settings makes them.
func changed(adopted *atomic.Int32) Settings {
	before := adopted.Load()
	return Settings{Policy: DefaultPolicy(), Port: 19000, Adopt: func() { adopted.Add(1) },
		Pending: func() []string {
			if adopted.Load() > before {
				return nil
			}
			return []string{"node"}
		}}
}

func reasons(s Status) string {
	var codes []string
	for _, r := range s.Health.Reasons {
		codes = append(codes, string(r.Code)+": "+r.Text)
	}
	return strings.Join(codes, "\n")
}

// TestSettingsWaitForTheNextStart: the status names the settings that the running gateway
// cannot take over. A restart then uses a new process, although the gateway could restart
// in place.
func TestSettingsWaitForTheNextStart(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, restarts: true}), nil, func(s *scene) {
		var adopted atomic.Int32
		s.start()
		s.Configure(changed(&adopted))
		st := s.until("it is said", func(s Status) bool { return len(s.Pending) > 0 })
		if st.State != Running || st.Port != testPort || adopted.Load() != 0 || !strings.Contains(reasons(st), "settings-pending: Restart to use the new settings: port 19000, node") {
			t.Errorf("adopted %d times, status %+v", adopted.Load(), st)
		}
		s.must(Request{Intent: Restart}, ResultRestarted)
		synctest.Wait()
		st = s.Status()
		if s.host.launches() != 2 || adopted.Load() != 1 || st.Port != 19000 || len(st.Pending) != 0 || st.Health.Level != Healthy {
			t.Errorf("%d launches, adopted %d times, status %+v", s.host.launches(), adopted.Load(), st)
		}
		s.must(Request{Intent: Restart}, ResultRestarted)
		if s.host.launches() != 2 {
			t.Error("a restart without new settings is not in place any more")
		}
	})
}

func TestSettingsOfAStoppedGatewayAreAdoptedAtOnce(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		var adopted atomic.Int32
		s.Configure(changed(&adopted))
		if st := s.until("the new port", func(s Status) bool { return s.Port == 19000 }); adopted.Load() != 1 || len(st.Pending) != 0 {
			t.Errorf("adopted %d times, status %+v", adopted.Load(), st)
		}
		s.start()
		if st := s.Status(); st.Port != 19000 || st.Health.Level != Healthy {
			t.Errorf("status %+v", st)
		}
	})
}

// TestARetryWithNewSettingsStartsAfresh: a retry uses a new token when the gateway has
// refused the old one, for our own gateway and for somebody else's.
func TestARetryWithNewSettingsStartsAfresh(t *testing.T) {
	refuses := behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) { gw.SetToken("another") }}
	play(t, behaving(refuses, behaviour{listen: time.Second}), nil, func(s *scene) {
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != TokenMismatch {
			t.Fatalf("got %v", err)
		}
		var adopted atomic.Int32
		s.Configure(changed(&adopted))
		s.must(Request{Intent: Retry}, ResultRunning)
		if adopted.Load() != 1 || s.host.launches() != 2 {
			t.Errorf("adopted %d times, %d launches", adopted.Load(), s.host.launches())
		}
	})
}

// TestMistakesInTheSettingsAreShown, before and after a start, until they are corrected.
func TestMistakesInTheSettingsAreShown(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		none := func() []string { return nil }
		set := Settings{Policy: DefaultPolicy(), Port: testPort, Adopt: func() {}, Pending: none, Mistakes: []string{"line 3 (prot): there is no such setting"}}
		s.Configure(set)
		s.until("it is said before a start", func(s Status) bool {
			return strings.Contains(reasons(s), "not-running") && strings.Contains(reasons(s), "line 3")
		})
		s.start()
		if st := s.Status(); st.Health.Level != Degraded || !strings.Contains(reasons(st), "clawtray's settings have mistakes: line 3") {
			t.Errorf("status %+v", st)
		}
		s.must(Request{Intent: Stop}, ResultStopped)
		if got := reasons(s.Status()); !strings.Contains(got, "line 3") {
			t.Errorf("after a stop: %s", got)
		}
		s.start()
		set.Mistakes = nil
		s.Configure(set)
		s.until("well again", func(s Status) bool { return s.Health.Level == Healthy && len(s.SettingsMistakes) == 0 })
	})
}

// TestPolicyIsInForceAtOnce: a changed policy also applies to the running gateway.
func TestPolicyIsInForceAtOnce(t *testing.T) {
	aborted := make(chan string, 9)
	play(t, behaving(behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) { busy(gw, aborted) }}), nil, func(s *scene) {
		s.start()
		set := Settings{Policy: DefaultPolicy(), Port: testPort, Adopt: func() {}, Pending: func() []string { return nil }}
		set.Policy.DrainRestart, set.Policy.DrainStop = 5*time.Second, 2*time.Second
		s.Configure(set)
		began := time.Now()
		s.must(Request{Intent: Restart}, ResultRestarted)
		if took := time.Since(began); took < 5*time.Second || took > 15*time.Second {
			t.Errorf("the restart took %v, with 5 s for active work", took)
		}
		began = time.Now()
		s.must(Request{Intent: Stop}, ResultStopped)
		if took := time.Since(began); took < 2*time.Second || took > 5*time.Second {
			t.Errorf("the stop took %v, with 2 s for active work", took)
		}
	})
}

// TestAReloadLooksAtTheSettings: a reload calls OnReload, so that the settings are read
// again.
func TestAReloadLooksAtTheSettings(t *testing.T) {
	var asked atomic.Int32
	play(t, healthy, func(c *Config) { c.OnReload = func() { asked.Add(1) } }, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		if _, err := s.Do(s.t.Context(), Request{Intent: Reload}); err != nil || asked.Load() != 1 {
			t.Errorf("%v, asked %d times", err, asked.Load())
		}
	})
}

// TestSettingsDoNotMoveTheGatewayBack: when a person chooses another port while settings
// wait for a start, the unchanged port in those settings must not undo that.
func TestSettingsDoNotMoveTheGatewayBack(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		var adopted atomic.Int32
		s.start()
		set := changed(&adopted)
		set.Port = testPort
		s.Configure(set)
		s.send(func(o *owner) { o.cfg.Port = 19001 })
		s.must(Request{Intent: Restart}, ResultRestarted)
		port := make(chan int, 1)
		s.send(func(o *owner) { port <- o.cfg.Port })
		if got := <-port; got != 19001 || adopted.Load() != 1 {
			t.Errorf("adopted %d times, port %d", adopted.Load(), got)
		}
	})
}
