package supervisor

import (
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc/gatewaytest"
)

func TestF3_ARunningGatewayIsLeftAlone(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		connects := s.host.current().gw.Connects()
		for range 3 { // the clock set back by a day, set ahead by a day and set right all look the same
			s.Woke()
			time.Sleep(time.Minute)
		}
		if st := s.Status(); st.State != Running || len(st.Incidents) != 0 || st.Launches != 1 || s.host.current().gw.Connects() != connects {
			t.Errorf("%d connects before: %+v", connects, st)
		}
	})
}

func TestF3_ADeadConnectionIsReplacedQuietly(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		time.Sleep(time.Hour)
		s.now()
		p := s.host.current()
		p.gw.Silence(true) // the gateway no longer knows the connection
		s.Woke()
		woke := time.Now()
		st := s.until("lost", in(Reconnecting))
		if took := time.Since(woke); took > DefaultPolicy().VerifyTimeout+time.Second {
			t.Errorf("noticed after %v", took)
		}
		p.gw.Silence(false)
		st = s.until("running", in(Running))
		if len(st.Incidents) != 1 || !st.Incidents[0].Quiet || s.host.launches() != 1 || st.Attempts != 0 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestF3_NoFailureCountsForAMinute(t *testing.T) {
	// After waking up, the gateway ends again and again for a minute.
	dies := behaviour{listen: time.Second, dies: 3 * time.Second, exit: Exit{Code: 1}}
	play(t, behaving(dies), nil, func(s *scene) {
		s.start()
		s.until("an almost spent budget", func(st Status) bool { return st.Attempts == DefaultPolicy().Governor.Budget })
		before := s.Status()
		s.Woke()
		woke := time.Now()
		st := s.until("a counted failure", func(st Status) bool {
			return st.Attempts > before.Attempts || st.State == Failed
		})
		if quiet := time.Since(woke); quiet < DefaultPolicy().WakeQuiet {
			t.Errorf("a failure %v after the wake counted: %+v", quiet, st)
		}
		if s.host.launches() < before.Launches+5 {
			t.Errorf("only %d launches in a minute", s.host.launches()-before.Launches)
		}
	})
}

func TestF3_TheSystemSaysItAtOnce(t *testing.T) {
	play(t, func(t *testing.T) *fakeHost {
		h := behaving(behaviour{listen: time.Hour})(t)
		h.wakes = make(chan struct{})
		return h
	}, nil, func(s *scene) {
		go s.Do(s.t.Context(), Request{Intent: Start})
		began := time.Now()
		time.Sleep(80 * time.Second)
		s.host.wakes <- struct{}{}
		s.until("the soft limit", func(st Status) bool { return st.SlowStart })
		if took := time.Since(began).Round(time.Second); took != 80*time.Second+DefaultPolicy().SoftStart {
			t.Errorf("called slow after %v", took)
		}
		close(s.host.wakes) // the system bus has ended, but the clock still shows the sleep
		time.Sleep(time.Minute)
	})
}

func TestF3_AWaitGoesOnAtOnce(t *testing.T) {
	dies := behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 1}}
	play(t, behaving(behaviour{listen: time.Second}, dies, dies, behaviour{listen: time.Second}), nil, func(s *scene) {
		s.start()
		s.host.current().finish(Exit{Code: 1})
		s.until("the third wait", func(st Status) bool { return st.Phase == Waiting && st.Attempts == 3 })
		s.Woke()
		woke := time.Now()
		s.until("running", in(Running))
		if took := time.Since(woke); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestF3_ADeadlineThatRanBeginsAnew(t *testing.T) {
	p := DefaultPolicy()
	aborted := make(chan string, 9)
	for name, c := range map[string]struct {
		b       behaviour
		arrange func(s *scene) // brings the scene to the deadline that ends in over
		limit   time.Duration
		over    func(Status) bool
	}{
		"the hard limit of a start": {behaviour{listen: time.Hour}, func(s *scene) { go s.Do(s.t.Context(), Request{Intent: Start}) },
			p.HardStart, in(Failed)},
		"the soft limit of a start": {behaviour{listen: time.Hour}, func(s *scene) { go s.Do(s.t.Context(), Request{Intent: Start}) },
			p.SoftStart, func(st Status) bool { return st.SlowStart }},
		"doctor": {behaviour{listen: time.Hour, dies: 1, exit: Exit{Code: 78}, lines: []string{"Config invalid"}}, func(s *scene) {
			go s.Do(s.t.Context(), Request{Intent: Start})
			s.until("doctor", func(st Status) bool { return st.Phase == Repairing })
		}, p.DoctorLimit, in(Failed)},
		"a port that stays closed": {behaviour{listen: time.Second}, func(s *scene) {
			s.start()
			s.host.current().shut()
		}, p.PortGone, func(st Status) bool { return st.Cause.Code == Hung }},
		"the drain": {behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) { busy(gw, aborted) }}, func(s *scene) {
			s.start()
			go s.Do(s.t.Context(), Request{Intent: Stop})
		}, p.DrainStop, func(st Status) bool { return st.Phase == Terminating }},
		"the signal": {behaviour{listen: time.Second, ignoreTerm: true}, func(s *scene) {
			s.start()
			go s.Do(s.t.Context(), Request{Intent: Stop})
		}, p.Terminate, func(st Status) bool { return st.Phase == Killing }},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T) *fakeHost {
				h := behaving(c.b)(t)
				h.doctor = make(chan struct{})
				return h
			}, nil, func(s *scene) {
				c.arrange(s)
				synctest.Wait()
				s.now()
				began := time.Now()
				time.Sleep(c.limit / 2)
				s.Woke()
				s.until("the limit", c.over)
				if took := time.Since(began); took < c.limit*3/2-time.Second || took > c.limit*3/2+3*time.Second {
					t.Errorf("over after %v, want %v", took, c.limit*3/2)
				}
			})
		})
	}
}

func TestF3_TheGraceOfAnAttachedGatewayBeginsAnew(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.start()
		s.host.leave()
		s.until("lost", in(Reconnecting))
		lost := time.Now()
		time.Sleep(20 * time.Second)
		s.Woke()
		s.until("an offer", in(Failed))
		least := 20*time.Second + DefaultPolicy().AttachedGrace - time.Second
		if took := time.Since(lost); took < least || took > least+3*time.Second {
			t.Errorf("offered after %v", took)
		}
	})
}

func TestF3_TheSleepIsNoneOfABusyGatewaysSilence(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, ignoreTerm: true}), nil, func(s *scene) {
		s.start()
		p := s.host.current()
		defer s.burn(p)()
		p.gw.Silence(true)
		began := time.Now()
		time.Sleep(150 * time.Second)
		s.Woke() // the check finds that the connection is dead, so clawtray tries a new one
		s.until("hung", func(st Status) bool { return st.Cause.Code == Hung })
		if took := time.Since(began); took < 150*time.Second+DefaultPolicy().PortGone {
			t.Errorf("restarted after %v", took)
		}
	})
}
