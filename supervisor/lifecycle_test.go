package supervisor

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc/gatewaytest"
	"clawtray/supervisor/openclaw"
)

func TestB1_StartJoinsAndSaysSo(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		first := make(chan Answer, 1)
		go func() {
			a, _ := s.Do(s.t.Context(), Request{Intent: Start})
			first <- a
		}()
		synctest.Wait()
		s.start()
		if a := <-first; a.Result != ResultRunning {
			t.Errorf("the first start ended in %q", a.Result)
		}
		s.must(Request{Intent: Start}, ResultAlreadyRunning)
		if n := s.host.launches(); n != 1 {
			t.Errorf("%d launches, want 1", n)
		}
		st := s.Status()
		if st.Mode != Managed || st.PID != 1000 || st.GatewayVersion != "2026.9.6" || !st.Facts.All() {
			t.Errorf("running as %+v", st)
		}
	})
}

func TestB6_StillStartingIsNotAFailure(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, sidecars: 200 * time.Second}), nil, func(s *scene) {
		s.start()
		st := s.Status()
		if st.Attempts != 0 || len(st.Incidents) != 0 {
			t.Errorf("waiting counted as trouble: %+v", st)
		}
		var slow, sidecars bool
		for _, seen := range s.trace {
			slow = slow || seen.SlowStart
			sidecars = sidecars || seen.Phase == Sidecars
		}
		if !slow || !sidecars {
			t.Errorf("the soft limit was shown: %v, the sidecars phase: %v", slow, sidecars)
		}
	})
}

func TestB6_TheGatewaysOwnWordEndsTheWait(t *testing.T) {
	patient := gatewaytest.Config{Quirks: gatewaytest.Quirks{PageForReadyz: true}, Timing: gatewaytest.Timing{RetryAfter: time.Minute}}
	play(t, behaving(behaviour{listen: time.Second, sidecars: time.Hour, gateway: patient}), nil, func(s *scene) {
		go s.Do(s.t.Context(), Request{Intent: Start})
		s.until("still starting", func(st Status) bool { return st.Phase == Sidecars })
		p := s.host.current()
		p.gw.SetStarting(false)
		said := time.Now()
		p.say("2026-11-22T11:11:08.021+00:00 [gateway] ready")
		s.until("running", in(Running))
		if took := time.Since(said); took > fastPoll {
			t.Errorf("connected %v after the gateway said that it is ready", took)
		}
	})
}

func TestB6_HardLimit(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, sidecars: time.Hour}), nil, func(s *scene) {
		began := time.Now()
		_, err := s.Do(s.t.Context(), Request{Intent: Start})
		if causeOf(err) != StartTimeout {
			t.Fatalf("got %v", err)
		}
		if took := time.Since(began); took < DefaultPolicy().HardStart || took > DefaultPolicy().HardStart+10*time.Second {
			t.Errorf("gave up after %v", took)
		}
		if s.host.alive() != 0 {
			t.Error("the gateway that never got ready was left alive")
		}
	})
}

func TestB5_ExitEndsTheWaitAndThreeTriesAreMade(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Hour, dies: 2 * time.Second, exit: Exit{Code: 1}, lines: []string{"boom: error 42"}}), nil, func(s *scene) {
		began := time.Now()
		_, err := s.Do(s.t.Context(), Request{Intent: Start})
		if causeOf(err) != StartExit || !strings.Contains(err.Error(), "boom: error 42") {
			t.Errorf("got %v", err)
		}
		if n := s.host.launches(); n != 3 {
			t.Errorf("%d tries, want 3", n)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("three tries of 2 s took %v", took)
		}
	})
}

func TestB7_DoctorOnceThenRetry(t *testing.T) {
	bad := behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 78}, lines: []string{"Config invalid", "- gateway.bogus: Unrecognized key"}}
	play(t, behaving(bad, behaviour{listen: time.Second}), nil, func(s *scene) {
		s.start()
		if s.host.repairs != 1 || s.host.launches() != 2 {
			t.Errorf("%d repairs, %d launches", s.host.repairs, s.host.launches())
		}
	})
}

