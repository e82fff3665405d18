package supervisor

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
)

func hasReason(code ReasonCode) func(Status) bool {
	return func(s Status) bool {
		return slices.ContainsFunc(s.Health.Reasons, func(r Reason) bool { return r.Code == code })
	}
}

func lacksReason(code ReasonCode) func(Status) bool {
	has := hasReason(code)
	return func(s Status) bool { return !has(s) }
}

// textOf returns the sentence of a reason in a status.
func textOf(s Status, code ReasonCode) string {
	for _, r := range s.Health.Reasons {
		if r.Code == code {
			return r.Text
		}
	}
	return ""
}

func TestA4_HealthEventsGiveReasonsAndTakeThemAway(t *testing.T) {
	channels := func(v map[string]any) map[string]any { return map[string]any{"ok": true, "channels": v} }
	load := func(degraded bool, ms float64) map[string]any {
		return map[string]any{"eventLoop": map[string]any{"degraded": degraded, "degradedSinceMs": ms, "reasons": []string{"event_loop_delay", "cpu"}}}
	}
	for name, c := range map[string]struct {
		code       ReasonCode
		give, take any
		says       string
	}{
		"a broken channel": {ReasonChannels, channels(map[string]any{"telegram": map[string]any{"lastError": "401: " + testToken}, "slack": map[string]any{"lastError": "gone"}, "signal": map[string]any{"running": true}}),
			channels(map[string]any{"telegram": map[string]any{"lastError": nil}}), "(slack: gone, telegram: 401: "},
		"load":                    {ReasonEventLoop, load(true, 60_000), load(false, 0), "(event loop delay, cpu)"},
		"load, in an older shape": {ReasonEventLoop, map[string]any{"eventLoop": map[string]any{"degraded": true}}, load(false, 0), "under load"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, healthy, nil, func(s *scene) {
				s.start()
				gw := s.host.current().gw
				gw.Emit("health", c.give)
				st := s.until("the reason", hasReason(c.code))
				if st.Health.Level != Degraded || !strings.Contains(textOf(st, c.code), c.says) || strings.Contains(textOf(st, c.code), testToken) {
					t.Errorf("health %+v", st.Health)
				}
				gw.Emit("health", map[string]any{"ok": true}) // the report does not mention the reason
				gw.Emit("health", "nonsense")
				time.Sleep(10 * time.Minute)
				if st = s.Status(); !hasReason(c.code)(st) || st.State != Running || s.host.launches() != 1 {
					t.Errorf("after ten minutes: %+v", st)
				}
				gw.Emit("health", c.take)
				synctest.Wait()
				if st = s.Status(); st.Health.Level != Healthy || len(st.Health.Reasons) != 0 {
					t.Errorf("it stays: %+v", st.Health)
				}
			})
		})
	}
}

func TestA4_AShortLoadIsNotTrouble(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		s.host.current().gw.Emit("health", map[string]any{"eventLoop": map[string]any{"degraded": true, "degradedSinceMs": 1678.3, "reasons": []string{"cpu"}}})
		synctest.Wait()
		if st := s.Status(); st.Health.Level != Healthy {
			t.Errorf("every start is such a moment: %+v", st.Health)
		}
	})
}

func TestA4_CallsThatTimeOutDegrade(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		gw := s.host.current().gw
		mute := func(*gatewaytest.Request) (any, *gatewaytest.Error) { return gatewaytest.NoAnswer, nil }
		gw.Handle("health", mute)
		defer s.every(10*time.Second, func() { gw.Emit("tick", nil) })() // frames continue to arrive
		st := s.until("the reason", hasReason(ReasonRPCTimeouts))
		if st.State != Running || st.Health.Level != Degraded || !strings.Contains(textOf(st, ReasonRPCTimeouts), "3 in a row") {
			t.Errorf("status %+v", st)
		}
		gw.Handle("health", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return map[string]any{}, nil })
		if st = s.until("its end", lacksReason(ReasonRPCTimeouts)); st.Health.Level != Healthy || s.host.launches() != 1 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestA4_NotSignedInIsNotNotRunning(t *testing.T) {
	play(t, func(t *testing.T) *fakeHost {
		h := visited(t)
		h.stranger.SetToken("another")
		return h
	}, nil, func(s *scene) {
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != TokenMismatch {
			t.Fatalf("got %v", err)
		}
		if st := s.Status(); !hasReason(ReasonNoRPC)(st) || hasReason(ReasonNotRunning)(st) || !strings.Contains(textOf(st, ReasonNoRPC), "token-mismatch") || st.Facts.RPCAlive || !st.Facts.ProtocolAlive {
			t.Errorf("status %+v", st)
		}
		s.host.stranger.SetToken(testToken)
		s.must(Request{Intent: Retry}, ResultRunning)
		if st := s.Status(); st.Health.Level != Healthy {
			t.Errorf("health %+v", st.Health)
		}
	})
}

