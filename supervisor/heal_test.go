package supervisor

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc/gatewaytest"
	"clawtray/supervisor/machine"
	"clawtray/supervisor/openclaw"
)

// refusing is a gateway that rejects its configuration as invalid.
var refusing = behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 78}, lines: []string{"Config invalid", "- gateway.bogus: Unrecognized key"}}

// TestQ1_WhatDoctorChangedIsSaid: the status has the changed paths without values, until a
// person undoes the changes.
func TestQ1_WhatDoctorChangedIsSaid(t *testing.T) {
	play(t, func(t *testing.T) *fakeHost {
		h := behaving(refusing, behaviour{listen: time.Second})(t)
		h.repaired = Repair{Gone: []string{"gateway.bogus", "x." + testToken}, Changed: []string{"gateway.port"}}
		h.copied = time.Now()
		return h
	}, nil, func(s *scene) {
		s.start()
		r := s.Status().Repaired
		if r == nil || r.Gone[0] != "gateway.bogus" || r.Changed[0] != "gateway.port" || strings.Contains(fmt.Sprint(*r), testToken) {
			t.Fatalf("repaired %+v", r)
		}
		s.must(Request{Intent: RestoreConfig}, ResultRestored)
		if st := s.Status(); st.Repaired != nil || st.State != Running {
			t.Errorf("after the way back: %+v", st)
		}
		s.host.copied = time.Time{}
		if _, err := s.Do(s.t.Context(), Request{Intent: RestoreConfig}); causeOf(err) != RestoreFailed {
			t.Errorf("nothing to restore: %v", err)
		}
	})
}

// TestQ1_ADoctorThatMustNotRun: the start ends with the gateway's message and with the
// reason why doctor must not run.
func TestQ1_ADoctorThatMustNotRun(t *testing.T) {
	play(t, func(t *testing.T) *fakeHost {
		h := behaving(refusing)(t)
		h.unrepaired = fmt.Errorf("%w: it is a link to a file that is read-only", machine.ErrNotForDoctor)
		return h
	}, nil, func(s *scene) {
		_, err := s.Do(s.t.Context(), Request{Intent: Start})
		if causeOf(err) != ConfigInvalid || !strings.Contains(err.Error(), "gateway.bogus") || !strings.Contains(err.Error(), "read-only") || s.host.launches() != 1 {
			t.Errorf("%d launches, %v", s.host.launches(), err)
		}
	})
}

// TestQ1_DoctorIsNotCutOff: a stop waits for doctor, a quit waits within its limit, and a
// second stop does not wait.
func TestQ1_DoctorIsNotCutOff(t *testing.T) {
	for name, c := range map[string]struct {
		after      time.Duration // when doctor ends
		ask        func(*scene)
		least, max time.Duration
	}{
		"a stop waits":         {20 * time.Second, func(s *scene) { s.must(Request{Intent: Stop}, ResultStopped) }, 20 * time.Second, 21 * time.Second},
		"a stop has a limit":   {time.Hour, func(s *scene) { s.must(Request{Intent: Stop}, ResultStopped) }, DefaultPolicy().DoctorLimit, DefaultPolicy().DoctorLimit + time.Second},
		"a quit has its limit": {time.Hour, func(s *scene) { s.must(Request{Intent: Quit}, ResultStopped) }, 28 * time.Second, 30 * time.Second},
		"a second stop": {time.Hour, func(s *scene) {
			go s.Do(s.t.Context(), Request{Intent: Stop})
			synctest.Wait()
			s.must(Request{Intent: Stop}, ResultStopped)
		}, 0, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T) *fakeHost {
				h := behaving(refusing)(t)
				h.doctor = make(chan struct{})
				return h
			}, nil, func(s *scene) {
				go s.Do(s.t.Context(), Request{Intent: Start})
				s.until("doctor", func(st Status) bool { return st.Phase == Repairing })
				timer := time.AfterFunc(c.after, func() { close(s.host.doctor) })
				defer timer.Stop()
				began := time.Now()
				c.ask(s)
				if took := time.Since(began); took < c.least || took > c.max {
					t.Errorf("took %v, want %v to %v", took, c.least, c.max)
				}
				if s.host.launches() != 1 {
					t.Errorf("%d launches", s.host.launches())
				}
			})
		})
	}
}