func TestB7_DoctorDidNotHelp(t *testing.T) {
	play(t, func(t *testing.T) *fakeHost {
		h := behaving(behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 78}, lines: []string{"Config invalid"}})(t)
		h.repaired.Output = "could not parse the file: error at line 3"
		return h
	}, nil, func(s *scene) {
		_, err := s.Do(s.t.Context(), Request{Intent: Start})
		if causeOf(err) != ConfigInvalid || !strings.Contains(err.Error(), "error at line 3") {
			t.Errorf("got %v", err)
		}
		if s.host.repairs != 1 || s.host.launches() != 2 {
			t.Errorf("%d repairs, %d launches", s.host.repairs, s.host.launches())
		}
	})
}

func TestB7_OtherExit78IsNotForDoctor(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 78}, lines: []string{"another OpenClaw process owns gateway-lifecycle"}}), nil, func(s *scene) {
		_, err := s.Do(s.t.Context(), Request{Intent: Start})
		if causeOf(err) != StateDirOwned || s.host.repairs != 0 || s.host.launches() != 1 {
			t.Errorf("got %v, %d repairs, %d launches", err, s.host.repairs, s.host.launches())
		}
	})
}

func TestB7_MissingRuntimeIsFinal(t *testing.T) {
	play(t, func(t *testing.T) *fakeHost {
		h := healthy(t)
		h.missing = &openclaw.MissingError{Kind: openclaw.NodeMissing, Sentence: "no Node"}
		return h
	}, nil, func(s *scene) {
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != NodeMissing {
			t.Errorf("got %v", err)
		}
		s.host.mu.Lock()
		s.host.missing = nil
		s.host.mu.Unlock()
		s.must(Request{Intent: Retry}, ResultRunning)
	})
}

func TestG1_CrashIsRecoveredWithoutDelayAfterALongRun(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		time.Sleep(DefaultPolicy().ReadyForLong)
		killed := time.Now()
		s.host.current().finish(Exit{Code: -1, Signal: "SIGKILL"})
		s.until("reconnecting", in(Reconnecting))
		st := s.until("running again", in(Running))
		if took := time.Since(killed); took > 1600*time.Millisecond {
			t.Errorf("a crash cost %v; the gateway itself needs 1.5 s", took)
		}
		if st.PID != 1001 || len(st.Incidents) != 1 || st.Incidents[0].Open() || st.Incidents[0].Cause.Code != Killed || st.Incidents[0].Attempts != 1 {
			t.Errorf("after the crash: %+v", st)
		}
	})
}

func TestG1_ExitZeroIsRecoveredToo(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		time.Sleep(2 * time.Minute)
		s.host.current().finish(Exit{Code: 0})
		s.until("reconnecting", in(Reconnecting))
		if st := s.until("running", in(Running)); st.Incidents[0].Cause.Code != Exited {
			t.Errorf("cause %v", st.Incidents[0].Cause)
		}
	})
}

func TestG2_RestartInPlaceDoesNotSpawn(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		s.host.current().gw.Restart()
		s.until("reconnecting", in(Reconnecting))
		st := s.until("running", in(Running))
		if s.host.launches() != 1 || st.PID != 1000 || len(st.Incidents) != 0 || st.Launches != 2 {
			t.Errorf("launches %d, status %+v", s.host.launches(), st)
		}
	})
}

func TestG2_LostSocketReconnectsToTheSameProcess(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		s.host.current().gw.CloseAll(1006, "")
		s.until("reconnecting", in(Reconnecting))
		if st := s.until("running", in(Running)); s.host.launches() != 1 || st.Launches != 1 {
			t.Errorf("launches %d, status %+v", s.host.launches(), st)
		}
	})
}

func TestG4_StoppedFromOutsideTwiceIsNotFought(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		s.host.current().Terminate(s.t.Context())
		s.until("reconnecting", in(Reconnecting))
		if st := s.until("running", in(Running)); st.Incidents[0].Cause.Code != StoppedOutside {
			t.Errorf("shown as %v", st.Incidents[0].Cause)
		}
		s.host.current().Terminate(s.t.Context())
		st := s.until("stopped", in(Stopped))
		if st.Cause.Code != StoppedOutside {
			t.Errorf("stopped because of %v", st.Cause)
		}
		time.Sleep(time.Hour)
		if n := s.host.launches(); n != 2 {
			t.Errorf("%d launches, want 2", n)
		}
		s.start()
	})
}

