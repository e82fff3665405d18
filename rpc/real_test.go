//go:build unix

package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clawtray/rpc"
)

// These tests talk to real gateways, given by environment variables: Node's
// binary and the path of openclaw.mjs, for the newest and for an old version.
var realRuntimes = []struct{ version, node, openclaw string }{
	{"2026.9.6", "CLAWTRAY_TEST_NODE", "CLAWTRAY_TEST_OPENCLAW"},
	{"2026.6.11", "CLAWTRAY_TEST_NODE_6_11", "CLAWTRAY_TEST_OPENCLAW_6_11"},
}

// realStart is how long a real gateway may take to start; a cold first start of
// any version takes up to 15 s on an idle machine.
const realStart = 2 * time.Minute

// slowly waits longer than the defaults: beside other tests, an old gateway needs more than
// half a minute for the 2000 calls of realPipelined.
var slowly = rpc.Limits{ChallengeTimeout: realStart, ConnectTimeout: realStart, CallTimeout: realStart, PongTimeout: realStart}

// realGateway is a running gateway process with a home of its own.
type realGateway struct {
	cmd  *exec.Cmd
	url  string
	done chan struct{} // closed when the process has ended
}

func eachReal(t *testing.T, test func(t *testing.T, gw *realGateway)) {
	for _, runtime := range realRuntimes {
		t.Run(runtime.version, func(t *testing.T) {
			if testing.Short() && runtime != realRuntimes[0] {
				t.Skip("make check runs it with the old version, too")
			}
			node, openclaw := os.Getenv(runtime.node), os.Getenv(runtime.openclaw)
			if node == "" || openclaw == "" {
				message := fmt.Sprintf("OpenClaw %s is not given: set %s and %s, or run \"make test\", which installs it", runtime.version, runtime.node, runtime.openclaw)
				if os.Getenv("CI") == "true" {
					t.Fatal(message)
				}
				t.Skip(message)
			}
			test(t, startReal(t, node, openclaw))
		})
	}
}

// startReal starts a gateway and waits until it listens. It is killed when the test ends.
func startReal(t *testing.T, node, openclaw string) *realGateway {
	port := freePort(t)
	home := t.TempDir()
	gw := &realGateway{
		cmd:  exec.Command(node, openclaw, "gateway", "--port", port, "--bind", "loopback", "--allow-unconfigured"),
		url:  "ws://127.0.0.1:" + port,
		done: make(chan struct{}),
	}
	gw.cmd.Env = []string{
		"HOME=" + home, "PATH=" + filepath.Dir(node) + ":/usr/bin:/bin", "OPENCLAW_GATEWAY_TOKEN=" + secret,
		"OPENCLAW_NO_RESPAWN=1", "OPENCLAW_DISABLE_BONJOUR=1", "OPENCLAW_EXEC_SHELL_SNAPSHOT=0", "OPENCLAW_SKIP_CHANNELS=1",
	}
	gw.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	log, err := os.Create(filepath.Join(home, "gateway.log"))
	if err != nil {
		t.Fatal(err)
	}
	gw.cmd.Stdout, gw.cmd.Stderr = log, log
	if err := gw.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = gw.cmd.Wait() // the tests look at ProcessState
		close(gw.done)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-gw.cmd.Process.Pid, syscall.SIGKILL)
		<-gw.done
		_ = log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("the gateway said:\n%s", text[max(0, len(text)-4000):])
		}
	})
	gw.waitListening(t)
	return gw
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	return port
}

// waitListening asks /healthz until the gateway answers.
func (gw *realGateway) waitListening(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), realStart)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if health, err := (rpc.Gateway{URL: gw.url}).Healthz(ctx); err == nil && health.Gateway && health.Live {
			return
		}
		select {
		case <-tick.C:
		case <-gw.done:
			t.Fatal("the gateway ended: ", gw.cmd.ProcessState)
		case <-ctx.Done():
			t.Fatal("the gateway does not listen")
		}
	}
}

// connect waits for a session as a supervisor does: through refusals too.
func (gw *realGateway) connect(t *testing.T, o rpc.Options) *rpc.Session {
	t.Helper()
	o.Gateway.URL, o.Gateway.Trusted = gw.url, true
	ctx, cancel := context.WithTimeout(t.Context(), realStart)
	defer cancel()
	for {
		s, err := rpc.Connect(ctx, o)
		if err == nil {
			t.Cleanup(func() { s.Close() })
			return s
		}
		if !rpc.RuleFor(err).Retry || ctx.Err() != nil {
			t.Fatal(err)
		}
		gw.waitListening(t)
	}
}

