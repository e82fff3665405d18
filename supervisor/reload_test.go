package supervisor

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc/gatewaytest"
	"clawtray/supervisor/openclaw"
)

// disk is the configuration as the gateway sees it. It survives a gateway, and each start
// uses what is on disk.
type disk struct {
	mu              sync.Mutex
	onDisk, running string // "" from a gateway that sends no hashes
	issue           string // what is wrong with the file
	asked, reloaded int
}

func newDisk() *disk { return &disk{onDisk: "v1", running: "v1"} }

func (d *disk) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

// on makes gw answer from d, like a gateway that does not watch its file.
func (d *disk) on(gw *gatewaytest.Gateway) {
	d.set(func() { d.running = d.onDisk })
	gw.Handle("config.get", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.asked++
		if d.issue != "" {
			return map[string]any{"valid": false, "issues": []map[string]any{{"path": "gateway.bogus", "message": d.issue}}, "hash": d.fileHash(), "configRevisionHash": d.onDisk, "appliedConfigHash": d.running}, nil
		}
		return map[string]any{"valid": true, "issues": []any{}, "hash": d.fileHash(), "configRevisionHash": d.onDisk, "appliedConfigHash": d.running}, nil
	})
	gw.Handle("secrets.reload", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
		d.set(func() { d.reloaded++ })
		return map[string]any{"ok": true, "warningCount": 0}, nil
	})
}

// requests is how often a gateway was asked.
func (d *disk) requests() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

// fileHash is the hash of the file in an answer: keyed, as OpenClaw sends it since 2026.8.2.
func (d *disk) fileHash() string {
	if d.onDisk == "" {
		return ""
	}
	return "hmac-sha256:v1:" + d.onDisk
}

// edit writes the file without the gateway noticing.
func (s *scene) edit(d *disk, version string) {
	d.set(func() { d.onDisk = version })
	s.host.edit(version, time.Now())
}

// editing returns a machine whose gateways answer from d.
func editing(d *disk, restarts bool) func(*testing.T) *fakeHost {
	return func(t *testing.T) *fakeHost {
		h := behaving(behaviour{listen: time.Second, restarts: restarts, setup: d.on})(t)
		h.config.File.Hash = "v1"
		return h
	}
}

