package supervisor

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc/gatewaytest"
	"clawtray/supervisor/machine"
	"clawtray/supervisor/openclaw"
)

// The tests in this file cover faults of the machine that earlier tests had not considered.

func TestXH1_ASocketThatOutlivesItsProcess(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, socketStays: true}), nil, func(s *scene) {
		s.start()
		time.Sleep(DefaultPolicy().ReadyForLong)
		dead := s.host.current()
		dead.finish(Exit{Code: 1})
		s.until("reconnecting", in(Reconnecting))
		if st := s.until("running", in(Running)); st.PID != 1001 || st.Incidents[0].Cause.Code != Exited {
			t.Errorf("status %+v", st)
		}
		synctest.Wait()
		if n := len(dead.gw.Conns()); n != 0 {
			t.Errorf("%d sockets of the dead process are still ours", n)
		}
	})
}

// XH1: clawtray does not wait for active work of a process that has ended, although its
// child keeps the connection open and never answers.
func TestXH1_ASocketThatOutlivesItsProcessOnTheWayDown(t *testing.T) {
	for name, orders := range map[string]Request{"a stop": {Intent: Stop}, "a restart": {Intent: Restart}} {
		t.Run(name, func(t *testing.T) {
			working := make(chan string, 9)
			play(t, behaving(behaviour{listen: time.Second, socketStays: true, setup: func(gw *gatewaytest.Gateway) { busy(gw, working) }}), nil, func(s *scene) {
				s.start()
				s.host.put("2027.1.1", nil) // otherwise the gateway would restart in place
				p := s.host.current()
				answered := make(chan error, 1)
				go func() {
					_, err := s.Do(s.t.Context(), orders)
					answered <- err
				}()
				s.until("the way down", func(st Status) bool { return st.Phase == Draining })
				p.gw.Silence(true)
				time.Sleep(drainPoll) // a call about active work is waiting
				p.finish(Exit{Code: -1, Signal: "SIGKILL"})
				time.Sleep(2 * lastWords)
				synctest.Wait()
				if st := s.Status(); st.Facts.ProcessAlive && st.PID == 1000 {
					t.Errorf("half a second after its end: %+v", st)
				}
				if err := <-answered; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// C4: a stop ends the descendants of a crashed gateway, also when it comes while the
// gateway's files are being removed.
func TestC4_AStopRightAfterACrash(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, remains: 2, putAway: 100 * time.Millisecond}), nil, func(s *scene) {
		s.start()
		s.host.current().finish(Exit{Code: 1})
		time.Sleep(50 * time.Millisecond)
		s.must(Request{Intent: Stop}, ResultStopped)
		if left := s.host.left(); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// A logout that comes then is over in time, whatever the descendants do.
func TestC4_ALogoutRightAfterACrash(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, remains: 2, putAway: 100 * time.Millisecond, unkillable: true}), nil, func(s *scene) {
		s.start()
		s.host.current().finish(Exit{Code: 1})
		time.Sleep(50 * time.Millisecond)
		began := time.Now()
		_, err := s.Do(s.t.Context(), Request{Intent: Quit, Cause: Cause{Code: SessionEnd}})
		if took := time.Since(began); causeOf(err) != CouldNotEnd || took > DefaultPolicy().LogoutLimit {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// A restart ends what the gateway before has started.
func TestC4_ARestartLeavesNothing(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, remains: 2}, behaviour{listen: time.Second}), nil, func(s *scene) {
		s.start()
		s.must(Request{Intent: Restart}, ResultRestarted)
		if left := s.host.left(); len(left) > 0 || s.host.launches() != 2 {
			t.Errorf("left: %v, %d launches", left, s.host.launches())
		}
	})
}

// The run file goes with the process, also when that needs all the time there is.
func TestC4_ALogoutAtTheLastMoment(t *testing.T) {
	last := DefaultPolicy().LogoutLimit - margin - 50*time.Millisecond // the signal is ignored for all but the reserve
	play(t, behaving(behaviour{listen: time.Second, ignoreTerm: true, dying: reserve - 50*time.Millisecond, putAway: 100 * time.Millisecond}), nil, func(s *scene) {
		s.start()
		began := time.Now()
		s.must(Request{Intent: Quit, Cause: Cause{Code: SessionEnd}}, ResultStopped)
		if took := time.Since(began); !s.host.current().released || took < last {
			t.Errorf("after %v, released: %t", took, s.host.current().released)
		}
	})
}

// slowRestart is a gateway that cannot restart in place, and is busy for a minute before it
// ends.
func slowRestart(more ...func(*gatewaytest.Gateway)) behaviour {
	return behaviour{listen: time.Second, ignoreTerm: true, setup: func(gw *gatewaytest.Gateway) {
		busy(gw, make(chan string, 9))
		for _, m := range more {
			m(gw)
		}
	}}
}

// hurried are orders that may come during a wind-down, and how long the rest may take after
// each.
var hurried = map[string]struct {
	r    Request
	most time.Duration
}{
	"stop now": {Request{Intent: Stop, Now: true}, DefaultPolicy().Terminate + killWait + 2*time.Second},
	"quit now": {Request{Intent: Quit, Now: true}, DefaultPolicy().Terminate + killWait + 2*time.Second},
	"quit":     {Request{Intent: Quit}, DefaultPolicy().QuitLimit},
	"logout":   {Request{Intent: Quit, Cause: Cause{Code: SessionEnd}}, DefaultPolicy().LogoutLimit},
}

// XH2, XH19: the newest order counts at once, whether the owner or the generation began the
// wind-down. A slow call about active work does not delay it.
func TestXH2_TheNewestOrderTightensTheWayDown(t *testing.T) {
	slowly := func(gw *gatewaytest.Gateway) {
		gw.Handle("gateway.restart.preflight", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			time.Sleep(DefaultPolicy().VerifyTimeout)
			return map[string]any{"safe": false, "counts": map[string]any{"totalActive": 1}}, nil
		})
	}
	begins := map[string]func(*scene){
		"a restart for a new version": func(s *scene) {
			s.host.put("2027.1.1", nil)
			go s.Do(s.t.Context(), Request{Intent: Restart})
		},
		"a stop": func(s *scene) { go s.Do(s.t.Context(), Request{Intent: Stop}) },
		"a hang": func(s *scene) {
			p := s.host.current()
			p.mu.Lock()
			p.stopped = true
			p.mu.Unlock()
			p.gw.Silence(true)
		},
	}
	for began, begin := range begins {
		for name, c := range hurried {
			for _, later := range []time.Duration{0, time.Second, 21 * time.Second} {
				t.Run(fmt.Sprint(name, " after ", began, " and ", later), func(t *testing.T) {
					play(t, behaving(slowRestart(slowly)), nil, func(s *scene) {
						s.start()
						begin(s)
						s.until("the way down", func(st Status) bool { return st.Stopping() || st.State == Reconnecting })
						time.Sleep(later)
						asked := time.Now()
						s.must(c.r, ResultStopped)
						if took := time.Since(asked); took > c.most {
							t.Errorf("over after %v, want at most %v", took, c.most)
						}
						if want := c.r.cause().Code; s.Status().Cause.Code != want {
							t.Errorf("shown as %v, want %v", s.Status().Cause.Code, want)
						}
					})
				})
			}
		}
	}
}

func TestXH3_AProcessThatSIGKILLDoesNotEnd(t *testing.T) {
	for name, c := range hurried {
		t.Run(name, func(t *testing.T) {
			play(t, behaving(behaviour{listen: time.Second, ignoreTerm: true, unkillable: true}), nil, func(s *scene) {
				s.start()
				asked := time.Now()
				_, err := s.Do(s.t.Context(), c.r)
				if causeOf(err) != CouldNotEnd || !strings.Contains(err.Error(), "1000") {
					t.Errorf("answered with %v", err)
				}
				if took := time.Since(asked); took > c.most {
					t.Errorf("over after %v, want at most %v", took, c.most)
				}
				st := s.Status()
				if st.State != Failed || st.Cause.Code != CouldNotEnd || s.host.current().released {
					t.Errorf("released %v, status %+v", s.host.current().released, st)
				}
			})
		})
	}
}

func TestXH3_NothingIsStartedBesideAProcessThatCannotBeEnded(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, ignoreTerm: true, unkillable: true, gateway: gatewaytest.Config{Protocol: 3}}, behaviour{listen: time.Second}), nil, func(s *scene) {
		s.start()
		for _, r := range []Request{{Intent: Restart}, {Intent: Start}, {Intent: Restart, Now: true}} {
			if _, err := s.Do(s.t.Context(), r); causeOf(err) != CouldNotEnd || s.host.launches() != 1 {
				t.Errorf("%s: %v, %d launches", r.Intent, err, s.host.launches())
			}
		}
		s.now()
		s.host.current().finish(Exit{Code: -1, Signal: "SIGKILL"}) // the process ends after all
		if st := s.until("running", in(Running)); st.PID != 1001 {
			t.Errorf("status %+v", st)
		}
	})
}

