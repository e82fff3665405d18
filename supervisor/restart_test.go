package supervisor

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc/gatewaytest"
)

// ask sends n requests at the same time and returns their answers.
func (s *scene) ask(n int, r Request) []Answer {
	answers := make(chan Answer, n)
	for range n {
		go func() {
			a, _ := s.Do(s.t.Context(), r)
			answers <- a
		}()
	}
	var list []Answer
	for range n {
		list = append(list, <-answers)
	}
	return list
}

// asked returns how often the newest gateway got a request.
func (s *scene) asked(method string) (times int) {
	for _, r := range s.host.current().gw.Received() {
		if r.Method == method {
			times++
		}
	}
	return times
}

func TestD2_RestartsAtTheSameTimeAreOne(t *testing.T) {
	for name, b := range map[string]behaviour{
		"in place":       {listen: time.Second, restarts: true},
		"stop and start": {listen: time.Second, stop: 2 * time.Second, gateway: gatewaytest.Config{Protocol: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, behaving(b), nil, func(s *scene) {
				s.start()
				for _, a := range s.ask(5, Request{Intent: Restart}) {
					if a.Result != ResultRestarted {
						t.Errorf("ended in %q", a.Result)
					}
				}
				time.Sleep(time.Minute)
				if st := s.Status(); st.Launches != 2 || st.State != Running {
					t.Errorf("status %+v", st)
				}
				if asked := s.asked(restartMethod); asked > 1 {
					t.Errorf("the gateway was asked %d times", asked)
				}
			})
		})
	}
}

// A gateway that restarts itself refuses every call until its work has ended. Its own restart
// is the one that was asked for, and its process goes on.
func TestD2_TheGatewayRestartsItselfAlready(t *testing.T) {
	for _, c := range []struct {
		intent   Intent
		lasts    time.Duration // the gateway's restart; 0: it is called off after 3 s
		want     Result
		launches int // restarts in place included
	}{
		{Restart, 3 * time.Second, ResultRestarted, 2},
		{Restart, 50 * time.Second, ResultRestarted, 2},
		{Restart, 0, ResultRestarted, 2},
		{Reload, 3 * time.Second, ResultAppliedByRestart, 2},
		{Reload, 50 * time.Second, ResultAppliedByRestart, 2},
		{Reload, 0, ResultAppliedByRestart, 2},
	} {
		t.Run(fmt.Sprintf("%s, %v", c.intent, c.lasts), func(t *testing.T) {
			d := newDisk()
			play(t, editing(d, true), nil, func(s *scene) {
				s.start()
				time.Sleep(2 * time.Minute)
				s.edit(d, "v2")
				p := s.host.current()
				p.gw.SetDraining(true)
				time.AfterFunc(max(c.lasts, 3*time.Second), func() {
					p.gw.SetDraining(false)
					if c.lasts > 0 {
						p.restart()
					}
				})
				s.must(Request{Intent: c.intent}, c.want)
				if st := s.Status(); s.host.launches() != 1 || st.Launches != c.launches || len(st.Incidents) != 0 || d.running != "v2" || st.ActiveWork != 0 || !st.Deadline.IsZero() {
					t.Errorf("%d processes, it runs %q, status %+v", s.host.launches(), d.running, st)
				}
			})
		})
	}
}