// A busy gateway notices an edit seconds later. Until then it answers about the file of before,
// which says nothing about this one.
func TestE6_AnAnswerAboutTheFileOfBefore(t *testing.T) {
	for name, edit := range map[string]func(h *fakeHost){
		"a mistake that only OpenClaw finds": func(h *fakeHost) { h.edit("v2", time.Now()) },
		"a file that is cut":                 func(h *fakeHost) { h.edit("v2", time.Now()); h.spoil(broken(openclaw.ConfigBroken, longAgo)) },
		"an included file": func(h *fakeHost) {
			h.configure(func(e *openclaw.Effective) { e.File.Changed = time.Now() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk()
			play(t, editing(d, true), nil, func(s *scene) {
				s.start()
				time.Sleep(time.Minute)
				edit(s.host)
				edited := s.host.gateway().File
				s.host.current().gw.Emit("config.changed", map[string]any{})
				time.Sleep(3 * time.Second)
				if got := s.host.acceptedFile(); got.Hash == edited.Hash && got.Changed.Equal(edited.Changed) {
					t.Error("a configuration was kept as good that no gateway has accepted")
				}
				d.set(func() { d.onDisk, d.issue = edited.Hash, "Unrecognized key" })
				st := s.until("degraded", func(st Status) bool { return st.Drift.Invalid })
				if st.Health.Level != Degraded {
					t.Errorf("status %+v", st)
				}
			})
		})
	}
}

// A reload right after an edit waits until the gateway has noticed the edit.
func TestE4_AnAnswerAboutTheFileOfBefore(t *testing.T) {
	d := newDisk()
	play(t, editing(d, true), nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		s.host.edit("v2", time.Now())
		time.AfterFunc(5*time.Second, func() { d.set(func() { d.onDisk, d.issue = "v2", "Unrecognized key" }) })
		if a, err := s.Do(s.t.Context(), Request{Intent: Reload}); a.Result != ResultRejected || !strings.Contains(a.Message, "Unrecognized key") {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

// The file is edited while a gateway starts that has read it already. There is no older answer
// to compare the first one with.
func TestE6_AnEditBeforeTheFirstAnswer(t *testing.T) {
	d := newDisk()
	edits := func(t *testing.T) *fakeHost {
		var h *fakeHost
		h = behaving(behaviour{listen: time.Second, restarts: true, setup: func(gw *gatewaytest.Gateway) {
			d.on(gw)
			time.AfterFunc(time.Second/2, func() { h.edit("v2", time.Now()) })
		}})(t)
		h.config.File.Hash = "v1"
		return h
	}
	play(t, edits, nil, func(s *scene) {
		s.start()
		time.Sleep(5 * time.Second)
		if got := s.host.acceptedFile(); got.Hash == "v2" {
			t.Error("a configuration was kept as good that no gateway has accepted")
		}
		d.set(func() { d.onDisk, d.running = "v2", "v2" })
		time.Sleep(time.Minute)
		if got := s.host.acceptedFile(); got.Hash != "v2" {
			t.Errorf("the last good configuration is %q", got.Hash)
		}
	})
}

// A file that is only written anew is no reason to wait.
func TestE4_AnEditThatChangesNothing(t *testing.T) {
	d := newDisk()
	play(t, editing(d, true), nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		d.set(func() { d.onDisk, d.running = "v2", "v2" })
		s.host.edit("v2", time.Now())
		began := time.Now()
		s.must(Request{Intent: Reload}, ResultApplied)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("answered after %v", took)
		}
	})
}

// The file is edited while the gateway answers about the one of before. That is not taken
// for an answer about the new one, then or later.
func TestE6_AnEditDuringTheAnswer(t *testing.T) {
	d := newDisk()
	play(t, editing(d, true), nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		gw := s.host.current().gw
		gw.Handle("config.get", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			d.on(gw) // answer the next ones
			d.set(func() { d.onDisk, d.running = "v3", "v3" })
			s.host.edit("v3", time.Now())
			return map[string]any{"valid": true, "hash": d.fileHash(), "configRevisionHash": "v3", "appliedConfigHash": "v3"}, nil
		})
		s.host.edit("v2", time.Now())
		s.must(Request{Intent: Reload}, ResultApplied)
		time.Sleep(time.Minute)
		if got := s.host.acceptedFile().Hash; got != "v3" {
			t.Errorf("the last good configuration is %q", got)
		}
	})
}

func TestE4_AppliedInPlace(t *testing.T) {
	d := newDisk()
	play(t, editing(d, true), nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		a := s.must(Request{Intent: Reload}, ResultApplied)
		if d.reloaded != 1 || s.host.launches() != 1 || s.Status().Launches != 1 || !strings.Contains(a.Message, "runs the configuration on disk") {
			t.Errorf("reloaded %d times, %+v", d.reloaded, a)
		}
	})
}

func TestE4_AppliedByRestart(t *testing.T) {
	for name, inPlace := range map[string]bool{"in place": true, "stop and start": false} {
		t.Run(name, func(t *testing.T) {
			d := newDisk()
			play(t, editing(d, inPlace), nil, func(s *scene) {
				s.start()
				time.Sleep(time.Minute)
				s.edit(d, "v2")
				a := s.must(Request{Intent: Reload}, ResultAppliedByRestart)
				if st := s.Status(); st.Launches != 2 || d.reloaded != 0 || a.Message == "" || (s.host.launches() == 1) != inPlace {
					t.Errorf("reloaded %d times, status %+v", d.reloaded, st)
				}
				time.Sleep(time.Minute)
				if d.running != "v2" || s.Status().Health.Level != Healthy {
					t.Errorf("it runs %q: %+v", d.running, s.Status().Health)
				}
			})
		})
	}
}