// writer is a log that calls a function with each line, on the goroutine that logs.
type writer func(line string)

func (w writer) Write(p []byte) (int, error) { w(string(p)); return len(p), nil }

// XH3: a process that ends at the moment when we give up on it is noticed, like one that
// ends later.
func TestXH3_AProcessThatEndsWhenWeGiveUp(t *testing.T) {
	for _, intent := range []Intent{Stop, Restart} {
		var s *scene
		log := slog.New(slog.NewTextHandler(writer(func(line string) {
			if strings.Contains(line, "could not be ended") {
				s.host.current().finish(Exit{Code: -1, Signal: "SIGKILL"})
			}
		}), nil))
		unkillable := behaviour{listen: time.Second, ignoreTerm: true, unkillable: true, gateway: gatewaytest.Config{Protocol: 3}}
		play(t, behaving(unkillable, behaviour{listen: time.Second}), func(c *Config) { c.Log = log }, func(scene *scene) {
			s = scene
			s.start()
			s.Do(s.t.Context(), Request{Intent: intent}) // the answer is the state at that moment
			want := Stopped
			if intent == Restart {
				want = Running
			}
			time.Sleep(time.Minute)
			if st := s.Status(); st.State != want {
				t.Errorf("after %s the status is %+v", intent, st)
			}
		})
	}
}

func TestXH3_AProcessThatDiesSlowly(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, ignoreTerm: true, dying: 4900 * time.Millisecond}), nil, func(s *scene) {
		s.start()
		s.must(Request{Intent: Stop}, ResultStopped)
		if !s.host.current().released {
			t.Error("the run file stays")
		}
	})
}