func TestReal_ConnectCallRestartStop(t *testing.T) {
	eachReal(t, func(t *testing.T, gw *realGateway) {
		id, err := rpc.NewIdentity()
		if err != nil {
			t.Fatal(err)
		}
		tokens := rpc.NewFileDeviceTokens(filepath.Join(t.TempDir(), "tokens.json"))
		o := rpc.Options{Credentials: rpc.Credentials{Token: secret, Identity: id, DeviceTokens: tokens}, Limits: slowly}
		s := gw.connect(t, o)
		realHello(t, s)
		realFirstEvents(t, gw, o)
		realAuth(t, gw, o)
		realCalls(t, s)
		realFrames(t, gw, o, s)
		realPipelined(t, s)
		s = realRestart(t, gw, o, s)
		realStop(t, gw, s)
	})
}

func realHello(t *testing.T, s *rpc.Session) {
	h := s.Hello()
	if h.Protocol != 4 || h.Server.Version == "" || h.Policy.MaxPayload == 0 || h.Policy.TickInterval() != 30*time.Second {
		t.Errorf("hello: %+v", h)
	}
	if !h.Auth.DeviceTokenIssued || len(h.Auth.Scopes) == 0 || h.Snapshot.StateDir == "" || h.Snapshot.ConfigPath == "" {
		t.Errorf("hello: %+v %+v", h.Auth, h.Snapshot)
	}
	if !s.Supports("gateway.restart.request") || s.Supports("shutdown") {
		t.Error("methods: ", h.Features.Methods)
	}
}

// realFirstEvents: what the gateway sends directly after hello reaches whoever
// subscribes in OnSession.
func realFirstEvents(t *testing.T, gw *realGateway, o rpc.Options) {
	var all *rpc.Subscription
	o.OnSession = func(s *rpc.Session) { all = s.Subscribe(100) }
	s := gw.connect(t, o)
	defer s.Close()
	if first, open := <-all.C(); !open || first.Seq != 1 {
		t.Errorf("the first event: %+v %v", first, s.Err())
	}
}

// realAuth: the kept device token is enough, and what a wrong token, signature and device token do.
func realAuth(t *testing.T, gw *realGateway, o rpc.Options) {
	withoutShared := o
	withoutShared.Credentials.Token = ""
	gw.connect(t, withoutShared).Close() // K1, I4: by the device token alone

	spoiled := o
	spoiled.Credentials.DeviceTokens = rpc.NewFileDeviceTokens(filepath.Join(t.TempDir(), "tokens.json"))
	key := o.Credentials.Identity.DeviceID() + "@" + strings.TrimPrefix(gw.url, "ws://") + "/operator"
	if err := spoiled.Credentials.DeviceTokens.Save(key, "not-a-device-token"); err != nil {
		t.Fatal(err)
	}
	gw.connect(t, spoiled).Close() // refused, cleared, then the shared token
	if kept, err := spoiled.Credentials.DeviceTokens.Load(key); err != nil || kept == "not-a-device-token" || kept == "" {
		t.Errorf("kept device token: %q, %v", kept, err)
	}

	// The v3 signature is accepted at once: no second connection in the v2 format.
	fresh, opened := o, 0
	fresh.Gateway.URL, fresh.Gateway.Trusted, fresh.Credentials.DeviceTokens, fresh.Credentials.Identity = gw.url, true, nil, newIdentity(t)
	fresh.OnPhase = func(p rpc.Phase) {
		if p == rpc.PhaseOpened {
			opened++
		}
	}
	if s, err := rpc.Dial(t.Context(), fresh); err != nil || opened != 1 {
		t.Error("connections: ", opened, err)
	} else {
		s.Close()
	}

	wrong := o
	wrong.Gateway.URL, wrong.Gateway.Trusted, wrong.Credentials.Token, wrong.Credentials.DeviceTokens = gw.url, true, "wrong-token", nil
	_, err := rpc.Connect(t.Context(), wrong)
	var e *rpc.Error
	if !errors.As(err, &e) || e.Kind != rpc.KindAuth || e.DetailsCode != "AUTH_TOKEN_MISMATCH" {
		t.Errorf("wrong token: %#v", err)
	}
	if rule := rpc.RuleFor(err); rule.Retry || !rule.Notify || rule.Action != rpc.ActionOpenConfig {
		t.Errorf("%+v", rule)
	}
	wrong.Credentials.Token = ""
	_, err = rpc.Connect(t.Context(), wrong)
	if !errors.As(err, &e) || e.DetailsCode != "AUTH_TOKEN_MISSING" {
		t.Errorf("no token: %#v", err)
	}
	wrong.Credentials.Token, wrong.Client.ID = secret, "no-such-client"
	_, err = rpc.Connect(t.Context(), wrong)
	if !errors.As(err, &e) || e.Kind != rpc.KindInvalidParams {
		t.Errorf("schema: %#v", err)
	}
	bare := rpc.Options{Credentials: rpc.Credentials{Token: secret}, Limits: slowly} // gateway-client/backend without a device
	if s := gw.connect(t, bare); s.Call(t.Context(), "status", nil, nil) != nil {
		t.Error("no device, mode backend: no scopes")
	}
}

