package supervisor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"clawtray/rpc/gatewaytest"
	"clawtray/supervisor/openclaw"
)

// longAgo is earlier than the time in every bubble.
var longAgo = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)

func broken(kind openclaw.ConfigErrorKind, changed time.Time) *openclaw.ConfigError {
	return &openclaw.ConfigError{Kind: kind, Path: "/state/openclaw.json", Changed: changed, Err: errors.New("the words of the reader")}
}

func (h *fakeHost) spoil(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.problem = err
}

func (h *fakeHost) counts() (launches, repairs, setups int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.procs), h.repairs, h.setups
}

// TestXU12_WhatCannotBeUsedIsWaitedFor: with an unusable configuration, no gateway is
// started and doctor is not run. When the file is usable again, the gateway starts by
// itself.
func TestXU12_WhatCannotBeUsedIsWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(h *fakeHost)
		code  CauseCode
	}{
		"unreadable":     {func(h *fakeHost) { h.problem = broken(openclaw.ConfigUnreadable, time.Time{}) }, ConfigUnreadable},
		"another user's": {func(h *fakeHost) { h.problem = broken(openclaw.ConfigForeign, time.Time{}) }, ConfigForeign},
		"a hanging disk": {func(h *fakeHost) { h.hangs = true }, ConfigUnreadable},
		"cut":            {func(h *fakeHost) { h.problem = broken(openclaw.ConfigBroken, longAgo) }, ConfigBroken},
		"empty":          {func(h *fakeHost) { h.problem = broken(openclaw.ConfigEmpty, longAgo) }, ConfigBroken},
		"XU2 clobbered":  {func(h *fakeHost) { h.config.Mode.Value, h.config.File.HasMode = "", false }, ConfigClobbered},
		"XU3 remote, by ssh": {func(h *fakeHost) {
			h.config.Mode.Value, h.config.Remote = "remote", openclaw.Remote{SSH: true, SSHTarget: "me@host"}
		}, RemoteGateway},
		"XU3 remote, nowhere": {func(h *fakeHost) { h.config.Mode.Value = "remote" }, RemoteGateway},
		"XU4 a variable": {func(h *fakeHost) {
			p := broken(openclaw.ConfigUnresolved, longAgo)
			p.Variable = "NAME"
			h.config.Problems = append(h.config.Problems, p)
		}, SecretUnresolved},
		"XU6 proxy and token": {func(h *fakeHost) {
			h.config.SignIn.Mode.Value, h.config.SignIn.Token = openclaw.SignInTrustedProxy, openclaw.KnownSecret("x", ".env")
		}, ConfigConflict},
		"XU7 without password": {func(h *fakeHost) { h.config.SignIn.Mode.Value = openclaw.SignInPassword }, TokenMissing},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, healthy, nil, func(s *scene) {
				time.Sleep(time.Hour)
				good := s.host.config
				c.spoil(s.host)
				_, err := s.Do(s.t.Context(), Request{Intent: Start})
				if causeOf(err) != c.code {
					t.Fatalf("got %v, want %q", err, c.code)
				}
				time.Sleep(time.Hour)
				if launches, repairs, setups := s.host.counts(); launches+repairs+setups > 0 || s.Status().State != Failed {
					t.Fatalf("%d launches, %d repairs, %d setups, status %+v", launches, repairs, setups, s.Status())
				}
				s.host.mu.Lock()
				s.host.problem, s.host.hangs, s.host.config = nil, false, good
				s.host.mu.Unlock()
				if waitsFor[c.code] == nothing {
					s.must(Request{Intent: Retry}, ResultRunning)
					return
				}
				s.until("running", in(Running))
				if n := s.host.launches(); n != 1 {
					t.Errorf("%d launches", n)
				}
			})
		})
	}
}

// TestXU12_TheStartAfterTheWait: the start after the wait is tried again when it fails, as
// any other start.
func TestXU12_TheStartAfterTheWait(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 1}}, behaviour{listen: time.Second}), nil, func(s *scene) {
		s.host.spoil(broken(openclaw.ConfigBroken, longAgo))
		s.Do(s.t.Context(), Request{Intent: Start})
		s.host.spoil(nil)
		s.until("running", in(Running))
	})
}