// XH4: clawtray reconnects with backoff to a gateway that closes its connections again and
// again. All losses are one incident. In the end clawtray gives up, and the process keeps
// running.
func TestXH4_AGatewayThatFlaps(t *testing.T) {
	for name, b := range map[string]behaviour{
		"after each hello":   {listen: time.Second, flaps: 1},
		"soon after a hello": {listen: time.Second, flaps: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, behaving(b), nil, func(s *scene) {
				s.start()
				began := time.Now()
				time.Sleep(time.Minute)
				st := s.Status()
				if n := s.host.current().gw.Connects(); n > 9 || st.Attempts < 3 || len(st.Incidents) != 1 {
					t.Errorf("after a minute: %d connects, status %+v", n, st)
				}
				st = s.until("given up", in(Failed))
				if st.Cause.Code != GaveUp || s.host.launches() != 1 || s.host.alive() != 1 {
					t.Errorf("%d launches, %d alive, status %+v", s.host.launches(), s.host.alive(), st)
				}
				n := s.host.current().gw.Connects()
				if policy := DefaultPolicy().Backoff.Attempts; n > policy+1 {
					t.Errorf("%d connects, want at most %d", n, policy+1)
				}
				if took := time.Since(began); took > 10*time.Minute {
					t.Errorf("given up after %v", took)
				}
				time.Sleep(time.Hour)
				if s.host.current().gw.Connects() != n || len(s.Status().Incidents) != 1 {
					t.Errorf("it went on by itself: %d connects, incidents %+v", s.host.current().gw.Connects(), s.Status().Incidents)
				}
			})
		})
	}
}

func TestXH4_AGatewayThatAcceptsAndCloses(t *testing.T) {
	for name, ready := range map[string]bool{"at the start": false, "after it was ready": true} {
		t.Run(name, func(t *testing.T) {
			var broken atomic.Bool
			var refused atomic.Int64
			broken.Store(!ready)
			b := behaviour{listen: time.Second}
			b.gateway.Hooks.OnConnect = func(r *gatewaytest.Request) (*gatewaytest.Error, int) {
				if broken.Load() {
					refused.Add(1)
					r.Conn.Close(1006, "")
				}
				return nil, 0
			}
			play(t, behaving(b), nil, func(s *scene) {
				go s.Do(s.t.Context(), Request{Intent: Start})
				if ready {
					s.until("running", in(Running))
					broken.Store(true)
					s.host.current().gw.CloseAll(1006, "")
				}
				time.Sleep(time.Minute)
				if n := refused.Load(); n < 2 || n > 25 || s.host.launches() != 1 {
					t.Errorf("%d connections in a minute, %d launches", n, s.host.launches())
				}
			})
		})
	}
}

func TestXH4_ALongConnectionIsForgiven(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		for range 3 * DefaultPolicy().Backoff.Attempts {
			time.Sleep(DefaultPolicy().Forgive + time.Minute)
			s.now()
			lost := time.Now()
			s.host.current().gw.CloseAll(1006, "")
			s.until("lost", in(Reconnecting))
			st := s.until("running", in(Running))
			if took := time.Since(lost); took > 2*fastPoll+lastWords || st.Attempts != 1 {
				t.Fatalf("back after %v, %d attempts", took, st.Attempts)
			}
		}
	})
}

// XH5: a second request between the end of the work and the restart must not make a later
// stop skip a step.
func TestXH5_ARungBelongsToOneWayDown(t *testing.T) {
	restarting := make(chan struct{}, 9)
	play(t, behaving(behaviour{listen: time.Second, stop: 3 * time.Second, setup: func(gw *gatewaytest.Gateway) {
		gw.Handle("gateway.restart.request", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			restarting <- struct{}{}
			time.AfterFunc(2*time.Second, gw.Restart)
			return map[string]any{"ok": true, "status": "scheduled"}, nil
		})
	}}), nil, func(s *scene) {
		s.start()
		first := make(chan Answer, 2)
		for range 2 {
			go func() {
				a, _ := s.Do(s.t.Context(), Request{Intent: Restart})
				first <- a
			}()
			time.Sleep(time.Second)
		}
		<-restarting
		if a, b := <-first, <-first; a.Result != ResultRestarted || b.Result != ResultRestarted {
			t.Errorf("the restarts ended in %q and %q", a.Result, b.Result)
		}
		time.Sleep(time.Hour)
		s.must(Request{Intent: Stop}, ResultStopped)
		if n := s.host.current().killed; n != 0 {
			t.Errorf("an ordinary stop killed it %d times", n)
		}
	})
}

func TestXH8_OnlyTheEndOfStderrSaysWhy(t *testing.T) {
	old := []string{"EACCES: permission denied, open '/plugin/cache'", "plugin requires Node >=30"}
	for name, c := range map[string]struct {
		e    Exit
		tail []string
		want CauseCode
	}{
		"a signal":                {Exit{Code: -1, Signal: "SIGKILL"}, old, StartExit},
		"the heap, by a signal":   {Exit{Code: -1, Signal: "SIGABRT"}, append(old, "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", " 1: 0x19c77d1 [openclaw]"), OutOfMemory},
		"the heap, by exit code":  {Exit{Code: 134}, []string{"FATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory"}, OutOfMemory},
		"an exit, words included": {Exit{Code: 1}, old, NoPermission},
	} {
		if got := startFailure(c.e, c.tail, "last"); got.Code != c.want {
			t.Errorf("%s: %q, want %q", name, got.Code, c.want)
		}
	}
	out := NewOutput(nil)
	out.Add(Line{Text: "EACCES: permission denied", Stderr: true})
	for i := range errorLines {
		out.Add(Line{Text: fmt.Sprint("something else ", i), Stderr: true})
		out.Add(Line{Text: fmt.Sprint("ENOSPC on stdout ", i)})
	}
	if got := startFailure(Exit{Code: 1}, out.LastErrors(), ""); got.Code != StartExit {
		t.Errorf("an old line, or one of stdout, counted: %v", got)
	}
}

