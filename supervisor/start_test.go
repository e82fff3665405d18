package supervisor

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/supervisor/openclaw"
)

// traced is a machine that records the calls of its methods in sequence.
type traced struct {
	*fakeHost
	asked []string
}

func (h *traced) Orphan(ctx context.Context) (Process, error) {
	h.asked = append(h.asked, "orphan")
	return h.fakeHost.Orphan(ctx)
}

func (h *traced) Listener(ctx context.Context, port, likely int) (Listener, error) {
	h.asked = append(h.asked, "port")
	return h.fakeHost.Listener(ctx, port, likely)
}

func (h *traced) Runtime(ctx context.Context) (openclaw.Runtime, error) {
	h.asked = append(h.asked, "runtime")
	return h.fakeHost.Runtime(ctx)
}

func (h *traced) Launch(ctx context.Context, r openclaw.Runtime, s Spawn) (Process, error) {
	h.asked = append(h.asked, "launch")
	return h.fakeHost.Launch(ctx, r, s)
}

func TestB5_FirstOurOwnThenThePortThenSpawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &traced{fakeHost: healthy(t)}
		s := New(Config{Port: testPort}, h)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.Run(ctx); close(ended) }()
		if _, err := s.Do(ctx, Request{Intent: Start}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if want := []string{"orphan", "port", "runtime", "launch"}; len(h.asked) < 4 || !slices.Equal(h.asked[:4], want) {
			t.Errorf("asked %v, want %v", h.asked, want)
		}
		stop()
		<-ended
		h.close()
	})
}

// B5: a start can be superseded in each of its phases. No trouble is reported, and nothing
// is left.
func TestB5_SupersededSilentlyAtEachPhase(t *testing.T) {
	slow := behaviour{listen: 10 * time.Second, sidecars: 10 * time.Second}
	for phase, after := range map[Phase]time.Duration{Spawned: time.Second, Sidecars: 15 * time.Second} {
		t.Run(string(phase), func(t *testing.T) {
			play(t, behaving(slow), nil, func(s *scene) {
				go s.Do(s.t.Context(), Request{Intent: Start})
				time.Sleep(after)
				if st := s.Status(); st.Phase != phase {
					t.Fatalf("phase %v", st.Phase)
				}
				s.must(Request{Intent: Stop}, ResultStopped)
				if st := s.Status(); len(st.Incidents) != 0 || st.Error != "" || st.Cause.Code != UserStop || s.host.alive() != 0 {
					t.Errorf("status %+v", st)
				}
				time.Sleep(time.Hour)
				if s.host.launches() != 1 {
					t.Errorf("%d launches", s.host.launches())
				}
			})
		})
	}
}

func TestB5_SupersededSilentlyWhileItAsksWhoHasThePort(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.host.stranger.Silence(true)
		go s.Do(s.t.Context(), Request{Intent: Start})
		time.Sleep(time.Second)
		s.must(Request{Intent: Stop}, ResultStopped)
		if st := s.Status(); st.Cause.Code != UserStop || len(st.Incidents) != 0 || st.Mode == Conflict {
			t.Errorf("status %+v", st)
		}
	})
}

func TestB2_APersonsStartForgetsAnAutomaticOneDoesNot(t *testing.T) {
	dies := behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 1}}
	for name, c := range map[string]struct {
		automatic bool
		want      int
	}{"person": {false, 0}, "automatic": {true, 3}} {
		t.Run(name, func(t *testing.T) {
			play(t, behaving(behaviour{listen: time.Second}, dies, dies, dies, behaviour{listen: time.Minute}), nil, func(s *scene) {
				s.start()
				s.host.current().finish(Exit{Code: 1})
				st := s.until("the third wait", func(st Status) bool { return st.Phase == Waiting && st.Attempts == 3 })
				if st.NextRetryAt.Before(time.Now().Add(time.Second)) {
					t.Fatalf("next retry at %v", st.NextRetryAt)
				}
				asked := time.Now()
				go s.Do(s.t.Context(), Request{Intent: Start, Automatic: c.automatic})
				st = s.until("a launch", func(st Status) bool { return st.Phase == Spawned })
				if time.Since(asked) > 100*time.Millisecond || st.Attempts != c.want || !st.NextRetryAt.IsZero() {
					t.Errorf("after %v: %+v", time.Since(asked), st)
				}
				n := s.host.launches()
				time.Sleep(50 * time.Second) // the replaced retry does not happen in addition
				if s.host.launches() > n+1 {
					t.Errorf("%d launches, %d before", s.host.launches(), n)
				}
			})
		})
	}
}