// A person waits for such a gateway as long as for active work, and not when in a hurry.
func TestD2_TheGatewayRestartsItselfForEver(t *testing.T) {
	for _, hurry := range []bool{false, true} {
		play(t, behaving(behaviour{listen: time.Second, restarts: true}), nil, func(s *scene) {
			s.start()
			time.Sleep(time.Minute)
			s.host.current().gw.SetDraining(true)
			began, limit := time.Now(), DefaultPolicy().DrainRestart
			first := make(chan Answer, 1)
			go func() { first <- s.ask(1, Request{Intent: Restart})[0] }()
			if st := s.until("the wait", func(st Status) bool { return st.Phase == Draining }); st.StoppingFor != string(forRestart) || !st.Deadline.Equal(began.Add(limit)) {
				t.Errorf("while it waits: %+v", st)
			}
			if hurry {
				s.must(Request{Intent: Restart, Now: true}, ResultRestarted)
				limit = 0
			}
			if a := <-first; a.Result != ResultRestarted || s.host.launches() != 2 {
				t.Errorf("%+v, %d launches", a, s.host.launches())
			}
			if took := time.Since(began); took < limit || took > limit+10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestD2_ARestartWhileOneRunsJoinsIt(t *testing.T) {
	play(t, behaving(behaviour{listen: 5 * time.Second, stop: 3 * time.Second, gateway: gatewaytest.Config{Protocol: 3}}), nil, func(s *scene) {
		s.start()
		first := make(chan Answer, 1)
		go func() { first <- s.ask(1, Request{Intent: Restart})[0] }()
		s.until("the signal", func(st Status) bool { return st.Phase == Terminating })
		s.must(Request{Intent: Restart}, ResultRestarted)
		if a := <-first; a.Result != ResultRestarted || s.host.launches() != 2 {
			t.Errorf("%q, %d launches", a.Result, s.host.launches())
		}
	})
}

func TestD4_ARestartWhoseStartFailsIsRecovered(t *testing.T) {
	old := gatewaytest.Config{Protocol: 3}
	dies := behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 1}}
	play(t, behaving(behaviour{listen: time.Second, gateway: old}, dies, dies, dies, dies, behaviour{listen: time.Second}), nil, func(s *scene) {
		s.start()
		s.must(Request{Intent: Restart}, ResultRestarted)
		if st := s.Status(); st.State != Running || s.host.launches() != 6 {
			t.Errorf("%d launches, status %+v", s.host.launches(), st)
		}
	})
}

func TestD4_ARestartOfAGatewayThatIsBeingRecovered(t *testing.T) {
	dies := behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 1}}
	play(t, behaving(behaviour{listen: time.Second}, dies, dies, dies, dies, dies, behaviour{listen: time.Second}), nil, func(s *scene) {
		s.start()
		s.host.current().finish(Exit{Code: 1})
		s.until("a wait", func(st Status) bool { return st.Phase == Waiting && st.Attempts == 2 })
		s.must(Request{Intent: Restart}, ResultRestarted) // four more starts fail, which is more than the tries of a first start
		if st := s.Status(); st.State != Running || s.host.launches() != 7 {
			t.Errorf("%d launches, status %+v", s.host.launches(), st)
		}
	})
}

// useUpTheBudget crashes the gateway until the budget for automatic restarts is used up.
// The returned function crashes it once more.
func (s *scene) useUpTheBudget() (crash func()) {
	crash = func() {
		time.Sleep(DefaultPolicy().ReadyForLong)
		s.now()
		s.host.current().finish(Exit{Code: 1})
	}
	for range DefaultPolicy().Governor.Budget {
		crash()
		s.until("lost", in(Reconnecting))
		s.until("running", in(Running))
	}
	return crash
}

func TestD3_AClickResetsTheBudget(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, restarts: true}), nil, func(s *scene) {
		s.start()
		crash := s.useUpTheBudget()
		s.must(Request{Intent: Restart}, ResultRestarted)
		crash()
		if st := s.until("recovery", func(st Status) bool { return st.State != Running }); st.State != Reconnecting || st.Attempts != 1 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestD5_AutomaticRestartsOfTwoSecondsAreOne(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, restarts: true}), nil, func(s *scene) {
		s.start()
		answers := make(chan Answer, 10)
		began := time.Now()
		for i := range 10 {
			time.AfterFunc(time.Duration(i)*190*time.Millisecond, func() {
				a, _ := s.Do(s.t.Context(), Request{Intent: Restart, Automatic: true})
				answers <- a
			})
		}
		for range 10 {
			if a := <-answers; a.Result != ResultRestarted {
				t.Errorf("ended in %q", a.Result)
			}
		}
		took := time.Since(began)
		time.Sleep(time.Minute)
		if st := s.Status(); st.Launches != 2 || took < DefaultPolicy().Debounce || took > DefaultPolicy().Debounce+time.Second {
			t.Errorf("%d launches after %v", st.Launches, took)
		}
		if m := s.report().Metrics; m.Restarts != 1 {
			t.Errorf("metrics %+v", m)
		}
	})
}

func TestD5_AutomaticRestartsPassTheGovernor(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, restarts: true}), nil, func(s *scene) {
		s.start()
		g := DefaultPolicy().Governor
		var last time.Time
		for i := range g.Budget {
			s.must(Request{Intent: Restart, Automatic: true}, ResultRestarted)
			if gap := time.Since(last); i > 1 && gap < g.Cooldown<<(i-1) {
				t.Errorf("restart %d came after %v", i+1, gap)
			}
			last = time.Now()
		}
		a, err := s.Do(s.t.Context(), Request{Intent: Restart, Automatic: true})
		if a.Result != ResultRejected || causeOf(err) != KeepsCrashing || s.Status().State != Running {
			t.Errorf("over the budget: %q, %v", a.Result, err)
		}
		if m := s.report().Metrics; m.Suppressed != 1 || m.Reopens.Before(time.Now()) {
			t.Errorf("metrics %+v", m)
		}
		s.must(Request{Intent: Restart}, ResultRestarted) // a restart by a person is never suppressed
		s.must(Request{Intent: Restart, Automatic: true}, ResultRestarted)
	})
}