func realCalls(t *testing.T, s *rpc.Session) {
	var e *rpc.Error
	if err := s.Call(t.Context(), "no.such", nil, nil); !errors.As(err, &e) || e.Kind != rpc.KindUnknownMethod {
		t.Errorf("unknown method: %#v", err)
	}
	if err := s.Call(t.Context(), "sessions.list", map[string]any{"bogus": 1}, nil); !errors.As(err, &e) || e.Kind != rpc.KindInvalidParams {
		t.Errorf("bad params: %#v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// realFrames: a request just below the limit is answered, one above is refused
// here, and sent all the same it closes the connection with 1009.
func realFrames(t *testing.T, gw *realGateway, o rpc.Options, s *rpc.Session) {
	var e *rpc.Error
	if err := s.Call(t.Context(), "no.such", strings.Repeat("x", 24<<20), nil); !errors.As(err, &e) || e.Kind != rpc.KindUnknownMethod {
		t.Errorf("24 MiB: %#v", err)
	}
	tooLarge := strings.Repeat("x", int(s.Hello().Policy.MaxPayload))
	if err := s.Call(t.Context(), "no.such", tooLarge, nil); !errors.As(err, &e) || e.Kind != rpc.KindInvalidParams {
		t.Errorf("more than the policy allows: %#v", err)
	}
	victim := gw.connect(t, o)
	victim.IgnorePolicy()
	err := victim.Call(t.Context(), "no.such", tooLarge, nil)
	<-victim.Done()
	var closed *rpc.CloseError
	if !errors.As(err, &closed) || !errors.Is(err, rpc.ErrClosed) || closed.Code != 1009 {
		t.Errorf("oversized frame: %v", err)
	}
}

func realPipelined(t *testing.T, s *rpc.Session) {
	const calls = 2000
	var wg sync.WaitGroup
	failures := make(chan error, calls)
	for range calls {
		wg.Go(func() {
			var health struct{ OK *bool }
			err := s.Call(t.Context(), "health", nil, &health)
			if err == nil && health.OK == nil {
				err = errors.New("no ok in health")
			}
			if err != nil {
				failures <- err
			}
		})
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		t.Fatal(err)
	}
	if stats := s.Stats(); stats.Calls.LateAnswers != 0 || stats.UnknownFrames != 0 {
		t.Errorf("%+v", stats)
	}
}

// realRestart restarts in process and returns the session after it.
func realRestart(t *testing.T, gw *realGateway, o rpc.Options, s *rpc.Session) *rpc.Session {
	before := s.Hello().Server
	var answer struct{ OK bool }
	if err := s.Call(t.Context(), "gateway.restart.request", map[string]string{"reason": "test"}, &answer); err != nil || !answer.OK {
		t.Fatal(answer, err)
	}
	<-s.Done()
	var closed *rpc.CloseError
	if !errors.As(s.Err(), &closed) || closed.Code != 1012 || closed.Notice == nil || !closed.Notice.Restarts || closed.Notice.RestartExpected <= 0 {
		t.Errorf("restart: %#v", s.Err())
	}
	s = gw.connect(t, o)
	if after := s.Hello().Server; before.BootID != "" && before.BootID == after.BootID {
		t.Error("the boot id is the same after a restart")
	}
	return s
}

func realStop(t *testing.T, gw *realGateway, s *rpc.Session) {
	if err := gw.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	var closed *rpc.CloseError
	if !errors.As(s.Err(), &closed) || closed.Code != 1012 || closed.Notice == nil || closed.Notice.Restarts {
		t.Errorf("stop: %#v", s.Err())
	}
	<-gw.done
	if code := gw.cmd.ProcessState.ExitCode(); code != 0 {
		t.Error("exit code ", code)
	}
}