func TestXH9_LaunchErrorsAreSorted(t *testing.T) {
	for name, c := range map[string]struct {
		err  *machine.LaunchError
		want CauseCode
	}{
		"no memory for a fork": {&machine.LaunchError{Kind: machine.Retry, Err: syscall.ENOMEM}, NoCause},
		"no space":             {&machine.LaunchError{Kind: machine.DiskFull, Err: syscall.ENOSPC}, DiskFull},
		"no permission":        {&machine.LaunchError{Err: syscall.EACCES}, SpawnDenied},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T) *fakeHost {
				h := healthy(t)
				h.refusal = func(n int) error {
					if n < 2 {
						return c.err
					}
					return nil
				}
				return h
			}, nil, func(s *scene) {
				_, err := s.Do(s.t.Context(), Request{Intent: Start})
				if causeOf(err) != c.want || c.want == NoCause && s.Status().State != Running {
					t.Errorf("got %v, status %+v", err, s.Status())
				}
			})
		})
	}
}

// XH10: files that hang block neither requests nor a quit.
func TestXH10_FilesThatHang(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		s.host.mu.Lock()
		s.host.hangs = true
		s.host.mu.Unlock()
		go s.Do(s.t.Context(), Request{Intent: Reload})
		synctest.Wait()
		asked := time.Now()
		if _, err := s.Report(s.t.Context()); err != nil || time.Since(asked) > 0 {
			t.Errorf("the report came after %v, %v", time.Since(asked), err)
		}
		s.must(Request{Intent: Stop}, ResultStopped)
		if took := time.Since(asked); took > time.Second {
			t.Errorf("the stop took %v", took)
		}
		go s.Do(s.t.Context(), Request{Intent: Start})
		time.Sleep(time.Second)
		asked = time.Now()
		s.must(Request{Intent: Quit, Cause: Cause{Code: SessionEnd}}, ResultStopped)
		if took := time.Since(asked); took > DefaultPolicy().LogoutLimit {
			t.Errorf("the logout took %v", took)
		}
	})
}

func TestXH11_NobodyKnowsWhoListens(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.host.deaf = errors.New("too many open files")
		go s.Do(s.t.Context(), Request{Intent: Start})
		time.Sleep(time.Minute)
		if st := s.Status(); st.State != Starting || s.host.current().gw.Connects() != 0 {
			t.Errorf("%d connects, status %+v", s.host.current().gw.Connects(), st)
		}
		s.host.mu.Lock()
		s.host.deaf = nil
		s.host.mu.Unlock()
		s.until("running", in(Running))
	})
}

// XH12: OpenClaw's own service starts a little later than clawtray.
func TestXH12_AnOwnerThatIsStillStartingIsAttachedTo(t *testing.T) {
	owned := behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 78}, lines: []string{"another OpenClaw process owns gateway-lifecycle"}}
	play(t, behaving(owned), nil, func(s *scene) {
		go s.Do(s.t.Context(), Request{Intent: Start})
		if st := s.until("said", in(Failed)); st.Cause.Code != StateDirOwned {
			t.Errorf("status %+v", st)
		}
		time.Sleep(10 * time.Second)
		s.host.arrive()
		if st := s.until("attached", in(Running)); st.Mode != Attached || s.host.launches() != 1 {
			t.Errorf("%d launches, status %+v", s.host.launches(), st)
		}
		s.must(Request{Intent: Stop}, ResultLeftRunning)
	})
}

func TestXH13_AChangedTokenIsReadAgain(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		s.host.mu.Lock()
		s.host.token = "another-token-7c1e"
		s.host.mu.Unlock()
		gw := s.host.current().gw
		gw.SetToken("another-token-7c1e")
		gw.CloseAll(4001, "gateway auth changed")
		s.until("reconnecting", in(Reconnecting))
		if st := s.until("an end", func(st Status) bool { return st.State == Running || st.State == Failed }); st.State != Running {
			t.Errorf("status %+v", st)
		}
	})
}

func TestXH14_ForgivingSparesTheBudget(t *testing.T) {
	tune := func(c *Config) { c.Policy.Governor.Budget, c.Policy.Governor.Window = 3, time.Hour }
	play(t, healthy, tune, func(s *scene) {
		s.start()
		for range 4 {
			time.Sleep(DefaultPolicy().Forgive + 10*time.Second)
			s.now()
			s.host.current().finish(Exit{Code: 1})
			s.until("an end or a recovery", func(st Status) bool {
				return st.State == Failed || st.State == Running && st.PID == s.host.current().pid && st.Facts.All() && st.ConnectedAt.After(s.seen.status.StartedAt)
			})
		}
		if st := s.until("given up", in(Failed)); st.Cause.Code != KeepsCrashing {
			t.Errorf("status %+v", st)
		}
	})
}