// refuses returns a machine with somebody else's gateway that handles a restart request
// with do.
func refuses(t *testing.T, do func(*gatewaytest.Gateway) (any, *gatewaytest.Error)) func(*testing.T) *fakeHost {
	return func(t *testing.T) *fakeHost {
		h := visited(t)
		gw := h.stranger
		gw.Handle("gateway.restart.request", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return do(gw) })
		return h
	}
}

func TestD_AnAttachedGatewayRestartsItselfOrSaysWhyNot(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*gatewaytest.Gateway) (any, *gatewaytest.Error)
		want Result
	}{
		"it restarts": {func(gw *gatewaytest.Gateway) (any, *gatewaytest.Error) {
			time.AfterFunc(time.Second, gw.Restart)
			return map[string]any{"status": "scheduled"}, nil
		}, ResultRestarted},
		"it refuses": {func(*gatewaytest.Gateway) (any, *gatewaytest.Error) {
			return nil, &gatewaytest.Error{Code: "INVALID_REQUEST", Message: "no"}
		}, ResultRejected},
		"it does nothing": {func(*gatewaytest.Gateway) (any, *gatewaytest.Error) {
			return map[string]any{"status": "scheduled"}, nil
		}, ResultRejected},
		"its work does not end": {func(gw *gatewaytest.Gateway) (any, *gatewaytest.Error) {
			busy(gw, make(chan string, 1))
			return map[string]any{"status": "deferred"}, nil
		}, ResultRejected},
	} {
		for _, now := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				play(t, refuses(t, c.do), nil, func(s *scene) {
					s.start()
					a, err := s.Do(s.t.Context(), Request{Intent: Restart, Now: now})
					if a.Result != c.want || (err == nil) != (c.want == ResultRestarted) || a.Message == "" {
						t.Errorf("%q %q, %v", a.Result, a.Message, err)
					}
					synctest.Wait()
					if st := s.Status(); st.State != Running || st.Mode != Attached || st.Stopping() || st.Phase != Ready || s.host.launches() != 0 {
						t.Errorf("status %+v", st)
					}
				})
			})
		}
	}
}

func TestD_ARestartRequestLostWithItsConnectionIsAskedAgain(t *testing.T) {
	asked := 0
	play(t, behaving(behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) {
		gw.Handle("gateway.restart.request", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			if asked++; asked == 1 {
				time.AfterFunc(time.Second, func() { gw.CloseAll(1006, "") }) // the connection breaks, but the gateway does not restart
			} else {
				time.AfterFunc(time.Second, gw.Restart)
			}
			return map[string]any{"status": "scheduled"}, nil
		})
	}}), nil, func(s *scene) {
		s.start()
		s.must(Request{Intent: Restart}, ResultRestarted)
		if st := s.Status(); asked != 2 || st.Launches != 2 || s.host.launches() != 1 {
			t.Errorf("asked %d times, status %+v", asked, st)
		}
	})
}

func TestG3_ACloseAndAnExitAreOneFailure(t *testing.T) {
	for name, die := range map[string]func(*fakeProcess){
		"the socket first":       func(p *fakeProcess) { dieSlowly(p, 20*time.Millisecond) },
		"the socket long before": func(p *fakeProcess) { dieSlowly(p, 20*time.Second) },
		"both at once":           func(p *fakeProcess) { p.finish(Exit{Code: -1, Signal: "SIGSEGV"}) },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, healthy, nil, func(s *scene) {
				s.start()
				time.Sleep(2 * time.Minute)
				s.now()
				die(s.host.current())
				st := s.until("running again", func(st Status) bool { return st.State == Running && st.PID == 1001 })
				if s.host.launches() != 2 || st.Attempts != 1 || len(st.Incidents) != 1 || st.Incidents[0].Open() || st.Incidents[0].Attempts != 1 || st.Incidents[0].Cause.Code != Killed {
					t.Errorf("%d launches, status %+v", s.host.launches(), st)
				}
				if m := s.report().Metrics; m.Restarts != 1 || m.Reconnects != 1 || m.ReconnectSuccesses != 1 {
					t.Errorf("metrics %+v", m)
				}
			})
		})
	}
}

// dieSlowly closes port and sockets; the process ends later, after took.
func dieSlowly(p *fakeProcess, took time.Duration) {
	p.shut()
	time.Sleep(took)
	p.finish(Exit{Code: -1, Signal: "SIGSEGV"})
}