// A gateway that is ended while it starts, or right after that, sends no shutdown event. It
// only prints what it does (measured, OpenClaw 2026.8.2).
func TestG4_TheOutputSaysThatItWasStopped(t *testing.T) {
	const (
		restarts = "2026-11-28T09:58:33.031+00:00 [gateway] received SIGUSR1; restarting"
		later    = "2026-11-28T09:58:33.625+00:00 [gateway] gateway_start hook failed: GatewayDrainingError: gateway is draining for restart"
	)
	for name, c := range map[string]struct {
		starting bool // the gateway is still starting
		says     []string
		exit     Exit
		want     CauseCode
	}{
		"stopped":                               {false, []string{stopLine, later}, Exit{}, StoppedOutside},
		"stopped while it starts":               {true, []string{stopLine, later}, Exit{}, StoppedOutside},
		"restarted by its supervisor":           {false, []string{restarts, later}, Exit{}, InPlaceRestart},
		"stopped in place of a restart":         {false, []string{restarts, stopLine}, Exit{}, StoppedOutside},
		"restarted, and ended later":            {false, []string{restarts, readyLine}, Exit{}, Exited},
		"stopped, and crashed meanwhile":        {false, []string{stopLine, later}, Exit{Code: 1}, Exited},
		"stopped, and killed meanwhile":         {false, []string{stopLine, later}, Exit{Code: -1, Signal: "SIGKILL"}, Killed},
		"stopped, and crashed while it starts":  {true, []string{stopLine, later}, Exit{Code: 1}, StartExit},
		"ended while it starts, without a word": {true, nil, Exit{}, StartExit},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, healthy, nil, func(s *scene) {
				if c.starting {
					go s.Do(s.t.Context(), Request{Intent: Start})
					s.until("spawned", func(st Status) bool { return st.Phase == Spawned })
				} else {
					s.start()
				}
				p := s.host.current()
				for _, line := range c.says {
					p.print(line, false)
				}
				p.finish(c.exit)
				s.until("shown as "+string(c.want), func(st Status) bool { return st.Cause.Code == c.want })
				s.until("running", func(st Status) bool { return st.State == Running && st.PID != p.pid })
			})
		})
	}
}

func TestD3_KeepsCrashingEndsInAnErrorThatAClickClears(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, dies: 3 * time.Second, exit: Exit{Code: 1}}), nil, func(s *scene) {
		s.start()
		st := s.until("an error", in(Failed))
		if st.Cause.Code != KeepsCrashing {
			t.Errorf("gave up because of %v", st.Cause)
		}
		n := s.host.launches()
		if n != DefaultPolicy().Governor.Budget+1 {
			t.Errorf("%d launches", n)
		}
		time.Sleep(time.Hour)
		if s.host.launches() != n {
			t.Error("it went on by itself")
		}
		s.must(Request{Intent: Retry}, ResultRunning)
	})
}

func TestC1_StopWinsOverAWaitingRetry(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, dies: 3 * time.Second, exit: Exit{Code: 1}}), nil, func(s *scene) {
		s.start()
		s.until("waiting", func(st Status) bool { return st.Phase == Waiting })
		s.must(Request{Intent: Stop}, ResultStopped)
		n := s.host.launches()
		time.Sleep(time.Hour)
		if s.host.launches() != n || s.Status().State != Stopped || s.Status().Attempts != 0 {
			t.Errorf("launches %d of %d, status %+v", s.host.launches(), n, s.Status())
		}
	})
}

func TestC1_StopSupersedesAStart(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Minute}), nil, func(s *scene) {
		first := make(chan Answer, 1)
		go func() {
			a, _ := s.Do(s.t.Context(), Request{Intent: Start})
			first <- a
		}()
		time.Sleep(10 * time.Second)
		s.must(Request{Intent: Stop}, ResultStopped)
		if a := <-first; a.Result != ResultSuperseded {
			t.Errorf("the start ended in %q", a.Result)
		}
	})
}

func TestC3_WaitingCallsFailWhenTheSignalGoesOut(t *testing.T) {
	hang := behaviour{listen: time.Second, stop: 3 * time.Second, setup: func(gw *gatewaytest.Gateway) {
		gw.Handle("config.get", func(r *gatewaytest.Request) (any, *gatewaytest.Error) { return gatewaytest.NoAnswer, nil })
	}}
	play(t, behaving(hang), nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		reloaded := make(chan struct{})
		go func() {
			s.Do(s.t.Context(), Request{Intent: Reload})
			close(reloaded)
		}()
		synctest.Wait()
		began := time.Now()
		s.must(Request{Intent: Stop}, ResultStopped)
		<-reloaded
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the stop took %v", took)
		}
	})
}