// TestQ2_TheLastGoodConfiguration: it is offered when it may help, and one request restores
// it and starts the gateway.
func TestQ2_TheLastGoodConfiguration(t *testing.T) {
	for name, spoil := range map[string]func(*fakeHost){
		"cut":     func(h *fakeHost) { h.problem = broken(openclaw.ConfigBroken, longAgo) },
		"lost":    func(h *fakeHost) { h.config.File = openclaw.ConfigFile{} },
		"cleared": func(h *fakeHost) { h.config.Mode.Value, h.config.File.HasMode = "", false },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, healthy, nil, func(s *scene) {
				s.start()
				s.must(Request{Intent: Stop}, ResultStopped)
				spoil(s.host)
				_, err := s.Do(s.t.Context(), Request{Intent: Start})
				if c := s.Status().Cause; !c.LastGood.IsZero() || c.Offer() != "" || strings.Contains(err.Error(), "--last-good") {
					t.Errorf("offered what is not there: %v", err)
				}
				s.must(Request{Intent: Stop}, ResultStopped)
				s.host.lastGood = time.Now()
				_, err = s.Do(s.t.Context(), Request{Intent: Start})
				if c := s.Status().Cause; c.Offer() != LastGood || !strings.Contains(err.Error(), "clawtray start --last-good") {
					t.Errorf("not offered: %+v, %v", c, err)
				}
				s.must(Request{Intent: LastGood}, ResultRunning)
				if s.host.setups != 0 {
					t.Error("a new configuration was made")
				}
				s.must(Request{Intent: LastGood}, ResultAlreadyRunning)
			})
		})
	}
}

// TestQ2_ALastGoodConfigurationThatCannotBePut: that is reported, and nothing is started.
func TestQ2_ALastGoodConfigurationThatCannotBePut(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		if _, err := s.Do(s.t.Context(), Request{Intent: LastGood}); causeOf(err) != RestoreFailed || s.host.launches() != 0 {
			t.Errorf("%d launches, %v", s.host.launches(), err)
		}
	})
}

// TestQ3_SafeStart: when the crash budget is used up, a start without channels and plugins
// is offered. It shows as degraded, and the next ordinary restart ends it.
func TestQ3_SafeStart(t *testing.T) {
	crashing := behaviour{listen: time.Second, dies: 10 * time.Second, exit: Exit{Code: 1}}
	play(t, func(t *testing.T) *fakeHost {
		return newFakeHost(t, func(n int) behaviour {
			if n < 6 {
				return crashing
			}
			return behaviour{listen: time.Second, restarts: true}
		})
	}, nil, func(s *scene) {
		s.start()
		if st := s.until("given up", in(Failed)); st.Cause.Code != KeepsCrashing || st.Cause.Offer() != SafeStart || !strings.Contains(st.Error, "clawtray start --safe") {
			t.Fatalf("status %+v", st)
		}
		s.must(Request{Intent: SafeStart}, ResultRunning)
		if st := s.Status(); !s.host.current().safe || st.Health.Level != Degraded || st.Health.Reasons[0].Code != ReasonSafeStart {
			t.Fatalf("safe %v, health %+v", s.host.current().safe, st.Health)
		}
		s.host.current().finish(Exit{Code: 1}) // also after a crash, the gateway runs without plugins
		s.until("away", in(Reconnecting))
		s.until("back", in(Running))
		if !s.host.current().safe {
			t.Error("a recovery brought the plugins back")
		}
		launches := s.host.launches()
		s.must(Request{Intent: Restart}, ResultRestarted) // with a new process, not in place
		if st := s.Status(); s.host.current().safe || s.host.launches() != launches+1 || len(st.Health.Reasons) != 0 {
			t.Errorf("after a restart: safe %v, %+v", s.host.current().safe, st.Health)
		}
	})
}

// TestQ4_EmptyOrCut: a file that a gateway had accepted and that has lost its contents or
// its end counts as lost. A file that no gateway had accepted counts as broken.
func TestQ4_EmptyOrCut(t *testing.T) {
	for name, err := range map[string]*openclaw.ConfigError{
		"empty": {Kind: openclaw.ConfigEmpty, Path: "/state/openclaw.json"},
		"cut":   {Kind: openclaw.ConfigBroken, Path: "/state/openclaw.json", Err: &openclaw.SyntaxError{Line: 1, Column: 2, Text: "unexpected end of the text"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, healthy, nil, func(s *scene) {
				s.host.spoil(err)
				if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != ConfigBroken {
					t.Errorf("before a gateway accepted it: %v", err)
				}
				s.host.spoil(nil)
				s.until("running", in(Running))
				s.must(Request{Intent: Stop}, ResultStopped)
				s.host.spoil(err)
				if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != ConfigLost || s.host.launches() != 1 {
					t.Errorf("%d launches, %v", s.host.launches(), err)
				}
			})
		})
	}
}