// TestXU12_StopEndsTheWait: after a stop, a change of the file starts nothing.
func TestXU12_StopEndsTheWait(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.host.spoil(broken(openclaw.ConfigBroken, time.Time{}))
		s.Do(s.t.Context(), Request{Intent: Start})
		s.must(Request{Intent: Stop}, ResultStopped)
		s.host.spoil(nil)
		time.Sleep(time.Hour)
		if n := s.host.launches(); n != 0 || s.Status().State != Stopped {
			t.Errorf("%d launches, status %+v", n, s.Status())
		}
	})
}

// TestXW9_AFileThatIsBeingWritten: such a file is not a failure, neither at a start nor
// after a crash.
func TestXW9_AFileThatIsBeingWritten(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		for n := range 2 {
			s.host.spoil(broken(openclaw.ConfigBroken, time.Now()))
			time.AfterFunc(2*time.Second, func() { s.host.spoil(broken(openclaw.ConfigEmpty, time.Now())) })
			time.AfterFunc(4*time.Second, func() { s.host.spoil(nil) })
			if n == 0 {
				s.must(Request{Intent: Start}, ResultRunning)
			} else {
				s.now()
				s.host.current().finish(Exit{Code: 1})
				s.until("waiting for the file", func(st Status) bool { return st.Phase == AwaitingConfig })
				s.until("running", in(Running))
			}
			if launches, repairs, _ := s.host.counts(); repairs > 0 || launches != n+1 || s.failed() {
				t.Errorf("%d repairs, %d launches", repairs, launches)
			}
		}
	})
}

// failed reports whether clawtray ever gave up.
func (s *scene) failed() bool {
	return slices.ContainsFunc(s.report().Diagnostics.Transitions, func(t Transition) bool { return t.To == Failed })
}

// TestXW9_DoctorWaitsForTheFile: a file that was changed a moment ago is not repaired.
func TestXW9_DoctorWaitsForTheFile(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 78}, lines: []string{"Config invalid"}}, behaviour{listen: time.Second}), nil, func(s *scene) {
		s.host.edit("edited", time.Now())
		began := time.Now()
		go s.Do(s.t.Context(), Request{Intent: Start})
		s.until("doctor", func(st Status) bool { return st.Phase == Repairing })
		if waited := time.Since(began); waited < configQuiet {
			t.Errorf("doctor ran after %v", waited)
		}
		s.until("running", in(Running))
	})
}

// TestXU5_TLS: the gateway creates its certificate at its first start. Its fingerprint is
// pinned, and read again when the certificate is renewed. A gateway with another
// certificate gets no secret.
func TestXU5_TLS(t *testing.T) {
	first, pin := gatewaytest.NewCertificate()
	second, newPin := gatewaytest.NewCertificate()
	stranger, _ := gatewaytest.NewCertificate()
	play(t, func(t *testing.T) *fakeHost {
		h := newFakeHost(t, func(n int) behaviour {
			return behaviour{listen: time.Second, gateway: gatewaytest.Config{Certificate: []*tls.Certificate{first, second, stranger}[n]}}
		})
		h.config.TLS.Enabled = true
		return h
	}, nil, func(s *scene) {
		time.AfterFunc(5*time.Second, func() { s.host.configure(func(e *openclaw.Effective) { e.TLS.Fingerprint = pin }) })
		s.start()
		if url, err := s.Dashboard(); err != nil || !strings.HasPrefix(url, "https://127.0.0.1:18789/#token=") {
			t.Errorf("the dashboard: %d bytes, %v", len(url), err)
		}
		s.host.configure(func(e *openclaw.Effective) { e.TLS.Fingerprint = newPin })
		s.must(Request{Intent: Restart, Now: true}, ResultRestarted)
		go s.Do(s.t.Context(), Request{Intent: Restart, Now: true})
		st := s.until("an end", in(Failed))
		if st.Cause.Code != WrongCertificate {
			t.Errorf("cause %+v", st.Cause)
		}
		if n := len(s.host.current().gw.Received()); n > 0 {
			t.Errorf("%d requests were sent to it", n)
		}
	})
}