// A gateway applies most edits itself, within seconds, on a busy machine more. A reload in the
// meantime leaves that to it.
func TestE4_TheGatewayAppliesTheEditItself(t *testing.T) {
	for _, c := range []struct {
		name     string
		edited   time.Duration // before the reload
		applies  time.Duration // the time that the gateway needs; 0: it never applies the edit
		restarts bool          // it applies the edit by a restart in place
		want     Result
		launches int
		within   time.Duration
	}{
		{"while it runs", 0, 5 * time.Second, false, ResultApplied, 1, 8 * time.Second},
		{"by a restart", 0, 5 * time.Second, true, ResultAppliedByRestart, 2, 10 * time.Second},
		{"never", 0, 0, false, ResultAppliedByRestart, 2, 20 * time.Second},
		{"never, an old edit", time.Minute, 0, false, ResultAppliedByRestart, 2, 5 * time.Second},
		{"never, an edit in the future", -time.Hour, 0, false, ResultAppliedByRestart, 2, 20 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDisk()
			play(t, editing(d, true), nil, func(s *scene) {
				s.start()
				time.Sleep(2 * time.Minute)
				d.set(func() { d.onDisk = "v2" })
				s.host.edit("v2", time.Now().Add(-c.edited))
				if c.applies > 0 {
					time.AfterFunc(c.applies, func() {
						if c.restarts {
							s.host.current().restart()
						} else {
							d.set(func() { d.running = d.onDisk })
						}
					})
				}
				began := time.Now()
				s.must(Request{Intent: Reload}, c.want)
				if took := time.Since(began); took > c.within {
					t.Errorf("answered after %v", took)
				}
				time.Sleep(time.Minute)
				if got := s.host.acceptedFile().Hash; got != "v2" {
					t.Errorf("the last good configuration is %q", got)
				}
				asked := d.requests()
				time.Sleep(5 * time.Minute)
				if n := d.requests() - asked; n != 0 {
					t.Errorf("asked %d times about a file that has not changed", n)
				}
				if st := s.Status(); st.Launches != c.launches || (s.asked(restartMethod) > 0) != (c.applies == 0) || s.host.launches() != 1 || d.running != "v2" || len(st.Incidents) != 0 {
					t.Errorf("it runs %s, status %+v", d.running, st)
				}
			})
		})
	}
}

// TestE4_EveryEditOfABusyEvening: every one of many edits is applied. Restarts in place
// that somebody asked for do not count as losses, so clawtray does not give up.
func TestE4_EveryEditOfABusyEvening(t *testing.T) {
	d := newDisk()
	play(t, editing(d, true), nil, func(s *scene) {
		s.start()
		for n := range 2 * DefaultPolicy().Backoff.Attempts {
			time.Sleep(20 * time.Second)
			s.edit(d, fmt.Sprint("v", n+2))
			s.must(Request{Intent: Reload}, ResultAppliedByRestart)
		}
		if st := s.Status(); st.State != Running || st.Attempts != 0 || len(st.Incidents) != 0 || s.host.launches() != 1 {
			t.Errorf("%d launches, status %+v", s.host.launches(), st)
		}
	})
}

// The connection breaks while the gateway works on the request, and the gateway lives on. The
// next connection carries the request out, and no process is ended for it.
func TestE4_TheConnectionBreaksMeanwhile(t *testing.T) {
	for _, c := range []struct {
		at     string
		intent Intent
		edited bool
		want   Result
	}{
		{"config.get", Reload, false, ResultApplied},
		{"secrets.reload", Reload, false, ResultApplied},
		{restartMethod, Reload, true, ResultAppliedByRestart},
		{restartMethod, Restart, false, ResultRestarted},
	} {
		t.Run(fmt.Sprint(c.intent, " at ", c.at), func(t *testing.T) {
			d := newDisk()
			play(t, editing(d, true), nil, func(s *scene) {
				s.start()
				time.Sleep(time.Minute)
				if c.edited {
					s.edit(d, "v2")
				}
				gw := s.host.current().gw
				gw.BreakAt(c.at)
				before := gw.Connects()
				s.must(Request{Intent: c.intent}, c.want)
				if s.host.launches() != 1 || gw.Connects() == before {
					t.Errorf("%d launches, %d connections", s.host.launches(), gw.Connects()-before)
				}
			})
		})
	}
}

// The same when clawtray itself makes a new connection, because the desktop has changed.
func TestE4_ANewConnectionMeanwhile(t *testing.T) {
	d := newDisk()
	play(t, editing(d, true), nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		gw := s.host.current().gw
		gw.Handle("config.get", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
			d.on(gw) // answer the next one
			s.CanShowRequests(true)
			<-r.Context().Done()
			return gatewaytest.NoAnswer, nil
		})
		before := gw.Connects()
		s.must(Request{Intent: Reload}, ResultApplied)
		if st := s.Status(); s.host.launches() != 1 || gw.Connects() != before+1 || len(st.Incidents) != 0 {
			t.Errorf("%d launches, %d connections, status %+v", s.host.launches(), gw.Connects()-before, st)
		}
	})
}