// TestQ4_TheLastGoodConfigurationIsNamedFirst, before anything that a worried person might
// do to the file; a start anew is only for somebody who removed it.
func TestQ4_TheLastGoodConfigurationIsNamedFirst(t *testing.T) {
	for _, code := range []CauseCode{ConfigLost, ConfigBroken, ConfigClobbered, ConfigInvalid, ConfigConflict, SecretUnresolved} {
		c := Cause{Code: code, Detail: "/state/openclaw.json ends in the middle", LastGood: longAgo}
		kept, remedy := strings.Index(c.Error(), "is kept: `clawtray start --last-good`"), strings.Index(c.Error(), c.Remedy())
		if kept < 0 || remedy < kept {
			t.Errorf("%s: %s", code, c.Error())
		}
		c.LastGood = time.Time{}
		if strings.Contains(c.Error(), "kept") {
			t.Errorf("%s without a copy: %s", code, c.Error())
		}
		if anew := strings.Contains(c.Remedy(), "anew"); anew != (code == ConfigLost) || anew && !strings.Contains(c.Remedy(), "If you removed it yourself") {
			t.Errorf("%s frightens: %s", code, c.Remedy())
		}
	}
}

// TestQ6_AStartThatMakesProgress is not over its limit, by its trace or by its work; one
// that stops making any is.
func TestQ6_AStartThatMakesProgress(t *testing.T) {
	limit := DefaultPolicy().HardStart
	for name, work := range map[string]func(s *scene, p *fakeProcess) (stop func()){
		"trace": func(s *scene, p *fakeProcess) func() {
			return s.every(2*time.Minute, func() { p.say("[gateway] startup trace: plugins.load 12.3ms total=45.6ms") })
		},
		"CPU": func(s *scene, p *fakeProcess) func() { return s.burn(p) },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, behaving(behaviour{listen: time.Second, sidecars: 24 * time.Hour}), nil, func(s *scene) {
				failed := make(chan error, 1)
				go func() {
					_, err := s.Do(s.t.Context(), Request{Intent: Start})
					failed <- err
				}()
				s.until("starting", func(st Status) bool { return st.Phase == Sidecars })
				stop := work(s, s.host.current())
				time.Sleep(3 * limit)
				if st := s.Status(); st.State != Starting || st.PID != 1000 {
					t.Errorf("after three limits: %+v", st)
				}
				stop()
				began := time.Now()
				if err := <-failed; causeOf(err) != StartTimeout {
					t.Errorf("got %v", err)
				}
				if took := time.Since(began); took > limit+limit/looks+10*time.Second {
					t.Errorf("over %v after the last progress", took)
				}
			})
		})
	}
}

// TestQ6_AStartThatOnlySpins: a start that only uses CPU times out in the end.
func TestQ6_AStartThatOnlySpins(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, sidecars: 24 * time.Hour}), nil, func(s *scene) {
		began := time.Now()
		go func() {
			s.until("starting", func(st Status) bool { return st.Phase == Sidecars })
			s.t.Cleanup(s.burn(s.host.current()))
		}()
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != StartTimeout {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took > (maxBusyStart+2)*DefaultPolicy().HardStart {
			t.Errorf("over after %v", took)
		}
	})
}

// TestQ6_AMigrationsOwnTime: clawtray waits while the other process extends its lease. When
// the lease is no longer extended, the wait ends.
func TestQ6_AMigrationsOwnTime(t *testing.T) {
	var h History
	var d Decision
	now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	migrating := func(end time.Time) Outcome {
		line := "OpenClaw startup migrations are already running for this state directory; retry after the other OpenClaw process finishes or after " +
			end.Format("2006-01-02T15:04:05.000Z") + ". (held by pid 7)"
		c := startFailure(Exit{Code: 1}, []string{line}, line)
		if !c.Until.Equal(end) {
			t.Fatalf("until %v in %+v", c.Until, c)
		}
		return Outcome{Cause: c, Exit: &Exit{Code: 1}}
	}
	for range 5 * maxWaits { // 50 minutes
		now = now.Add(waitForState)
		if d, h = Decide(DefaultPolicy(), h, migrating(now.Add(5*time.Minute)), now, 0); d.Verdict != StartAgain || d.Delay != waitForState {
			t.Fatalf("while it gets on: %+v", d)
		}
	}
	end := now.Add(5 * time.Minute)
	for n := 0; d.Delay == waitForState; n++ {
		if d, h = Decide(DefaultPolicy(), h, migrating(end), now, 0); n > maxWaits {
			t.Fatalf("it stands still: %+v", d)
		}
	}
}