// TestO3_Password: clawtray signs in to a gateway that uses a password, and the address of
// its dashboard contains no secret.
func TestO3_Password(t *testing.T) {
	play(t, func(t *testing.T) *fakeHost {
		h := healthy(t)
		h.config.SignIn.Mode.Value, h.config.SignIn.Password = openclaw.SignInPassword, openclaw.KnownSecret("canary-password", "the test")
		h.config.UI.BasePath.Value = "/claw"
		return h
	}, nil, func(s *scene) {
		s.start()
		if url, err := s.Dashboard(); url != "http://127.0.0.1:18789/claw/" || err != nil {
			t.Errorf("the dashboard is %s, %v", url, err)
		}
		if text, err := json.Marshal(s.report()); err != nil || strings.Contains(string(text), "canary-password") {
			t.Error("the report tells the password")
		}
	})
}

// TestO3_OnlyOpenClawKnowsTheSecret: the cause says so, and clawtray does not invent a
// secret.
func TestO3_OnlyOpenClawKnowsTheSecret(t *testing.T) {
	play(t, func(t *testing.T) *fakeHost {
		h := newFakeHost(t, func(int) behaviour {
			return behaviour{listen: time.Second, gateway: gatewaytest.Config{Password: "another"}}
		})
		h.config.SignIn.Token = openclaw.Secret{State: openclaw.SecretOnlyOpenClaw, Source: "openclaw.json: gateway.auth.token", Ref: "exec:vault:token"}
		return h
	}, nil, func(s *scene) {
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != SecretOpaque || !strings.Contains(err.Error(), "exec:vault:token") {
			t.Errorf("got %v", err)
		}
		if s.host.asked != 1 {
			t.Errorf("OpenClaw was asked %d times", s.host.asked)
		}
		if s.host.alive() != 1 {
			t.Error("the gateway was ended for it")
		}
	})
}

// TestXU7_OpenClawIsAsked: OpenClaw is asked once, and only when the gateway wants the
// secret.
func TestXU7_OpenClawIsAsked(t *testing.T) {
	play(t, func(t *testing.T) *fakeHost {
		h := newFakeHost(t, func(int) behaviour {
			return behaviour{listen: time.Second, gateway: gatewaytest.Config{Password: "canary-of-the-vault"}}
		})
		h.config.SignIn.Mode.Value = openclaw.SignInPassword
		h.config.SignIn.Password = openclaw.Secret{State: openclaw.SecretOnlyOpenClaw, Source: "openclaw.json: gateway.auth.password", Ref: "exec:vault:password"}
		h.answer = "canary-of-the-vault"
		return h
	}, nil, func(s *scene) {
		s.start()
		s.must(Request{Intent: Restart}, ResultRestarted)
		if s.host.asked != 1 {
			t.Errorf("asked %d times", s.host.asked)
		}
	})
}

// TestXU8_Port: clawtray's port has priority over OpenClaw's.
func TestXU8_Port(t *testing.T) {
	for own, want := range map[int]int{0: 28999, 18001: 18001} {
		play(t, healthy, func(c *Config) { c.Port = own }, func(s *scene) {
			s.host.config = s.host.config.At(28999, "openclaw.json: gateway.port")
			s.start()
			if st := s.Status(); st.Port != want || s.host.current().port != want {
				t.Errorf("port %d, want %d", st.Port, want)
			}
		})
	}
}

// TestO6_FirstRun: when there is no configuration, OpenClaw writes one first.
func TestO6_FirstRun(t *testing.T) {
	play(t, func(t *testing.T) *fakeHost {
		h := healthy(t)
		h.config.File, h.config.Mode.Value = openclaw.ConfigFile{}, ""
		return h
	}, nil, func(s *scene) {
		go s.Do(s.t.Context(), Request{Intent: Start})
		s.until("setting up", func(st Status) bool { return st.Phase == SettingUp })
		s.until("running", in(Running))
		if _, _, setups := s.host.counts(); setups != 1 || !s.Status().FirstRun {
			t.Errorf("%d setups, status %+v", setups, s.Status())
		}
		s.must(Request{Intent: Restart}, ResultRestarted)
		if _, _, setups := s.host.counts(); setups != 1 {
			t.Errorf("%d setups", setups)
		}
	})
}