func TestXH15_AStopDuringDoctor(t *testing.T) {
	bad := behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 78}, lines: []string{"Config invalid"}}
	play(t, func(t *testing.T) *fakeHost {
		h := behaving(bad, behaviour{listen: time.Second})(t)
		h.doctor = make(chan struct{})
		return h
	}, nil, func(s *scene) {
		go s.Do(s.t.Context(), Request{Intent: Start})
		s.until("doctor", func(st Status) bool { return st.Phase == Repairing })
		s.must(Request{Intent: Stop}, ResultStopped)
		close(s.host.doctor)
		time.Sleep(time.Hour)
		if s.host.launches() != 1 || s.Status().State != Stopped {
			t.Errorf("%d launches, status %+v", s.host.launches(), s.Status())
		}
	})
}

func TestXH16_ReloadOfAGatewayThatWasThereBefore(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.host.edit("edited", time.Now().Add(time.Hour)) // edited while the gateway ran
		time.Sleep(3 * time.Hour)
		s.start()
		a, err := s.Do(s.t.Context(), Request{Intent: Reload})
		if a.Result == ResultNothingToDo {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestXH21_AnotherProgramForAMomentAfterAnAttachedGateway(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.start()
		s.host.leave()
		s.until("an offer", in(Failed))
		for range 5 {
			s.host.occupy(&Listener{PID: 4711, Name: "nginx"})
			time.Sleep(700 * time.Millisecond)
			s.host.occupy(nil)
			time.Sleep(1300 * time.Millisecond)
		}
		if st := s.Status(); s.host.launches() != 0 || st.State != Failed || st.Cause.Code != AttachedGone {
			t.Errorf("%d launches, status %+v", s.host.launches(), st)
		}
		s.host.arrive()
		if st := s.until("attached", in(Running)); st.Mode != Attached {
			t.Errorf("status %+v", st)
		}
	})
}

// XH21: an attached gateway comes back, but has ended again before clawtray has connected.
func TestXH21_AnAttachedGatewayThatComesBackForAMoment(t *testing.T) {
	for looks := range 4 {
		play(t, visited, nil, func(s *scene) {
			s.start()
			s.host.leave()
			s.until("an offer", in(Failed))
			s.host.mu.Lock()
			s.host.fleeting = looks + 1
			s.host.mu.Unlock()
			gw := s.host.arrive()
			time.Sleep(time.Hour)
			gw.Close()
			if n := s.host.launches(); n != 0 {
				t.Errorf("gone after %d looks: %d launches", looks+1, n)
			}
		})
	}
}

// XH21: it ends after everything has been found out about it, and before clawtray attaches.
func TestXH21_AnAttachedGatewayThatEndsAtTheLastMoment(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.start()
		s.host.leave()
		s.until("an offer", in(Failed))
		s.host.mu.Lock()
		s.host.atOrphan = s.host.leave
		s.host.mu.Unlock()
		s.host.arrive()
		time.Sleep(time.Hour)
		if n := s.host.launches(); n != 0 {
			t.Errorf("%d launches", n)
		}
		s.host.arrive()
		s.until("attached again", func(st Status) bool { return st.State == Running && st.Mode == Attached })
	})
}

func TestXH22_APortChosenDuringAStop(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, stop: 3 * time.Second}), nil, func(s *scene) {
		s.start()
		stopped := make(chan struct{})
		go func() { s.must(Request{Intent: Stop}, ResultStopped); close(stopped) }()
		s.until("the signal", func(st Status) bool { return st.Phase == Terminating })
		if a, err := s.UsePort(s.t.Context(), testPort+1); err != nil || a.Result != ResultNothingToDo {
			t.Errorf("%+v, %v", a, err)
		}
		<-stopped
		time.Sleep(time.Hour)
		if st := s.Status(); st.State != Stopped || s.host.launches() != 1 {
			t.Errorf("%d launches, status %+v", s.host.launches(), st)
		}
	})
}

func TestXH22_AStopThatCrossesAFailure(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, ignoreTerm: true, dying: 2 * time.Second}), nil, func(s *scene) {
		s.start()
		p := s.host.current()
		p.mu.Lock()
		p.stopped = true
		p.mu.Unlock()
		p.gw.Silence(true)
		s.until("killing", func(st Status) bool { return st.Phase == Killing })
		s.must(Request{Intent: Stop}, ResultStopped)
		if st := s.Status(); st.Cause.Code != UserStop {
			t.Errorf("status %+v", st)
		}
	})
}

// The last good configuration is looked for after the way down, on a slow disk.
func TestXH22_AStopWhileTheWayBackIsLookedFor(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		s.host.mu.Lock()
		s.host.lag = time.Second
		s.host.mu.Unlock()
		p := s.host.current()
		p.say("Config invalid")
		p.finish(Exit{Code: 78})
		time.Sleep(500 * time.Millisecond)
		s.must(Request{Intent: Stop}, ResultStopped)
		if st := s.Status(); st.Cause.Code != UserStop {
			t.Errorf("status %+v", st)
		}
	})
}

func TestXH22_ACrashDuringARestartInPlace(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		p := s.host.current()
		p.gw.Emit("shutdown", map[string]any{"reason": "gateway restarting", "restartExpectedMs": 1500})
		p.gw.CloseAll(1012, "service restart")
		p.finish(Exit{Code: 1})
		// The gateway may have signed us in once more before it ended.
		s.until("an incident", func(st Status) bool { return len(st.Incidents) > 0 })
		st := s.until("running", in(Running))
		if len(st.Incidents) != 1 || st.Incidents[0].Cause.Code != Exited {
			t.Errorf("incidents %+v", st.Incidents)
		}
	})
}