func TestC4_LadderKillsWhatIgnoresTheSignal(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, ignoreTerm: true, remains: 2}), nil, func(s *scene) {
		s.start()
		began := time.Now()
		s.must(Request{Intent: Stop}, ResultStopped)
		p := s.host.current()
		if took := time.Since(began); took < DefaultPolicy().Terminate || took > DefaultPolicy().Terminate+time.Second {
			t.Errorf("the ladder took %v", took)
		}
		if p.killed == 0 || len(p.host.left()) != 0 || !p.released {
			t.Errorf("killed %d times, remains %v, released %v", p.killed, p.host.left(), p.released)
		}
		seen := map[Phase]bool{}
		synctest.Wait()
		for _, st := range s.trace {
			seen[st.Phase] = true
		}
		if !seen[Terminating] || !seen[Killing] {
			t.Errorf("phases shown: %v", seen)
		}
	})
}

func TestC4_ASecondStopGoesToTheNextRung(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, ignoreTerm: true}), nil, func(s *scene) {
		s.start()
		done := make(chan struct{})
		began := time.Now()
		go func() { s.must(Request{Intent: Stop}, ResultStopped); close(done) }()
		s.until("terminating", func(st Status) bool { return st.Phase == Terminating })
		s.must(Request{Intent: Stop}, ResultStopped)
		<-done
		if took := time.Since(began); took >= DefaultPolicy().Terminate {
			t.Errorf("took %v in spite of the second stop", took)
		}
	})
}

// busy makes a gateway have n active runs, which chat.abort ends.
func busy(gw *gatewaytest.Gateway, aborted chan<- string) {
	active := true
	gw.Handle("gateway.restart.preflight", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
		n := 0
		if active {
			n = 1
		}
		return map[string]any{"safe": n == 0, "counts": map[string]any{"totalActive": n}}, nil
	})
	gw.Handle("sessions.list", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
		return map[string]any{"sessions": []map[string]any{{"key": "agent:main:idle", "hasActiveRun": false}, {"key": "agent:main:busy", "hasActiveRun": active}}}, nil
	})
	gw.Handle("chat.abort", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
		active = false
		aborted <- string(r.Params)
		return map[string]any{"ok": true}, nil
	})
}

func TestC4_ActiveWorkIsWaitedForThenAborted(t *testing.T) {
	aborted := make(chan string, 9)
	play(t, behaving(behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) { busy(gw, aborted) }}), nil, func(s *scene) {
		s.start()
		began := time.Now()
		s.must(Request{Intent: Stop}, ResultStopped)
		if took := time.Since(began); took < DefaultPolicy().DrainStop || took > DefaultPolicy().DrainStop+5*time.Second {
			t.Errorf("the drain took %v", took)
		}
		if len(aborted) != 1 || !strings.Contains(<-aborted, "agent:main:busy") {
			t.Errorf("aborted %d sessions", len(aborted))
		}
	})
}

func TestC4_NowAbortsAtOnce(t *testing.T) {
	aborted := make(chan string, 9)
	play(t, behaving(behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) { busy(gw, aborted) }}), nil, func(s *scene) {
		s.start()
		began := time.Now()
		s.must(Request{Intent: Stop, Now: true}, ResultStopped)
		if took := time.Since(began); took > 2*time.Second || len(aborted) != 1 {
			t.Errorf("took %v, aborted %d", took, len(aborted))
		}
	})
}

func TestD_RestartInPlaceOverTheProtocol(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, restarts: true}), nil, func(s *scene) {
		s.start()
		s.must(Request{Intent: Restart}, ResultRestarted)
		st := s.Status()
		if s.host.launches() != 1 || st.Launches != 2 || len(st.Incidents) != 0 || st.Cause.Code != UserRestart {
			t.Errorf("launches %d, status %+v", s.host.launches(), st)
		}
	})
}

func TestD_RestartWithoutTheMethodIsAStopAndAStart(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, gateway: gatewaytest.Config{Protocol: 3}}), nil, func(s *scene) {
		s.start()
		s.must(Request{Intent: Restart}, ResultRestarted)
		if s.host.launches() != 2 {
			t.Errorf("%d launches, want 2", s.host.launches())
		}
	})
}