// TestQ4_LostConfiguration: when a configuration that a gateway had accepted is gone, the
// status says so. It is not replaced by a new one unless a person wants that.
func TestQ4_LostConfiguration(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		good := s.host.config
		s.must(Request{Intent: Stop}, ResultStopped)
		s.host.configure(func(e *openclaw.Effective) { e.File, e.Mode.Value = openclaw.ConfigFile{}, "" })
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != ConfigLost {
			t.Fatalf("got %v", err)
		}
		s.host.configure(func(e *openclaw.Effective) { *e = good })
		s.until("running again", in(Running))
		s.must(Request{Intent: Stop}, ResultStopped)
		s.host.configure(func(e *openclaw.Effective) { e.File, e.Mode.Value = openclaw.ConfigFile{}, "" })
		s.Do(s.t.Context(), Request{Intent: Start})
		s.must(Request{Intent: Retry}, ResultRunning)
		if _, _, setups := s.host.counts(); setups != 1 {
			t.Errorf("%d setups", setups)
		}
	})
}

// TestXU3_ARemoteGatewayIsWatched: no gateway is started, the loss of the connection is
// reported, and clawtray connects again by itself.
func TestXU3_ARemoteGatewayIsWatched(t *testing.T) {
	certificate, pin := gatewaytest.NewCertificate()
	remote := func() *gatewaytest.Gateway {
		return gatewaytest.New(gatewaytest.Config{Token: testToken, Certificate: certificate})
	}
	play(t, func(t *testing.T) *fakeHost {
		h := healthy(t)
		h.config.Mode.Value = "remote"
		h.config.Remote = openclaw.Remote{URL: "wss://" + remoteAddr, Fingerprint: pin, Token: openclaw.KnownSecret(testToken, "the test")}
		h.remote = remote()
		return h
	}, nil, func(s *scene) {
		s.start()
		if st := s.Status(); st.Mode != Attached || st.PID != 0 {
			t.Errorf("status %+v", st)
		}
		if url, err := s.Dashboard(); err != nil || !strings.HasPrefix(url, "https://"+remoteAddr+"/#token=") {
			t.Errorf("the dashboard: %d bytes, %v", len(url), err)
		}
		s.host.mu.Lock()
		gone := s.host.remote
		s.host.remote = nil
		s.host.mu.Unlock()
		gone.Close()
		st := s.until("gone", in(Failed))
		if st.Cause.Code != RemoteUnreachable || !strings.Contains(st.Error, remoteAddr) {
			t.Errorf("cause %+v", st.Cause)
		}
		s.host.mu.Lock()
		s.host.remote = remote()
		s.host.mu.Unlock()
		s.until("back", in(Running))
		if n := s.host.launches(); n != 0 {
			t.Errorf("%d gateways were started here", n)
		}
		s.must(Request{Intent: Stop}, ResultLeftRunning)
	})
}

// TestXH12_AnOwnerThatIsStillStarting: clawtray names the process that holds the lock of
// the state directory, waits for it, and attaches to it at its own port.
func TestXH12_AnOwnerThatIsStillStarting(t *testing.T) {
	const port = 19444
	play(t, healthy, nil, func(s *scene) {
		s.host.holder, s.host.theirs = &StateOwner{PID: 77, Port: port}, port
		_, err := s.Do(s.t.Context(), Request{Intent: Start})
		if causeOf(err) != StateDirOwned || !strings.Contains(err.Error(), "process 77, port 19444") {
			t.Fatalf("got %v", err)
		}
		s.host.arrive()
		st := s.until("attached", in(Running))
		if st.Mode != Attached || st.Port != port || s.host.launches() != 0 {
			t.Errorf("%d launches, status %+v", s.host.launches(), st)
		}
	})
}