// TestXU14_LittleSpace: the status of a running gateway says that little space is left, and
// no longer says it when there is enough again.
func TestXU14_LittleSpace(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		set := func(low ...string) {
			s.host.mu.Lock()
			defer s.host.mu.Unlock()
			s.host.low = low
		}
		set("/state: 300 MB")
		st := s.until("degraded", func(st Status) bool { return st.Health.Level == Degraded })
		if r := st.Health.Reasons[0]; r.Code != ReasonSpace || !strings.Contains(r.Text, "/state: 300 MB") || st.State != Running {
			t.Errorf("health %+v", st.Health)
		}
		set()
		s.until("healthy", func(st Status) bool { return st.Health.Level == Healthy })
	})
}

// TestXU16_ASlowStartEndsWithItsError: when the sign-in fails, that cause replaces the text
// about a slow start.
func TestXU16_ASlowStartEndsWithItsError(t *testing.T) {
	play(t, behaving(behaviour{listen: 100 * time.Second, setup: func(gw *gatewaytest.Gateway) { gw.SetToken("another") }}), nil, func(s *scene) {
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != TokenMismatch {
			t.Fatalf("got %v", err)
		}
		synctest.Wait() // the observer has received everything
		slow := false
		for _, st := range s.trace {
			slow = slow || st.SlowStart
		}
		if st := s.Status(); !slow || st.SlowStart || st.LastLine != "" {
			t.Errorf("was slow %v, status %+v", slow, st)
		}
	})
}

// TestXU7_AChangeOfTheConfigurationEndsALockout: also a change of a secret outside of the
// file ends it, and the gateway keeps running. A gateway may use the change only after it has
// restarted itself, minutes after we have signed in with it in vain.
func TestXU7_AChangeOfTheConfigurationEndsALockout(t *testing.T) {
	for name, correct := range map[string]func(*scene){
		"the secret": func(s *scene) {
			s.host.mu.Lock()
			s.host.token = "another"
			s.host.mu.Unlock()
		},
		"the file": func(s *scene) {
			s.host.current().gw.SetToken(testToken)
			s.host.edit("edited", time.Now())
		},
		"a gateway that restarts itself later": func(s *scene) {
			s.host.edit("edited", time.Now())
			s.until("signing in again", in(Reconnecting))
			s.until("refused again", in(Failed))
			time.Sleep(time.Hour)
			gw := s.host.current().gw
			gw.SetToken(testToken)
			gw.SetStarting(true)
			gw.Restart()
			time.Sleep(time.Minute)
			gw.SetStarting(false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, healthy, nil, func(s *scene) {
				s.start()
				s.host.current().gw.SetToken("another")
				s.until("locked out", func(st Status) bool { return st.Cause.Code == TokenMismatch && st.State == Failed })
				time.Sleep(time.Hour)
				if st := s.Status(); st.State != Failed {
					t.Fatalf("without a change: %+v", st)
				}
				correct(s)
				s.until("running", in(Running))
				if s.host.launches() != 1 {
					t.Errorf("%d launches", s.host.launches())
				}
			})
		})
	}
}

// TestXU11_AMoveThatWouldFailEndsNothing: the gateway keeps running when it could not start
// on the new port.
func TestXU11_AMoveThatWouldFailEndsNothing(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		for code, spoil := range map[CauseCode]func(){
			ConfigBroken: func() { s.host.spoil(broken(openclaw.ConfigBroken, longAgo)) },
			NodeMissing: func() {
				s.host.put("2026.9.6", &openclaw.MissingError{Kind: openclaw.NodeMissing, Sentence: "no Node"})
			},
			PortConflict: func() {
				s.host.mu.Lock()
				s.host.theirs, s.host.occupied = otherPort, &Listener{PID: 4711, Name: "nginx"}
				s.host.mu.Unlock()
			},
		} {
			spoil()
			a, err := s.UsePort(s.t.Context(), otherPort)
			if st := s.Status(); a.Result != ResultRejected || causeOf(err) != code || st.State != Running || st.Port != testPort || s.host.launches() != 1 {
				t.Errorf("%s: %+v, %v", code, a, err)
			}
			s.host.spoil(nil)
			s.host.put("2026.9.6", nil)
			s.host.mu.Lock()
			s.host.theirs, s.host.occupied = 0, nil
			s.host.mu.Unlock()
		}
		s.moves(otherPort, ResultRunning)
	})
}