func TestD1_RestartWhileStartingIsCarriedOutOnce(t *testing.T) {
	play(t, behaving(behaviour{listen: 10 * time.Second, restarts: true}), nil, func(s *scene) {
		go s.Do(s.t.Context(), Request{Intent: Start})
		time.Sleep(time.Second)
		answers := make(chan Answer, 2)
		for range 2 {
			go func() {
				a, _ := s.Do(s.t.Context(), Request{Intent: Restart})
				answers <- a
			}()
		}
		for range 2 {
			if a := <-answers; a.Result != ResultRestarted {
				t.Errorf("ended in %q", a.Result)
			}
		}
		if st := s.Status(); st.Launches != 2 {
			t.Errorf("%d launches, want the start and one restart", st.Launches)
		}
	})
}

func TestM1_AttachedGatewayIsNeverStopped(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.start()
		st := s.Status()
		if st.Mode != Attached || st.PID != 77 || s.host.launches() != 0 {
			t.Errorf("attached as %+v", st)
		}
		s.must(Request{Intent: Stop}, ResultLeftRunning)
		if _, err := s.host.stranger.Dial(s.t.Context(), "", ""); err != nil {
			t.Errorf("the gateway is gone: %v", err)
		}
	})
}

func TestM1_ConflictNamesTheProgramAndAFreePort(t *testing.T) {
	play(t, func(t *testing.T) *fakeHost {
		h := healthy(t)
		h.occupied = &Listener{PID: 4711, Name: "nginx"}
		return h
	}, nil, func(s *scene) {
		_, err := s.Do(s.t.Context(), Request{Intent: Start})
		if causeOf(err) != PortConflict || !strings.Contains(err.Error(), "nginx (pid 4711)") || !strings.Contains(err.Error(), "18790") {
			t.Errorf("got %v", err)
		}
		if st := s.Status(); st.Mode != Conflict || st.State != Failed || s.host.launches() != 0 {
			t.Errorf("status %+v", st)
		}
	})
}

// When the other program gives the port back, the gateway starts by itself, unless a person
// has stopped it meanwhile.
func TestM1_TheGatewayStartsWhenThePortIsFree(t *testing.T) {
	nginx := &Listener{PID: 4711, Name: "nginx"}
	for name, c := range map[string]struct {
		meanwhile func(s *scene)
		runs      bool
	}{
		"the program ends":            {func(s *scene) { s.host.occupy(nil) }, true},
		"the configuration moves":     {func(s *scene) { s.host.configure(func(e *openclaw.Effective) { *e = e.At(28789, "the test") }) }, true},
		"the program restarts itself": {func(s *scene) { s.host.occupy(nil); time.AfterFunc(3*time.Second, func() { s.host.occupy(nginx) }) }, false},
		"a person stops the gateway":  {func(s *scene) { s.Do(s.t.Context(), Request{Intent: Stop}); s.host.occupy(nil) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, healthy, func(c *Config) { c.Port = 0 }, func(s *scene) {
				s.host.occupy(nginx)
				if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != PortConflict {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				if st := s.Status(); st.State != Failed || st.Mode != Conflict || s.host.launches() != 0 {
					t.Errorf("while the port is taken: %+v", st)
				}
				for range 5 { // the sequence of the looks and of what happens differs each time
					c.meanwhile(s)
					time.Sleep(time.Minute + 700*time.Millisecond)
				}
				if st := s.Status(); (st.State == Running) != c.runs || c.runs && (st.Mode != Managed || s.host.launches() != 1) {
					t.Errorf("afterwards: %+v", st)
				}
			})
		})
	}
}

// macOS shows nobody the programs of other users that listen. Such a port stays taken as long as
// it accepts connections.
func TestM1_AHiddenProgramHasThePort(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.host.hidden = true
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != PortForeignUser {
			t.Errorf("got %v", err)
		}
		before := s.Status()
		time.Sleep(time.Hour)
		if now := s.Status(); now.Seq != before.Seq {
			t.Errorf("%d new statuses, the last is %+v", now.Seq-before.Seq, now)
		}
		s.host.leave()
		if st := s.until("a gateway of ours", in(Running)); st.Mode != Managed {
			t.Errorf("status %+v", st)
		}
	})
}