// TestXU11_ARestartThatWouldFailEndsNothing: the running gateway stays, whatever is wrong
// with the configuration.
func TestXU11_ARestartThatWouldFailEndsNothing(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		play(t, behaving(behaviour{listen: time.Second, restarts: restarts}), nil, func(s *scene) {
			s.start()
			time.Sleep(time.Minute)
			for code, spoil := range map[CauseCode]func(){
				ConfigBroken: func() { s.host.spoil(broken(openclaw.ConfigBroken, longAgo)) },
				TokenMissing: func() {
					s.host.configure(func(e *openclaw.Effective) { e.SignIn.Mode.Value = openclaw.SignInPassword })
				},
				RemoteGateway: func() {
					s.host.configure(func(e *openclaw.Effective) { e.Mode.Value = "remote" })
				},
				NodeMissing: func() { s.host.uninstall(&openclaw.MissingError{Kind: openclaw.NodeMissing}) },
			} {
				good := s.host.config
				spoil()
				for _, now := range []bool{false, true} {
					a, err := s.Do(s.t.Context(), Request{Intent: Restart, Now: now})
					if a.Result != ResultRejected || causeOf(err) != code || s.Status().State != Running || s.host.alive() != 1 || s.host.launches() != 1 {
						t.Errorf("%s: %+v, %v", code, a, err)
					}
				}
				s.host.spoil(nil)
				s.host.configure(func(e *openclaw.Effective) { *e = good })
				s.host.uninstall(nil)
			}
			s.must(Request{Intent: Restart}, ResultRestarted)
		})
	}
}

// TestXU7_ARestartOfAGatewayThatKeepsUsOut: the restart ends the gateway only when a new
// one can start.
func TestXU7_ARestartOfAGatewayThatKeepsUsOut(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		s.host.current().gw.SetToken("another")
		s.until("locked out", func(st Status) bool { return st.Cause.Code == TokenMismatch })
		s.host.spoil(broken(openclaw.ConfigBroken, longAgo))
		if a, err := s.Do(s.t.Context(), Request{Intent: Restart}); a.Result != ResultRejected || causeOf(err) != ConfigBroken || s.host.alive() != 1 || s.host.launches() != 1 {
			t.Errorf("%+v, %v", a, err)
		}
		s.host.spoil(nil)
		s.must(Request{Intent: Restart}, ResultRestarted)
	})
}

// TestXS9_TheConnectionItselfIsLookedAt: the other end of the connection is checked before
// a secret is sent, and a failed check does not end the start.
func TestXS9_TheConnectionItselfIsLookedAt(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.host.distrust = errors.New("belongs to another user")
		go s.Do(s.t.Context(), Request{Intent: Start})
		s.until("challenged", func(st Status) bool { return st.Phase == Challenged })
		time.Sleep(time.Minute)
		for _, r := range s.host.current().gw.Received() {
			if r.Method == "connect" {
				t.Error("a secret was sent")
			}
		}
		s.host.mu.Lock()
		s.host.distrust = nil
		s.host.mu.Unlock()
		s.until("running", in(Running))
	})
}

// dialed is a machine that only notes which addresses are dialed.
type dialed struct {
	Host
	addrs []string
}

func (d *dialed) Dial(_ context.Context, _, addr string) (net.Conn, error) {
	d.addrs = append(d.addrs, addr)
	return nil, errors.New("not here")
}

// http.Transport may still dial for a probe when the probe has ended and the configuration was
// read again.
func TestO1_AProbeKeepsItsConfiguration(t *testing.T) {
	var host dialed
	g := &generation{tools: tools{host: &host}}
	g.conf.Listen.Bind.Value, g.conf.Listen.CustomHost = "custom", "192.0.2.7"
	dial := g.probed().DialContext
	g.conf = openclaw.Effective{}
	dial(t.Context(), "tcp", "127.0.0.1:1")
	if want := []string{"127.0.0.1:1", "192.0.2.7:1"}; !slices.Equal(host.addrs, want) {
		t.Errorf("dialed %v, want %v", host.addrs, want)
	}
}