func TestA4_ALostGatewayIsNotHealthy(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		if st := s.Status(); !hasReason(ReasonNotRunning)(st) {
			t.Errorf("before the start: %+v", st.Health)
		}
		s.start()
		if st := s.Status(); st.Health.Level != Healthy {
			t.Errorf("running: %+v", st.Health)
		}
		s.host.current().gw.CloseAll(1006, "")
		if st := s.until("lost", in(Reconnecting)); !hasReason(ReasonNotRunning)(st) || st.Health.Level != Unresponsive {
			t.Errorf("lost: %+v", st.Health)
		}
		if st := s.until("running", in(Running)); st.Health.Level != Healthy {
			t.Errorf("back: %+v", st.Health)
		}
	})
}

func TestA4_AnAttachedHangIsShownAndClears(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.start()
		s.host.stranger.Silence(true)
		began := time.Now()
		for _, code := range []ReasonCode{ReasonHeartbeatMissed, ReasonVerifying, ReasonNotAnswering} {
			s.until(string(code), hasReason(code))
		}
		if took := time.Since(began); took > 75*time.Second {
			t.Errorf("shown after %v", took)
		}
		// The system tells nothing about a process that is not ours, so we must not call it busy.
		if st := s.Status(); st.State != Running || st.Health.Level != Unresponsive || hasReason(ReasonBusy)(st) {
			t.Errorf("status %+v", st)
		}
		s.host.stranger.Silence(false)
		st := s.until("healthy", func(st Status) bool { return st.Health.Level == Healthy })
		if st.State != Running || s.host.launches() != 0 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestA4_TheSilenceOfOneConnectionIsNotThatOfTheNext(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		gw := s.host.current().gw
		gw.Silence(true)
		s.until("a missed heartbeat", hasReason(ReasonHeartbeatMissed))
		gw.Silence(false)
		gw.CloseAll(1006, "")
		s.until("running", in(Running))
		time.Sleep(5 * time.Minute)
		if st := s.Status(); st.Health.Level != Healthy {
			t.Errorf("health %+v", st.Health)
		}
	})
}

// A1: each reason has the time when it began, which stays the same while the reason lasts.
func TestA1_AReasonSaysSinceWhen(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		gw := s.host.current().gw
		defer s.burn(s.host.current())() // the process uses CPU, so that it is not restarted too early
		gw.Silence(true)
		first := s.until("a missed heartbeat", hasReason(ReasonHeartbeatMissed)).Health.Reasons[0].Since
		if first != time.Now() {
			t.Errorf("since %v, now %v", first, time.Now())
		}
		next := s.until("one more", func(st Status) bool { return strings.Contains(textOf(st, ReasonHeartbeatMissed), " 2 ") })
		for _, r := range next.Health.Reasons {
			if r.Code == ReasonHeartbeatMissed && r.Since != first {
				t.Errorf("since %v, then since %v", first, r.Since)
			}
		}
		gw.Silence(false)
		s.until("healthy", func(st Status) bool { return st.Health.Level == Healthy })
		gw.Silence(true)
		if again := s.until("missed again", hasReason(ReasonHeartbeatMissed)).Health.Reasons[0].Since; again != time.Now() {
			t.Errorf("the next time since %v, now %v", again, time.Now())
		}
		gw.Silence(false)
	})
}

func TestF1_TheSilenceOfAConnectionEndsWithIt(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		p := s.host.current()
		p.shut()
		s.until("lost", in(Reconnecting))
		said := make(chan struct{})
		s.send(func(o *owner) { // the last report of the old connection
			o.gen.silence <- rpc.Silence{Misses: 3}
			close(said)
		})
		<-said
		p.mu.Lock()
		p.open = true
		p.mu.Unlock()
		s.until("running", in(Running))
		if st := s.Status(); st.Health.Level != Healthy {
			t.Errorf("the new connection is %+v", st.Health)
		}
	})
}

func TestB9_GatewayReadyFollowsReadyz(t *testing.T) {
	for name, c := range map[string]struct {
		gateway gatewaytest.Config
		after   time.Duration
	}{
		"a gateway that tells": {gatewaytest.Config{}, 100 * time.Millisecond},
		"one that cannot tell": {gatewaytest.Config{Quirks: gatewaytest.Quirks{PageForReadyz: true}}, DefaultPolicy().AssumeReady},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, behaving(behaviour{listen: time.Second, gateway: c.gateway}), nil, func(s *scene) {
				s.must(Request{Intent: Start}, ResultRunning)
				connected := time.Now()
				st := s.until("ready", func(st Status) bool { return st.GatewayReady })
				if took := time.Since(connected); took > c.after+time.Second || took < c.after-100*time.Millisecond {
					t.Errorf("ready after %v, want %v", took, c.after)
				}
				if st.State != Running {
					t.Errorf("status %+v", st)
				}
			})
		})
	}
}