// When the configuration names a gateway on another machine meanwhile, the port here no longer
// matters.
func TestM1_AnotherMachineInPlaceOfTheTakenPort(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.host.occupy(&Listener{PID: 4711, Name: "nginx"})
		s.Do(s.t.Context(), Request{Intent: Start})
		s.host.mu.Lock()
		s.host.remote = gatewaytest.New(gatewaytest.Config{Token: testToken})
		defer s.host.remote.Close()
		s.host.mu.Unlock()
		s.host.configure(func(e *openclaw.Effective) {
			e.Mode.Value = "remote"
			e.Remote = openclaw.Remote{URL: "ws://" + remoteAddr, Token: openclaw.KnownSecret(testToken, "the test")}
		})
		if st := s.until("attached elsewhere", in(Running)); st.Mode != Attached || s.host.launches() != 0 {
			t.Errorf("%d launches, status %+v", s.host.launches(), st)
		}
	})
}

// After a SIGKILL of clawtray, its gateway is killed, too. Until its memory is freed, it keeps
// its socket, and the system does not name it any more.
func TestM3_TheSocketOfAKilledGatewayIsWaitedFor(t *testing.T) {
	nameless := func(t *testing.T) *fakeHost {
		h := healthy(t)
		h.occupied = &Listener{}
		return h
	}
	play(t, nameless, nil, func(s *scene) {
		time.AfterFunc(2*time.Second, func() { s.host.occupy(nil) })
		s.start()
		if st := s.Status(); st.Mode != Managed || len(st.Incidents) != 0 {
			t.Errorf("status %+v", st)
		}
	})
	play(t, nameless, nil, func(s *scene) {
		_, err := s.Do(s.t.Context(), Request{Intent: Start})
		if causeOf(err) != PortConflict || !strings.Contains(err.Error(), "a program the system does not name") || s.host.launches() != 0 {
			t.Errorf("%v, status %+v", err, s.Status())
		}
	})
}

// A gateway on a busy machine may accept a connection long before it answers. One that
// never does has to be looked at by a person.
func TestM1_ASilentGatewayIsAskedAgain(t *testing.T) {
	busyFor := func(d time.Duration) func(*testing.T) *fakeHost {
		return func(t *testing.T) *fakeHost {
			h := visited(t)
			h.busy = time.Now().Add(d)
			return h
		}
	}
	play(t, busyFor(30*time.Second), nil, func(s *scene) {
		s.start()
		if st := s.Status(); st.Mode != Attached || s.host.launches() != 0 {
			t.Errorf("status %+v", st)
		}
	})
	play(t, busyFor(time.Hour), nil, func(s *scene) {
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != PortConflict || s.host.launches() != 0 {
			t.Errorf("%v, status %+v", err, s.Status())
		}
	})
}

func TestM4_AttachedGatewayComesBackWithinItsGrace(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.start()
		s.host.leave()
		s.until("reconnecting", in(Reconnecting))
		time.Sleep(10 * time.Second)
		s.host.arrive()
		if st := s.until("running", in(Running)); st.Mode != Attached || s.host.launches() != 0 {
			t.Errorf("status %+v", st)
		}
	})
}

// M4: while an attached gateway is away, another user may take its port.
func TestM4_AnotherUserInTheGatewaysPlaceGetsNoSecret(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.start()
		s.host.leave()
		s.until("reconnecting", in(Reconnecting))
		s.host.mu.Lock()
		s.host.owner = "1001"
		s.host.mu.Unlock()
		s.host.arrive()
		st := s.until("given up", in(Failed))
		if st.Cause.Code != PortConflict || st.Mode != Conflict || s.host.stranger.Connects() != 0 {
			t.Errorf("%d connects, status %+v", s.host.stranger.Connects(), st)
		}
		s.host.leave()
		time.Sleep(time.Hour)
		if n := s.host.launches(); n != 0 {
			t.Errorf("%d gateways of ours started unasked", n)
		}
		s.host.mu.Lock()
		s.host.owner = ""
		s.host.mu.Unlock()
		s.host.arrive()
		s.until("attached again", func(st Status) bool { return st.State == Running && st.Mode == Attached })
	})
}