func TestH3_RetryWakesAWaitingRetry(t *testing.T) {
	dies := behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 1}}
	play(t, behaving(behaviour{listen: time.Second}, dies, dies, behaviour{listen: time.Second}), nil, func(s *scene) {
		s.start()
		s.host.current().finish(Exit{Code: 1})
		s.until("the third wait", func(st Status) bool { return st.Phase == Waiting && st.Attempts == 3 })
		asked := time.Now()
		s.must(Request{Intent: Retry}, ResultRunning)
		if took := time.Since(asked); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		n := s.host.launches()
		time.Sleep(time.Hour) // the superseded retry does nothing
		if s.host.launches() != n || s.Status().State != Running {
			t.Errorf("%d launches, %d before: %+v", s.host.launches(), n, s.Status())
		}
	})
}

func TestH3_ASupersededRetryDoesNothing(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, dies: 3 * time.Second, exit: Exit{Code: 1}}), nil, func(s *scene) {
		s.start()
		s.until("waiting", func(st Status) bool { return st.Phase == Waiting })
		n := s.host.launches()
		s.must(Request{Intent: Stop}, ResultStopped)
		time.Sleep(time.Hour)
		if s.host.launches() != n {
			t.Errorf("%d launches after the stop, %d before it", s.host.launches(), n)
		}
	})
}

// orphan returns a machine with a gateway of an earlier run.
func orphan(b behaviour, minutes int) func(*testing.T) *fakeHost {
	return func(t *testing.T) *fakeHost {
		h := newFakeHost(t, func(n int) behaviour {
			if n == 0 {
				return b
			}
			return behaviour{listen: time.Second}
		})
		p, _ := h.Launch(context.Background(), openclaw.Runtime{Version: "2026.9.6"}, Spawn{Port: testPort})
		h.orphan = p
		time.Sleep(time.Duration(minutes) * time.Minute)
		return h
	}
}

func TestM2_AHealthyOrphanIsAdoptedWithItsWorkAlive(t *testing.T) {
	play(t, orphan(behaviour{listen: time.Second}, 60), nil, func(s *scene) {
		s.start()
		st := s.Status()
		if s.host.launches() != 1 || st.Mode != Managed || st.PID != 1000 || st.Uptime(time.Now()) < time.Hour {
			t.Errorf("%d launches, status %+v", s.host.launches(), st)
		}
		p := s.host.current()
		if p.terminated+p.killed != 0 {
			t.Error("it was signalled")
		}
		time.Sleep(time.Hour)
		s.now()
		p.finish(Exit{Code: 1}) // now it is supervised like any other gateway
		s.until("lost", in(Reconnecting))
		s.until("running", in(Running))
		if s.host.launches() != 2 {
			t.Errorf("%d launches", s.host.launches())
		}
	})
}

func TestM2_AStopEndsAnAdoptedOrphan(t *testing.T) {
	play(t, orphan(behaviour{listen: time.Second}, 60), nil, func(s *scene) {
		s.start()
		s.must(Request{Intent: Stop}, ResultStopped)
		if p := s.host.current(); p.alive() || p.terminated != 1 || !p.released {
			t.Errorf("alive %v, signalled %d times, released %v", p.alive(), p.terminated, p.released)
		}
	})
}

func TestM2_AHungOrphanIsReplacedWithinMinutes(t *testing.T) {
	hung := behaviour{listen: time.Second}
	play(t, func(t *testing.T) *fakeHost {
		h := orphan(hung, 60)(t)
		p := h.current()
		p.gw.Silence(true)
		p.stopped = true
		return h
	}, nil, func(s *scene) {
		began := time.Now()
		s.start()
		if took := time.Since(began); took > DefaultPolicy().PortGone+15*time.Second || s.host.launches() != 2 {
			t.Errorf("took %v, %d launches", took, s.host.launches())
		}
	})
}

func TestM2_AnOrphanThatIsStillStartingIsWaitedFor(t *testing.T) {
	play(t, orphan(behaviour{listen: time.Second, sidecars: 8 * time.Minute}, 1), nil, func(s *scene) {
		s.start()
		if s.host.launches() != 1 {
			t.Errorf("%d launches", s.host.launches())
		}
	})
}