func TestE4_Rejected(t *testing.T) {
	d := newDisk()
	play(t, editing(d, true), nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		d.set(func() { d.issue = "Unrecognized key, near " + testToken })
		s.edit(d, "v2")
		a, err := s.Do(s.t.Context(), Request{Intent: Reload})
		if a.Result != ResultRejected || causeOf(err) != ConfigInvalid || !strings.Contains(a.Message, "gateway.bogus: Unrecognized key") || strings.Contains(a.Message, testToken) {
			t.Errorf("%+v, %v", a, err)
		}
		st := s.Status()
		if st.State != Running || st.Launches != 1 || !hasReason(ReasonConfigInvalid)(st) || !st.Drift.Invalid || strings.Contains(st.Drift.Detail, testToken) {
			t.Errorf("status %+v", st)
		}
		d.set(func() { d.issue = "" })
		s.edit(d, "v1")
		s.until("well again", func(st Status) bool { return st.Health.Level == Healthy && st.Drift == Drift{} })
	})
}

func TestE4_NothingToDo(t *testing.T) {
	d := newDisk()
	play(t, editing(d, true), nil, func(s *scene) {
		s.start()
		asked := d.requests()
		a := s.must(Request{Intent: Reload}, ResultNothingToDo)
		if d.requests() != asked || d.reloaded != 0 || a.Message == "" {
			t.Errorf("%+v", a)
		}
		time.Sleep(DefaultPolicy().ReloadTooSoon)
		s.must(Request{Intent: Reload}, ResultApplied)
	})
}

func TestE4_AnOldGatewayThatCannotTellIsRestartedAfterAnEdit(t *testing.T) {
	d := newDisk()
	d.onDisk = ""
	play(t, editing(d, false), nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		s.must(Request{Intent: Reload}, ResultApplied) // nobody has edited it
		s.edit(d, "")
		s.must(Request{Intent: Reload}, ResultAppliedByRestart)
	})
}

func TestE3_WhatTheGatewayDoesNotOfferIsNotTried(t *testing.T) {
	for name, c := range map[string]struct {
		offer []string
		want  Result
	}{
		"neither":             {nil, ResultAppliedByRestart},
		"only config.get":     {[]string{"config.get"}, ResultApplied},
		"only secrets.reload": {[]string{"secrets.reload"}, ResultAppliedByRestart},
	} {
		t.Run(name, func(t *testing.T) {
			offers := behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) {
				for _, m := range c.offer {
					gw.Handle(m, func(*gatewaytest.Request) (any, *gatewaytest.Error) {
						return map[string]any{"valid": true, "configRevisionHash": "v1", "appliedConfigHash": "v1"}, nil
					})
				}
			}}
			play(t, behaving(offers), nil, func(s *scene) {
				s.start()
				time.Sleep(time.Minute)
				first := s.host.current()
				s.must(Request{Intent: Reload}, c.want)
				for _, r := range first.gw.Received() {
					for _, m := range []string{"config.get", "secrets.reload", "gateway.restart.request"} {
						if r.Method == m && (len(c.offer) == 0 || c.offer[0] != m) {
							t.Errorf("it was asked %s, which it does not offer", m)
						}
					}
				}
			})
		})
	}
}

func TestE1_ThePolicyIsTheGatewaysOwn(t *testing.T) {
	for mode, want := range map[string]Result{"off": ResultAppliedByRestart, "restart": ResultAppliedByRestart, "hot": ResultApplied, "hybrid": ResultApplied} {
		t.Run(mode, func(t *testing.T) {
			d := newDisk()
			play(t, editing(d, true), nil, func(s *scene) {
				s.host.config.Reload.Mode.Value = mode
				s.start()
				time.Sleep(time.Minute)
				s.must(Request{Intent: Reload}, want)
			})
		})
	}
}

func TestE1_UnreadableMeansTheDefaults(t *testing.T) {
	d := newDisk()
	play(t, editing(d, true), nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		s.host.mu.Lock()
		s.host.problem = &openclaw.ConfigError{Kind: openclaw.ConfigUnreadable, Path: "/state/openclaw.json"}
		s.host.mu.Unlock()
		began := time.Now()
		s.must(Request{Intent: Reload}, ResultApplied)
		if took := time.Since(began).Round(100 * time.Millisecond); took != 1200*time.Millisecond {
			t.Errorf("collected for %v, want the default", took)
		}
	})
}