func TestM4_TakeOverOnlyAfterAsking(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.start()
		s.host.leave()
		if st := s.until("an offer", in(Failed)); st.Cause.Code != AttachedGone || st.Cause.Action() != ActTakeOver {
			t.Errorf("status %+v", st)
		}
		time.Sleep(time.Hour)
		if n := s.host.launches(); n != 0 {
			t.Fatalf("%d launches without being asked", n)
		}
		s.must(Request{Intent: TakeOver}, ResultRunning)
		if st := s.Status(); st.Mode != Managed || s.host.launches() != 1 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestH4_WrongTokenDoesNotLoopAndDoesNotKill(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) { gw.SetToken("another") }}), nil, func(s *scene) {
		_, err := s.Do(s.t.Context(), Request{Intent: Start})
		if causeOf(err) != TokenMismatch {
			t.Fatalf("got %v", err)
		}
		gw := s.host.current().gw
		n := gw.Connects()
		time.Sleep(time.Hour)
		if gw.Connects() != n || s.host.alive() != 1 {
			t.Errorf("%d more connects, %d gateways alive", gw.Connects()-n, s.host.alive())
		}
		gw.SetToken(testToken)
		s.must(Request{Intent: Retry}, ResultRunning)
	})
}

// The owner of an attached gateway that refuses us may end it or start another version. The
// status follows, also for causes that no change of the configuration heals.
func TestH4_AnAttachedGatewayThatIsReplaced(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.host.arriveAs(gatewaytest.Config{Token: testToken, Protocol: 99})
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != ProtocolMismatch {
			t.Fatalf("got %v", err)
		}
		time.Sleep(time.Hour)
		s.host.leave()
		s.until("no gateway", func(st Status) bool { return st.Cause.Code == AttachedGone && st.State == Failed })
		s.host.arrive()
		s.until("running", in(Running))
	})
}

// Somebody else's gateway may need several starts until it works. Each of them is waited for.
func TestM4_AnAttachedGatewayThatFailsToComeBack(t *testing.T) {
	for name, fail := range map[string]func(*scene){
		"ends while it starts": func(s *scene) {
			s.until("still starting", func(st Status) bool { return st.Phase == Sidecars })
			s.host.leave()
			s.until("gone again", func(st Status) bool { return st.Phase == Idle })
		},
		"ends while it starts, twice": func(s *scene) {
			s.until("still starting", func(st Status) bool { return st.Phase == Sidecars })
			s.host.leave()
			time.Sleep(DefaultPolicy().AttachedGrace / 2)
			s.host.arrive().SetStarting(true)
			time.Sleep(DefaultPolicy().AttachedGrace)
			s.host.leave()
			time.Sleep(DefaultPolicy().AttachedGrace / 2)
			if s.Status().Phase != Sidecars {
				t.Errorf("after half of its time: %+v", s.Status())
			}
			s.until("gone again", func(st Status) bool { return st.Phase == Idle })
		},
		"does not become ready in time": func(s *scene) {
			s.until("too slow", func(st Status) bool { return st.Cause.Code == StartTimeout })
			s.host.leave()
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, visited, nil, func(s *scene) {
				s.start()
				s.host.leave()
				s.until("gone", in(Failed))
				s.host.arrive().SetStarting(true)
				fail(s)
				time.Sleep(time.Minute)
				if st := s.Status(); st.State != Failed || st.Mode != Attached || st.Cause.Code != AttachedGone {
					t.Errorf("status %+v", st)
				}
				s.host.arrive()
				time.Sleep(time.Minute)
				if st := s.Status(); st.State != Running || s.host.launches() != 0 {
					t.Errorf("%d launches, status %+v", s.host.launches(), st)
				}
			})
		})
	}
}

func TestF2_AStoppedProcessIsReplacedWithinTwoMinutes(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		p := s.host.current()
		p.gw.Silence(true)
		p.mu.Lock()
		p.stopped = true
		p.mu.Unlock()
		began := time.Now()
		s.until("reconnecting", in(Reconnecting))
		st := s.until("running again", in(Running))
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("a hang was over after %v", took)
		}
		if st.PID == 1000 || st.Incidents[0].Cause.Code != Hung {
			t.Errorf("status %+v", st)
		}
	})
}

func TestF2_ABlockedEventLoopIsGivenTime(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		p := s.host.current()
		p.gw.Silence(true)
		defer s.burn(p)()
		time.Sleep(150 * time.Second)
		if s.Status().State != Running || s.Status().Health.Level != Degraded {
			t.Errorf("after 150 s: %+v", s.Status())
		}
		s.now()
		p.gw.Silence(false)
		s.until("healthy", func(st Status) bool { return st.Health.Level == Healthy })
		if s.host.launches() != 1 {
			t.Errorf("%d launches", s.host.launches())
		}
	})
}