func TestC6_WhatHasEndedIsNotSignalled(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, dies: 10 * time.Second, exit: Exit{Code: 1}}), nil, func(s *scene) {
		s.start()
		p := s.host.current()
		s.until("its end", in(Reconnecting))
		s.must(Request{Intent: Stop}, ResultStopped)
		s.must(Request{Intent: Stop}, ResultAlreadyStopped)
		// The system may have given its pid to another process.
		if p.terminated != 0 || p.killed != 0 || !p.released {
			t.Errorf("terminated %d times, killed %d times, released %v", p.terminated, p.killed, p.released)
		}
	})
}

func TestC4_WhatACrashLeftBehindEndsWithTheStop(t *testing.T) {
	dies := behaviour{listen: time.Second, dies: 10 * time.Second, exit: Exit{Code: 1}, remains: 3}
	for _, i := range []Intent{Stop, Quit} {
		t.Run(string(i), func(t *testing.T) {
			play(t, behaving(dies), nil, func(s *scene) {
				s.start()
				s.until("a wait", func(st Status) bool { return st.Phase == Waiting })
				if n := len(s.host.left()); n != 3 {
					t.Errorf("%d descendants, want the work that goes on", n)
				}
				s.must(Request{Intent: i}, ResultStopped)
				if n := len(s.host.left()); n != 0 {
					t.Errorf("%d descendants are alive", n)
				}
			})
		})
	}
}

func TestC6_NothingButOurChildIsEverEnded(t *testing.T) {
	for name, h := range map[string]func(*testing.T) *fakeHost{
		"somebody else's gateway": visited,
		"no gateway at all": func(t *testing.T) *fakeHost {
			h := healthy(t)
			h.occupied = &Listener{PID: 4711, Name: "nginx"}
			return h
		},
		"a gateway of another user": func(t *testing.T) *fakeHost {
			h := visited(t)
			h.owner = "1001"
			return h
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, h, nil, func(s *scene) {
				for _, i := range []Intent{Start, Restart, Reload, Retry, Stop, Stop, TakeOver, Quit} {
					s.Do(s.t.Context(), Request{Intent: i, Now: true})
				}
				if s.host.launches() != 0 {
					t.Errorf("%d launches beside it", s.host.launches())
				}
				if g := s.host.stranger; g != nil {
					for _, r := range g.Received() {
						if !slices.Contains([]string{"connect", "health", "config.get", "channels.status", "gateway.restart.preflight"}, r.Method) {
							t.Errorf("it was asked %s", r.Method)
						}
					}
				}
			})
		})
	}
}

func TestM1_AGatewayOfAnotherUserGetsNoSecret(t *testing.T) {
	for name, hide := range map[string]func(*fakeHost){
		"shown":  func(h *fakeHost) { h.owner = "1001" },
		"hidden": func(h *fakeHost) { h.hidden = true },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T) *fakeHost {
				h := visited(t)
				hide(h)
				return h
			}, nil, func(s *scene) {
				_, err := s.Do(s.t.Context(), Request{Intent: Start})
				if causeOf(err) != PortForeignUser || s.Status().Mode != Conflict || s.host.stranger.Connects() != 0 {
					t.Errorf("%v, %d connects, status %+v", err, s.host.stranger.Connects(), s.Status())
				}
			})
		})
	}
}

// K4: a program that takes the port while our gateway is starting gets no secret.
func TestK4_AStrangerInTheGatewaysPlaceGetsNoSecret(t *testing.T) {
	for name, c := range map[string]struct {
		hide func(*fakeHost)
		want CauseCode
	}{
		"ours":           {func(h *fakeHost) {}, PortConflict},
		"another user's": {func(h *fakeHost) { h.owner = "1001" }, PortConflict},
		"hidden":         {func(h *fakeHost) { h.hidden = true }, StartTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, behaving(behaviour{listen: time.Hour}), nil, func(s *scene) {
				c.hide(s.host)
				answer := make(chan error)
				go func() {
					_, err := s.Do(s.t.Context(), Request{Intent: Start})
					answer <- err
				}()
				s.until("spawned", func(st Status) bool { return st.Phase == Spawned })
				s.host.arrive()
				if err := <-answer; causeOf(err) != c.want || s.host.stranger.Connects() != 0 {
					t.Errorf("%v, %d connects", err, s.host.stranger.Connects())
				}
				s.host.leave()
			})
		})
	}
}