// A child of the ended gateway still has its socket and goes on signing us in.
func TestXH22_ACrashWhileSigningIn(t *testing.T) {
	b := behaviour{listen: time.Second, socketStays: true, gateway: gatewaytest.Config{Timing: gatewaytest.Timing{HelloDelay: 10 * time.Second}}}
	play(t, behaving(b), nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		p := s.host.current()
		p.gw.Restart()
		s.until("signing in", func(st Status) bool { return st.State == Reconnecting && st.Phase == Challenged })
		p.finish(Exit{Code: 1})
		ended := time.Now()
		s.until("an incident", func(st Status) bool { return len(st.Incidents) > 0 })
		if took := time.Since(ended); took > time.Second {
			t.Errorf("the end of the process was noticed after %v", took)
		}
		st := s.until("running", in(Running))
		if len(st.Incidents) != 1 || st.Incidents[0].Cause.Code != Exited || s.host.launches() != 2 {
			t.Errorf("%d launches, incidents %+v", s.host.launches(), st.Incidents)
		}
	})
}

func TestXH24_ABurstOfChangesIsLookedAtOnce(t *testing.T) {
	var asked, parallel, most atomic.Int64
	play(t, behaving(behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) {
		gw.Handle("config.get", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			asked.Add(1)
			most.Store(max(most.Load(), parallel.Add(1)))
			time.Sleep(3 * time.Second)
			parallel.Add(-1)
			return map[string]any{"valid": true}, nil
		})
	}}), nil, func(s *scene) {
		s.start()
		time.Sleep(5 * time.Second)
		asked.Store(0)
		for i := range 100 {
			s.host.edit(fmt.Sprint(i), time.Now())
			s.host.current().gw.Emit("config.changed", nil)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		if n := asked.Load(); n < 1 || n > 3 || most.Load() != 1 {
			t.Errorf("config.get was called %d times, %d at once", n, most.Load())
		}
	})
}

func TestXH24_ADeadSystemBusDoesNotStopTheBeat(t *testing.T) {
	var beats atomic.Int64
	play(t, func(t *testing.T) *fakeHost {
		h := healthy(t)
		h.deadBus = true
		return h
	}, func(c *Config) { c.OnBeat = func() { beats.Add(1) } }, func(s *scene) {
		time.Sleep(5 * time.Minute)
		if beats.Load() < 5 {
			t.Errorf("%d beats in five minutes", beats.Load())
		}
	})
}

// F2: a gateway that is silent on both paths, and idle or stopped, for a minute hangs. That
// is noticed within 75 s. A busy loop of 100 s or a sleep is not a hang.
func TestF2_AHangIsNoticedWithin75Seconds(t *testing.T) {
	for name, stopped := range map[string]bool{"stopped": true, "idle": false} {
		for _, after := range []time.Duration{time.Minute, 75 * time.Second, 89 * time.Second} {
			t.Run(fmt.Sprint(name, after), func(t *testing.T) {
				play(t, behaving(behaviour{listen: time.Second, gateway: gatewaytest.Config{Policy: gatewaytest.Policy{Tick: 30 * time.Second}}}), nil, func(s *scene) {
					s.start()
					time.Sleep(after)
					p := s.host.current()
					p.mu.Lock()
					p.stopped, p.b.ignoreTerm = stopped, true
					p.mu.Unlock()
					p.gw.Silence(true)
					began := time.Now()
					s.until("noticed", func(st Status) bool { return st.State == Reconnecting })
					if took := time.Since(began); took > 75*time.Second {
						t.Errorf("noticed after %v", took)
					}
					s.until("running again", in(Running))
				})
			})
		}
	}
}

func TestF2_ABusyLoopOf100SecondsIsLeftAlone(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		p := s.host.current()
		p.gw.Silence(true)
		stop := s.burn(p)
		time.Sleep(100 * time.Second)
		p.gw.Silence(false)
		stop()
		s.until("healthy", func(st Status) bool { return st.Health.Level == Healthy })
		if s.host.launches() != 1 {
			t.Errorf("%d launches", s.host.launches())
		}
	})
}

// XH3: a descendant that nothing can end is reported at a stop, but does not prevent a
// start, because it is not a gateway. Nothing is retried for ever.
func TestXH3_ADescendantThatNothingEnds(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, unkillable: true, remains: 1}, behaviour{listen: time.Second}), nil, func(s *scene) {
		s.start()
		p := s.host.current()
		if _, err := s.Do(s.t.Context(), Request{Intent: Stop}); causeOf(err) != CouldNotEnd {
			t.Errorf("the stop ended with %v", err)
		}
		n := p.killed
		time.Sleep(time.Hour)
		if p.killed != n {
			t.Errorf("killed %d more times", p.killed-n)
		}
		s.start()
		p.mu.Lock()
		p.b.unkillable = false
		p.mu.Unlock()
	})
}