func TestC2_QuitIsBounded(t *testing.T) {
	aborted := make(chan string, 9)
	play(t, behaving(behaviour{listen: time.Second, ignoreTerm: true, setup: func(gw *gatewaytest.Gateway) {
		busy(gw, aborted)
		gw.Handle("chat.abort", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return gatewaytest.NoAnswer, nil })
	}}), nil, func(s *scene) {
		s.start()
		began := time.Now()
		s.must(Request{Intent: Quit}, ResultStopped)
		if took := time.Since(began); took > DefaultPolicy().QuitLimit {
			t.Errorf("quitting took %v", took)
		}
	})
}

func TestB4_ASlowCheckDoesNotHoldUpTheEnd(t *testing.T) {
	play(t, func(t *testing.T) *fakeHost {
		h := healthy(t)
		h.lacks, h.check = []string{"Python"}, make(chan struct{})
		return h
	}, nil, func(s *scene) {
		s.start()
		time.AfterFunc(time.Minute, func() { close(s.host.check) })
		st := s.until("the missing part is shown", func(st Status) bool { return len(st.Missing) > 0 })
		if st.State != Running || st.Health.Level != Degraded {
			t.Errorf("status %+v", st)
		}
	})
}

func TestE2_ReloadRightAfterTheStart(t *testing.T) {
	invalid := func(gw *gatewaytest.Gateway) {
		gw.Handle("config.get", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			return map[string]any{"valid": false, "issues": []map[string]any{{"path": "gateway.bogus", "message": "Unrecognized key"}}}, nil
		})
	}
	play(t, behaving(behaviour{listen: time.Second, setup: invalid}), nil, func(s *scene) {
		s.start()
		s.must(Request{Intent: Reload}, ResultNothingToDo)
		// The second gateway ends while it is starting. It may have read the file by then.
		for _, at := range []time.Duration{time.Second, -500 * time.Millisecond} {
			s.host.edit("edited", s.Status().ConnectedAt.Add(at))
			a, err := s.Do(s.t.Context(), Request{Intent: Reload})
			if a.Result != ResultRejected || causeOf(err) != ConfigInvalid || !strings.Contains(a.Message, "gateway.bogus") {
				t.Errorf("after an edit: %q, %v", a.Result, err)
			}
		}
		if s.Status().State != Running || !s.Status().Drift.Invalid {
			t.Errorf("status %+v", s.Status())
		}
	})
}

func TestH2_CrashesFarApartAreForgiven(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		for range DefaultPolicy().Backoff.Attempts + 2 {
			time.Sleep(DefaultPolicy().Forgive + time.Minute)
			s.now()
			s.host.current().finish(Exit{Code: 1})
			s.until("reconnecting", in(Reconnecting))
			s.until("running", in(Running))
		}
		if st := s.Status(); st.Attempts != 1 {
			t.Errorf("%d attempts are remembered, want only the last", st.Attempts)
		}
	})
}

// G1: a person's start of a running gateway forgets the attempts, but not that the gateway
// has run.
func TestG1_ACrashAfterAStartThatChangedNothingIsAnIncident(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		s.must(Request{Intent: Start}, ResultAlreadyRunning)
		time.Sleep(time.Minute)
		s.now()
		s.host.current().finish(Exit{Code: -1, Signal: "SIGKILL"})
		s.until("reconnecting", in(Reconnecting))
		if st := s.until("running", in(Running)); len(st.Incidents) != 1 || st.Incidents[0].Cause.Code != Killed {
			t.Errorf("incidents %+v", st.Incidents)
		}
	})
}

// M1: nobody waits a minute for a silent program that cannot be a gateway of ours.
func TestM1_WhoMayBeAGateway(t *testing.T) {
	for _, c := range []struct {
		by  Listener
		may bool
	}{
		{Listener{PID: 7, Name: "openclaw-gateway"}, true},
		{Listener{PID: 7, Name: "node.exe"}, true},
		{Listener{PID: 7, Name: "MainThread"}, true},
		{Listener{PID: 7, Name: "nc"}, false},
		{Listener{PID: 7}, false},
		{Listener{PID: 7, Name: "node", User: "ann"}, false},
	} {
		if got := mayBeGateway(c.by); got != c.may {
			t.Errorf("%+v: %t", c.by, got)
		}
	}
}