func TestB9_WhoSaysNotReadyIsNotAssumedToBe(t *testing.T) {
	var gw *gatewaytest.Gateway
	late := behaviour{listen: time.Second, setup: func(g *gatewaytest.Gateway) { gw = g }}
	late.gateway.Hooks.OnConnect = func(*gatewaytest.Request) (*gatewaytest.Error, int) {
		gw.SetDraining(true) // /readyz answers 503
		return nil, 0
	}
	play(t, behaving(late), nil, func(s *scene) {
		s.start()
		time.Sleep(10 * time.Minute)
		if st := s.Status(); st.State != Running || st.GatewayReady {
			t.Errorf("status %+v", st)
		}
		gw.SetDraining(false)
		s.until("ready", func(st Status) bool { return st.GatewayReady })
	})
}

// A gateway that somebody else has ended finishes its work first, for up to five minutes.
// Meanwhile it refuses everything, so it must not be shown as healthy.
func TestA4_AGatewayThatSomebodyElseHasEndedIsShown(t *testing.T) {
	const look = 2 * callEvery // beats, so that there was a look whenever the test began
	for name, end := range map[string]func(*fakeProcess){
		"it says so": func(p *fakeProcess) {
			p.say(stopLine)
		},
		"it says nothing": func(*fakeProcess) { time.Sleep(look * DefaultPolicy().Tend) },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, healthy, nil, func(s *scene) {
				s.start()
				p := s.host.current()
				p.gw.SetDraining(true)
				end(p)
				time.Sleep(idleEnd + time.Second)
				if st := s.Status(); !hasReason(ReasonDraining)(st) || st.State != Running || st.Health.Level != Degraded {
					t.Errorf("status %+v", st)
				}
				p.gw.SetDraining(false) // it could not restart
				time.Sleep(look * DefaultPolicy().Tend)
				time.Sleep(time.Second)
				if st := s.Status(); hasReason(ReasonDraining)(st) || s.host.launches() != 1 {
					t.Errorf("status %+v", st)
				}
			})
		})
	}
}

func TestB10_SuppressedChannelsAreShownWithTheirEnd(t *testing.T) {
	safe := behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) { gw.Suppress("telegram", "slack") }}
	play(t, behaving(safe), nil, func(s *scene) {
		s.start()
		began := s.Status().StartedAt
		st := s.until("the reason", hasReason(ReasonSafeMode))
		until := began.Add(breakerWindow + time.Minute).Truncate(time.Minute).Format("15:04")
		if text := textOf(st, ReasonSafeMode); st.State != Running || st.Health.Level != Degraded || !strings.Contains(text, "telegram, slack, until about "+until) {
			t.Errorf("health %+v, want until %s", st.Health, until)
		}
		time.Sleep(breakerWindow)
		s.host.current().gw.Suppress("slack") // a person has started one channel
		st = s.until("one channel", func(st Status) bool { return !strings.Contains(textOf(st, ReasonSafeMode), "telegram") })
		if text := textOf(st, ReasonSafeMode); text != "The gateway keeps its channels off after repeated crashes (slack)" {
			t.Errorf("after the window: %q", text)
		}
		s.host.current().gw.Suppress()
		s.until("healthy", func(st Status) bool { return st.Health.Level == Healthy })
	})
}

func TestF1_SilenceIsAskedAboutOnTime(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		s.host.current().gw.Silence(true)
		defer s.burn(s.host.current())() // without CPU use it would be restarted before the third miss
		began := time.Now()
		// The gateway promises a tick every 30 s. Without it, a ping follows, which has 12
		// s, and then further pings.
		for misses, want := range []time.Duration{44 * time.Second, 74 * time.Second, 104 * time.Second} {
			s.until("a miss", func(st Status) bool {
				return strings.Contains(textOf(st, ReasonHeartbeatMissed), " "+string(rune('1'+misses))+" ")
			})
			if took := time.Since(began).Round(time.Second); took != want {
				t.Errorf("miss %d came after %v, want %v", misses+1, took, want)
			}
		}
		s.until("the second path is asked", hasReason(ReasonVerifying))
		s.host.current().gw.Silence(false)
	})
}

func TestF1_TimesOfBothSystems(t *testing.T) {
	for file, want := range map[string]map[string]string{
		"liveness_unix.go":    {"defaultPingInterval": "30 * time.Second", "defaultPongTimeout": "12 * time.Second"},
		"liveness_windows.go": {"defaultPingInterval": "60 * time.Second", "defaultPongTimeout": "25 * time.Second"},
	} {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, "../rpc/"+file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				var text bytes.Buffer
				printer.Fprint(&text, set, v.Values[0])
				if name := v.Names[0].Name; want[name] != text.String() {
					t.Errorf("%s: %s is %s, want %s", file, name, text.String(), want[name])
				}
				delete(want, v.Names[0].Name)
			}
			return true
		})
		if len(want) > 0 {
			t.Errorf("%s lacks %v", file, want)
		}
	}
}