// XH3: processes that could not be ended are a failure of their own, also when the state was
// Failed before. Who asks meanwhile gets an answer, and the status shows the newer error.
func TestXH3_AFailureAfterAFailure(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, unkillable: true, remains: 1}), nil, func(s *scene) {
		s.start()
		p := s.host.current()
		s.host.spoil(broken(openclaw.ConfigUnreadable, time.Time{}))
		p.finish(Exit{Code: 1})
		s.until("failed", in(Failed))
		go s.Do(s.t.Context(), Request{Intent: Stop})
		s.until("the way down", Status.Stopping)
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != CouldNotEnd {
			t.Errorf("the start ended with %v", err)
		}
		if st := s.Status(); st.State != Failed || st.Error != st.Cause.Error() || st.Incidents[0].Cause.Code != CouldNotEnd {
			t.Errorf("status %+v", st)
		}
		p.mu.Lock()
		p.b.unkillable = false
		p.mu.Unlock()
	})
}

// The same for somebody else's gateway: it went away, another one comes in its place, and
// that one is of no use either.
func TestXH3_AnotherFailureOfSomebodyElsesGateway(t *testing.T) {
	for name, test := range map[string]struct {
		gateway gatewaytest.Config
		want    CauseCode
	}{
		"never ready":       {gatewaytest.Config{Token: testToken, Starting: true}, StartTimeout},
		"the wrong version": {gatewaytest.Config{Token: testToken, Protocol: 99}, ProtocolMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, visited, nil, func(s *scene) {
				s.start()
				s.host.leave()
				s.until("gone", in(Failed))
				s.host.arriveAs(test.gateway)
				st := s.until("the other failure", func(st Status) bool { return st.Cause.Code == test.want })
				if st.State != Failed || st.Error != st.Cause.Error() || st.Incidents[0].Cause.Code != test.want {
					t.Errorf("status %+v", st)
				}
			})
		})
	}
}

// Who asks for a start while that gateway is not ready is answered, too.
func TestXH3_AStartBetweenTwoFailures(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.start()
		s.host.leave()
		s.until("gone", in(Failed))
		s.host.arriveAs(gatewaytest.Config{Token: testToken, Starting: true})
		s.until("still starting", func(st Status) bool { return st.Phase == Sidecars })
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != StartTimeout {
			t.Errorf("the start ended with %v", err)
		}
	})
}

func TestC4_SIGKILLGetsItsTimeWithinTheLimit(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, ignoreTerm: true, dying: reserve - 100*time.Millisecond}), nil, func(s *scene) {
		s.start()
		s.must(Request{Intent: Quit, Cause: Cause{Code: SessionEnd}}, ResultStopped)
	})
}

func TestC4_TheEarlierOfTwoLimitsCounts(t *testing.T) {
	quit, logout := Request{Intent: Quit}, Request{Intent: Quit, Cause: Cause{Code: SessionEnd}}
	for name, orders := range map[string][2]Request{"quit, then logout": {quit, logout}, "logout, then quit": {logout, quit}} {
		t.Run(name, func(t *testing.T) {
			play(t, behaving(slowRestart()), nil, func(s *scene) {
				s.start()
				go s.Do(s.t.Context(), orders[0])
				s.until("the way down", Status.Stopping)
				asked := time.Now()
				s.must(orders[1], ResultStopped)
				if took := time.Since(asked); took > DefaultPolicy().LogoutLimit {
					t.Errorf("over after %v", took)
				}
			})
		})
	}
}

func TestC4_NobodySkipsTheWaitForSIGKILL(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, ignoreTerm: true, dying: 3 * time.Second}), nil, func(s *scene) {
		s.start()
		for range 2 {
			go s.Do(s.t.Context(), Request{Intent: Stop})
			synctest.Wait()
		}
		s.until("killing", func(st Status) bool { return st.Phase == Killing })
		s.must(Request{Intent: Stop}, ResultStopped)
	})
}

// XH4: a restart in place is not a failure. A gateway that only restarts is left alone
// after as many restarts as losses are allowed.
func TestXH4_RestartsInPlaceHaveABudgetOnly(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		for n := range DefaultPolicy().Backoff.Attempts {
			s.now()
			s.host.current().gw.Restart()
			s.until("reconnecting", in(Reconnecting))
			if st := s.until("running", in(Running)); st.Attempts != 0 || len(st.Incidents) != 0 {
				t.Fatalf("restart %d: %d attempts, incidents %+v", n+1, st.Attempts, st.Incidents)
			}
		}
		s.host.current().gw.Restart()
		if st := s.until("given up", in(Failed)); st.Cause.Code != GaveUp || s.host.alive() != 1 {
			t.Errorf("status %+v", st)
		}
	})
}

// XH18: when the system cannot list the descendants, that does not mean that there are
// none.
func TestXH18_ALookThatFailsOnTheWayDown(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, remains: 2}), nil, func(s *scene) {
		s.start()
		s.host.mu.Lock()
		s.host.blind = 1
		s.host.mu.Unlock()
		s.must(Request{Intent: Stop}, ResultStopped)
		if left := s.host.left(); len(left) > 0 {
			t.Errorf("%d descendants are left", len(left))
		}
	})
}

// XH26: a corrected token is used at once, without another refusal first.
func TestXH26_RetryUsesTheNewToken(t *testing.T) {
	const right = "another-token-7c1e"
	play(t, behaving(behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) { gw.SetToken(right) }}), nil, func(s *scene) {
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != TokenMismatch {
			t.Fatalf("got %v", err)
		}
		s.host.mu.Lock()
		s.host.token = right
		s.host.mu.Unlock()
		gw := s.host.current().gw
		n := gw.Connects()
		s.must(Request{Intent: Retry}, ResultRunning)
		if more := gw.Connects() - n; more != 1 {
			t.Errorf("%d connects after the retry", more)
		}
	})
}