// A reload is another try where clawtray waits for a person, and it is answered.
func TestE2_ReloadWhileAPersonIsNeeded(t *testing.T) {
	for intent, want := range map[Intent]Result{Reload: ResultAppliedByRestart, Restart: ResultRestarted} {
		play(t, visited, nil, func(s *scene) {
			s.start()
			s.host.leave()
			s.until("gone", in(Failed))
			before := s.Status().Launches
			s.must(Request{Intent: intent}, want)
			if st := s.Status(); st.Mode != Managed || s.host.launches() != 1 || st.Launches != before+1 {
				t.Errorf("%s: status %+v", intent, st)
			}
		})
	}
	play(t, healthy, nil, func(s *scene) {
		s.start()
		gw := s.host.current().gw
		gw.SetToken("another")
		gw.CloseAll(4001, "gateway auth changed")
		s.until("refused", in(Failed))
		if a, err := s.Do(s.t.Context(), Request{Intent: Restart, Automatic: true}); a.Result != ResultRejected || causeOf(err) != TokenMismatch {
			t.Errorf("an automatic restart: %+v, %v", a, err)
		}
		if _, err := s.Do(s.t.Context(), Request{Intent: Reload}); causeOf(err) != TokenMismatch {
			t.Errorf("still refused: %v", err)
		}
		gw.SetToken(testToken)
		if _, err := s.Do(s.t.Context(), Request{Intent: Reload}); err != nil || s.Status().State != Running || s.host.launches() != 1 {
			t.Errorf("accepted: %v, status %+v", err, s.Status())
		}
	})
}

func TestE2_ReloadOfAStoppedGatewayStartsIt(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		a, err := s.Do(s.t.Context(), Request{Intent: Reload})
		if err != nil || a.Result != ResultAppliedByRestart || s.Status().State != Running {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestE5_ReloadsOfABurstAreOne(t *testing.T) {
	d := newDisk()
	play(t, editing(d, true), nil, func(s *scene) {
		s.start()
		time.Sleep(time.Minute)
		began := time.Now()
		for _, a := range s.ask(10, Request{Intent: Reload}) {
			if a.Result != ResultApplied || a.Message == "" {
				t.Errorf("ended in %+v", a)
			}
		}
		if took := time.Since(began).Round(100 * time.Millisecond); d.reloaded != 1 || took != 1200*time.Millisecond {
			t.Errorf("reloaded %d times after %v", d.reloaded, took)
		}
		s.must(Request{Intent: Reload}, ResultApplied) // the second burst
		if m := s.report().Metrics; d.reloaded != 2 || m.Restarts != 0 {
			t.Errorf("reloaded %d times, %d automatic restarts", d.reloaded, m.Restarts)
		}
	})
}

func TestE6_DriftIsNoticedWithinAMinuteAndClearsByItself(t *testing.T) {
	d := newDisk()
	play(t, editing(d, true), nil, func(s *scene) {
		s.start()
		time.Sleep(10 * time.Minute)
		asked := d.requests()
		time.Sleep(10 * time.Minute)
		if n := d.requests() - asked; n != 0 {
			t.Errorf("asked %d times about a file that did not change", n)
		}
		s.edit(d, "v2")
		edited := time.Now()
		st := s.until("drift", hasReason(ReasonDrift))
		if took := time.Since(edited); took > time.Minute || st.Drift.Since.IsZero() || st.Drift.Invalid || st.State != Running || st.Health.Level != Degraded {
			t.Errorf("after %v: %+v", took, st)
		}
		since := st.Drift.Since
		time.Sleep(5 * time.Minute)
		if st = s.Status(); !hasReason(ReasonDrift)(st) || !st.Drift.Since.Equal(since) || s.host.launches() != 1 {
			t.Errorf("later: %+v", st)
		}
		d.set(func() { d.running = "v2" }) // the gateway has applied the edit
		applied := time.Now()
		s.until("its end", func(st Status) bool { return st.Health.Level == Healthy && st.Drift == Drift{} })
		if took := time.Since(applied); took > time.Minute {
			t.Errorf("cleared after %v", took)
		}
	})
}

func TestE6_TheGatewaysOwnEventIsQuicker(t *testing.T) {
	d := newDisk()
	play(t, editing(d, true), nil, func(s *scene) {
		s.start()
		time.Sleep(5 * time.Minute)
		s.edit(d, "v2")
		s.host.current().gw.Emit("config.changed", nil)
		synctest.Wait()
		if st := s.Status(); !hasReason(ReasonDrift)(st) {
			t.Errorf("status %+v", st)
		}
	})
}