// C5: after a stop, earlier crashes do not count, even for an automatic start.
func TestC5_AStopForgetsTheBudget(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		crash := s.useUpTheBudget()
		s.must(Request{Intent: Stop}, ResultStopped)
		s.must(Request{Intent: Start, Automatic: true}, ResultRunning)
		crash()
		if st := s.until("recovery", func(st Status) bool { return st.State != Running }); st.State != Reconnecting || st.Attempts != 1 {
			t.Errorf("status %+v", st)
		}
	})
}

// C4: a stop ends the descendants of a crashed gateway, also when no new process has
// followed it.
func TestC4_AStopBetweenTwoLivesLeavesNothing(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, remains: 1}), nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		s.host.mu.Lock()
		s.host.npm = make(chan struct{})
		s.host.mu.Unlock()
		s.host.current().finish(Exit{Code: 1})
		s.until("waiting for npm", func(st Status) bool { return st.Phase == Upgrading })
		s.must(Request{Intent: Stop}, ResultStopped)
		if left := s.host.left(); len(left) > 0 {
			t.Errorf("%d descendants are left", len(left))
		}
	})
}

// C1: a request that a stop overrules is answered at once, not at the end of the stop.
func TestC1_WhatAStopOverrulesIsAnsweredAtOnce(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Minute, stop: 3 * time.Second}), nil, func(s *scene) {
		answered := make(chan time.Time, 1)
		go func() {
			s.Do(s.t.Context(), Request{Intent: Start})
			answered <- time.Now()
		}()
		time.Sleep(10 * time.Second)
		asked := time.Now()
		s.must(Request{Intent: Stop}, ResultStopped)
		if took := (<-answered).Sub(asked); took > 0 {
			t.Errorf("the start was answered after %v", took)
		}
	})
}

// deferring is a gateway that delays a restart while it is busy.
func deferring(asked *atomic.Int64) behaviour {
	return behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) {
		busy(gw, make(chan string, 9))
		gw.Handle("gateway.restart.request", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			asked.Add(1)
			return map[string]any{"ok": true, "status": "deferred"}, nil
		})
	}}
}

// D2: a second request does not ask the gateway again, but ends the wait for active work.
func TestD2_ASecondClickEndsTheWait(t *testing.T) {
	var asked atomic.Int64
	play(t, behaving(deferring(&asked), behaviour{listen: time.Second}), nil, func(s *scene) {
		s.start()
		clicked := make(chan time.Time, 1)
		go func() {
			s.Do(s.t.Context(), Request{Intent: Restart})
			clicked <- time.Now()
		}()
		s.until("the wait", func(st Status) bool { return st.Phase == Draining })
		began := time.Now()
		s.must(Request{Intent: Restart}, ResultRestarted)
		if took := (<-clicked).Sub(began); took > 10*time.Second || asked.Load() != 1 {
			t.Errorf("restarted after %v, asked %d times", took, asked.Load())
		}
	})
}

// C4: at logout, clawtray does not wait for active work and does not ask about it.
func TestC4_ALogoutSignalsAtOnce(t *testing.T) {
	play(t, behaving(slowRestart()), nil, func(s *scene) {
		s.start()
		go s.Do(s.t.Context(), Request{Intent: Quit, Cause: Cause{Code: SessionEnd}})
		began := time.Now()
		s.until("the signal", func(st Status) bool { return st.Phase == Terminating })
		if took := time.Since(began); took > 0 {
			t.Errorf("signalled after %v", took)
		}
	})
}

// J1: output that a process wrote at its end is read after its end and says why it ended.
func TestXH26_TheLastWordsCount(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 1}, lastWords: "Error: ENOSPC: no space left on device, write"}), nil, func(s *scene) {
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != DiskFull {
			t.Errorf("got %v", err)
		}
	})
}

// XH26: old gateways have no boot id. For them, the announcement distinguishes a restart in
// place from a lost connection, separately for each loss.
func TestXH26_RestartsInPlaceWithoutABootID(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, gateway: gatewaytest.Config{Quirks: gatewaytest.Quirks{NoBootID: true}}}), nil, func(s *scene) {
		s.start()
		for n, again := range []func(){s.host.current().gw.Restart, func() { s.host.current().gw.CloseAll(1006, "") }} {
			time.Sleep(2 * DefaultPolicy().Forgive)
			s.now()
			again()
			s.until("reconnecting", in(Reconnecting))
			if st := s.until("running", in(Running)); st.Launches != 2 {
				t.Errorf("after loss %d: %d launches", n+1, st.Launches)
			}
		}
	})
}

// XH26: restarts by a person never count, however often they come.
func TestXH26_RestartsByAPersonHaveNoBudget(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, restarts: true}), nil, func(s *scene) {
		s.start()
		for range 2 * DefaultPolicy().Backoff.Attempts {
			s.must(Request{Intent: Restart}, ResultRestarted)
		}
	})
}

// XH20: a subscription that ends before its session does not keep serve busy.
func TestXH20_EventsThatEndBeforeTheirSession(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		s.send(func(o *owner) { o.gen.events.Close() })
		synctest.Wait() // it does not return while serve takes one turn after the other
		if st := s.Status(); st.State != Running {
			t.Errorf("status %+v", st)
		}
	})
}
