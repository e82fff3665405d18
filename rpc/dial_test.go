package rpc_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
)

// tokens is a DeviceTokens in memory that counts its calls.
type tokens struct {
	mu    sync.Mutex
	kept  map[string]string
	clear int
	fail  error
}

func (k *tokens) Load(key string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kept[key], k.fail
}

func (k *tokens) Save(key, token string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil {
		k.kept = map[string]string{}
	}
	k.kept[key] = token
	return k.fail
}

func (k *tokens) Clear(key string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.kept, key)
	k.clear++
	return k.fail
}

func newIdentity(t *testing.T) *rpc.Identity {
	t.Helper()
	id, err := rpc.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func dial(t *testing.T, o rpc.Options) *rpc.Session {
	t.Helper()
	s, err := rpc.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// lastConnect is the last connect request the gateway received.
func lastConnect(t *testing.T, gw *gatewaytest.Gateway) (params struct {
	MinProtocol, MaxProtocol int
	Auth                     map[string]string
	Device                   struct{ SignedAt int64 }
	Client                   map[string]string
}) {
	t.Helper()
	for _, r := range gw.Received() {
		if r.Method == "connect" {
			params.Auth = nil
			if err := json.Unmarshal(r.Params, &params); err != nil {
				t.Fatal(err)
			}
		}
	}
	return params
}

func TestI4_BothProtocolGenerations(t *testing.T) {
	for _, protocol := range []int{3, 4} {
		for _, device := range []bool{false, true} {
			bubble(t, func(t *testing.T) {
				gw := gatewaytest.New(gatewaytest.Config{Protocol: protocol, Token: secret, Place: gatewaytest.Place{StateDir: "/state", ConfigPath: "/config"}})
				defer gw.Close()
				o := memory(gw)
				var phases []rpc.Phase
				o.OnPhase = func(p rpc.Phase) { phases = append(phases, p) }
				if device {
					o.Credentials.Identity = newIdentity(t)
				}
				s := dial(t, o)
				defer s.Close()
				h := s.Hello()
				if h.Protocol != protocol || (h.Server.BootID == "") != (protocol == 3) || h.Snapshot.StateDir != "/state" || h.Snapshot.ConfigPath != "/config" {
					t.Errorf("%+v", h)
				}
				if h.Auth.DeviceTokenIssued != device || h.Policy.TickInterval() != 30*time.Second {
					t.Errorf("%+v", h.Auth)
				}
				if fmt.Sprint(phases) != "[opened challenged accepted]" {
					t.Error(phases)
				}
				if s.Supports("system.info") != (protocol == 4) || !s.Supports("health") {
					t.Error(h.Features.Methods)
				}
				if p := lastConnect(t, gw); p.MinProtocol != 3 || p.MaxProtocol != 4 {
					t.Errorf("%+v", p)
				}
			})
		}
	}
}

func TestI4_ProtocolMismatchNamesBothSides(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Protocol: 5})
		defer gw.Close()
		_, err := rpc.Dial(t.Context(), memory(gw))
		e := wantKind(t, err, rpc.KindProtocol)
		if e.DetailsCode != "PROTOCOL_MISMATCH" || !strings.Contains(string(e.Details), `"expectedProtocol":5`) || !strings.Contains(string(e.Details), `"clientMaxProtocol":4`) {
			t.Errorf("%+v", e)
		}
		if rule := rpc.RuleFor(err); rule.Retry || !rule.Notify || rule.Action != rpc.ActionUpdate {
			t.Errorf("%+v", rule)
		}
		odd := gatewaytest.New(gatewaytest.Config{Hooks: gatewaytest.Hooks{Hello: func(h map[string]any) { h["protocol"] = 7 }}})
		defer odd.Close()
		_, err = rpc.Dial(t.Context(), memory(odd))
		wantKind(t, err, rpc.KindProtocol)
	})
}

func TestI4_SignsWithTheGatewaysClock(t *testing.T) {
	for _, skew := range []time.Duration{-10 * time.Hour, 10 * time.Hour} {
		bubble(t, func(t *testing.T) {
			gw := gatewaytest.New(gatewaytest.Config{Token: secret, Timing: gatewaytest.Timing{ClockSkew: skew}})
			defer gw.Close()
			o := memory(gw)
			o.Credentials.Identity = newIdentity(t)
			o.Client.Platform, o.Client.DeviceFamily = " Linux", "Desktop " // the signature has them in lower case and without blanks
			dial(t, o).Close()
			if got := lastConnect(t, gw).Device.SignedAt; got != time.Now().Add(skew).UnixMilli() {
				t.Error(got)
			}
			if gw.Connects() != 1 {
				t.Error("the v3 signature was not accepted at once")
			}
		})
	}
}

func TestI4_SignsV2WhereOnlyThatIsTaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret, Quirks: gatewaytest.Quirks{V2Only: true}})
		defer gw.Close()
		o := memory(gw)
		o.Credentials.Identity = newIdentity(t)
		o.Client.DeviceFamily = " Desktop "
		dial(t, o).Close()
		if gw.Connects() != 2 {
			t.Error(gw.Connects())
		}
	})
}

func TestI4_WrongSignatureDoesNotLoop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret, Quirks: gatewaytest.Quirks{RefuseSignatures: true}})
		defer gw.Close()
		o := memory(gw)
		o.Credentials.Identity = newIdentity(t)
		_, err := rpc.Dial(t.Context(), o)
		wantKind(t, err, rpc.KindSignature)
		if gw.Connects() != 2 || rpc.RuleFor(err).Retry {
			t.Error(gw.Connects())
		}
	})
}

func TestK1_DeviceTokenIsKeptAndUsedFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret})
		defer gw.Close()
		kept := &tokens{}
		o := memory(gw)
		o.Credentials.Identity, o.Credentials.DeviceTokens = newIdentity(t), kept
		dial(t, o).Close()
		if p := lastConnect(t, gw); p.Auth["token"] != secret || len(kept.kept) != 1 {
			t.Error(p, kept.kept)
		}
		s := dial(t, o)
		if p := lastConnect(t, gw); p.Auth["token"] != "" || p.Auth["deviceToken"] == "" {
			t.Error(p)
		}
		if err := s.Call(t.Context(), "status", nil, nil); err != nil || gw.Connects() != 2 {
			t.Error(err, gw.Connects())
		}
		s.Close()

		gw.ForgetDevices() // the token is revoked, so it is cleared, the shared token is used, and a new token is kept
		old := fmt.Sprint(kept.kept)
		dial(t, o).Close()
		if p := lastConnect(t, gw); p.Auth["token"] != secret || kept.clear != 1 || fmt.Sprint(kept.kept) == old || len(kept.kept) != 1 || gw.Connects() != 4 {
			t.Error(p, kept, gw.Connects())
		}

		gw.SetToken("another token") // the device token still works
		dial(t, o).Close()
		gw.ForgetDevices() // now neither token works, and Dial must not loop
		_, err := rpc.Dial(t.Context(), o)
		if e := wantKind(t, err, rpc.KindAuth); e.DetailsCode != "AUTH_TOKEN_MISMATCH" || gw.Connects() != 7 {
			t.Error(e, gw.Connects())
		}
	})
}

func TestK1_DeviceTokenStoreThatFailsIsReportedNotFatal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret})
		defer gw.Close()
		broken := errors.New("disk full")
		o := memory(gw)
		o.Credentials.Identity, o.Credentials.DeviceTokens = newIdentity(t), &tokens{fail: broken}
		if s := dial(t, o); !errors.Is(s.Stats().DeviceTokenErr, broken) {
			t.Error(s.Stats())
		}
	})
}

// TestK4: no secret is sent to a gateway that is not trusted.
func TestK4_UntrustedPeerGetsNoSecret(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret})
		defer gw.Close()
		kept := &tokens{}
		o := memory(gw)
		o.Credentials.Identity, o.Credentials.DeviceTokens = newIdentity(t), kept
		dial(t, o).Close()
		connects := len(gw.Received())
		var phase rpc.Phase
		o.OnPhase = func(p rpc.Phase) { phase = p }
		o.Gateway.Trusted = false
		for range 2 {
			_, err := rpc.Dial(t.Context(), o)
			wantKind(t, err, rpc.KindUntrusted)
			if phase != rpc.PhaseChallenged || len(gw.Received()) != connects {
				t.Error(phase, gw.Received())
			}
			o.Credentials.Token = "" // the device token is a secret too
		}
		open := gatewaytest.New(gatewaytest.Config{})
		defer open.Close()
		o.Credentials.DeviceTokens, o.Gateway.DialContext = nil, open.Dial // there is no secret to send
		dial(t, o).Close()
	})
}

func TestH4_RefusedConnects(t *testing.T) {
	for name, c := range map[string]struct {
		cfg     gatewaytest.Config
		change  func(*rpc.Options)
		kind    rpc.Kind
		code    string
		details string
	}{
		"wrong token":     {change: func(o *rpc.Options) { o.Credentials.Token = "wrong-token" }, kind: rpc.KindAuth, code: "INVALID_REQUEST", details: "AUTH_TOKEN_MISMATCH"},
		"no token":        {change: func(o *rpc.Options) { o.Credentials.Token, o.Credentials.Identity = "", mustIdentity() }, kind: rpc.KindAuth, code: "INVALID_REQUEST", details: "AUTH_TOKEN_MISSING"},
		"nothing":         {change: func(o *rpc.Options) { o.Credentials.Token = "" }, kind: rpc.KindPairing, code: "NOT_PAIRED", details: "DEVICE_IDENTITY_REQUIRED"},
		"pairing":         {cfg: gatewaytest.Config{Pairing: true}, change: func(o *rpc.Options) { o.Credentials.Identity = mustIdentity() }, kind: rpc.KindPairing, code: "NOT_PAIRED", details: "PAIRING_REQUIRED"},
		"client id":       {change: func(o *rpc.Options) { o.Client.ID = "stranger" }, kind: rpc.KindInvalidParams, code: "INVALID_REQUEST"},
		"client mode":     {change: func(o *rpc.Options) { o.Client.Mode = "stranger" }, kind: rpc.KindInvalidParams, code: "INVALID_REQUEST"},
		"huge user agent": {change: func(o *rpc.Options) { o.Client.UserAgent = strings.Repeat("x", 70<<10) }, kind: rpc.KindInvalidParams},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c.cfg.Token = secret
				gw := gatewaytest.New(c.cfg)
				defer gw.Close()
				o := memory(gw)
				c.change(&o)
				_, err := rpc.Dial(t.Context(), o)
				e := wantKind(t, err, c.kind)
				if e.Code != c.code || e.DetailsCode != c.details || rpc.RuleFor(err).Retry {
					t.Errorf("%+v", e)
				}
				if strings.Contains(err.Error(), o.Credentials.Token) && o.Credentials.Token != "" {
					t.Error("the token is in the error: ", err)
				}
			})
		})
	}
}

// TestH4_EveryCodeAsAnAnswerToConnect: each row of the table is found for the answer that a
// gateway sends, and no code makes Dial loop.
func TestH4_EveryCodeAsAnAnswerToConnect(t *testing.T) {
	for _, rule := range rpc.Rules() {
		if rule.Code == rule.Kind.String() {
			continue // a default row
		}
		bubble(t, func(t *testing.T) {
			refusal := &gatewaytest.Error{Code: "INVALID_REQUEST", Message: "no", Details: map[string]any{"code": rule.Code}}
			switch {
			case rule.Code == "startup-sidecars" || rule.Code == "gateway-restarting":
				refusal = &gatewaytest.Error{Code: "UNAVAILABLE", Details: map[string]any{"reason": rule.Code}}
			case !strings.Contains(rule.Code, "_") || rule.Code == "INVALID_REQUEST" || rule.Code == "NOT_PAIRED":
				refusal = &gatewaytest.Error{Code: rule.Code, Retryable: rule.Retry}
			}
			gw := gatewaytest.New(gatewaytest.Config{Hooks: gatewaytest.Hooks{OnConnect: func(*gatewaytest.Request) (*gatewaytest.Error, int) { return refusal, 1008 }}})
			defer gw.Close()
			o := memory(gw)
			o.Credentials.Identity = newIdentity(t)
			key := o.Credentials.Identity.DeviceID() + "@gateway.test:18789/operator"
			kept := &tokens{kept: map[string]string{key: "old device token"}}
			o.Credentials.DeviceTokens = kept
			_, err := rpc.Dial(t.Context(), o)
			kind := rule.Kind
			if rule.Code == "UNAVAILABLE" || rule.Code == "startup-sidecars" {
				kind = rpc.KindStarting // a gateway that is unavailable at this moment is still starting
			}
			e := wantKind(t, err, kind)
			if got := rpc.RuleFor(err); got.Sentence == "" || got.Retry != rule.Retry {
				t.Errorf("%s: %+v", rule.Code, got)
			}
			connects := 1
			if rule.ClearDeviceToken {
				connects++
			}
			if rule.Code == "DEVICE_AUTH_SIGNATURE_INVALID" {
				connects++
			}
			if gw.Connects() != connects || rule.ClearDeviceToken != (kept.kept[key] == "") {
				t.Errorf("%s: %d connects, kept %q", rule.Code, gw.Connects(), kept.kept)
			}
			if (kind == rpc.KindStarting || kind == rpc.KindDraining) && e.RetryAfter == 0 {
				t.Errorf("%s: no time to wait", rule.Code)
			}
		})
	}
}

func mustIdentity() *rpc.Identity {
	id, err := rpc.NewIdentity()
	if err != nil {
		panic(err)
	}
	return id
}

func TestH4_PairingThenApproved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret, Pairing: true})
		defer gw.Close()
		o := memory(gw)
		o.Credentials.Identity = newIdentity(t)
		_, err := rpc.Dial(t.Context(), o)
		wantKind(t, err, rpc.KindPairing)
		gw.Approve(o.Credentials.Identity.DeviceID())
		dial(t, o).Close()
	})
}

func TestB6_StillStarting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret, Starting: true, Timing: gatewaytest.Timing{RetryAfter: 700 * time.Millisecond}})
		defer gw.Close()
		_, err := rpc.Dial(t.Context(), memory(gw))
		e := wantKind(t, err, rpc.KindStarting)
		if e.RetryAfter != 700*time.Millisecond || !e.Retryable || !rpc.RuleFor(err).Retry || rpc.RuleFor(err).Notify {
			t.Errorf("%+v", e)
		}
		time.AfterFunc(5*time.Second, func() { gw.SetStarting(false) })
		start := time.Now()
		s, err := rpc.Connect(t.Context(), memory(gw))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if took := time.Since(start); took < 5*time.Second || took > 6*time.Second {
			t.Error(took)
		}
		gw.SetStarting(true)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = rpc.Connect(ctx, memory(gw))
		wantKind(t, err, rpc.KindStarting) // says more than the context's error
	})
}

// closer is a gateway that closes every connection with a code, instead of the challenge or
// instead of hello-ok.
func closer(code int, challenge bool) *gatewaytest.Gateway {
	return gatewaytest.New(gatewaytest.Config{Quirks: gatewaytest.Quirks{NoChallenge: !challenge, CloseInstead: code}})
}

func TestB6_ClosedBeforeHello(t *testing.T) {
	for code, kind := range map[int]rpc.Kind{1000: rpc.KindTransport, 1002: rpc.KindProtocol, 1006: rpc.KindTransport, 1008: rpc.KindProtocol,
		1009: rpc.KindTransport, 1012: rpc.KindDraining, 1013: rpc.KindStarting, 4001: rpc.KindAuth} {
		for _, challenge := range []bool{false, true} {
			bubble(t, func(t *testing.T) {
				gw := closer(code, challenge)
				defer gw.Close()
				_, err := rpc.Dial(t.Context(), memory(gw))
				e := wantKind(t, err, kind)
				if e.CloseCode != code || (kind == rpc.KindStarting) != (e.RetryAfter > 0 && kind != rpc.KindDraining) {
					t.Errorf("%d: %+v", code, e)
				}
			})
		}
	}
}

func TestB6_DrainingGatewayAdmitsNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{})
		defer gw.Close()
		gw.SetDraining(true)
		_, err := rpc.Dial(t.Context(), memory(gw))
		e := wantKind(t, err, rpc.KindStarting)
		if e.Code != "HTTP_503" || e.Message != "Gateway websocket admission closed" || e.RetryAfter == 0 {
			t.Errorf("%+v", e)
		}
	})
}

func TestB6_33rdUnauthenticatedSocket(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Timing: gatewaytest.Timing{HelloDelay: time.Second}})
		defer gw.Close()
		errs := make(chan error, 33)
		var wg sync.WaitGroup
		for range 33 {
			wg.Go(func() {
				s, err := rpc.Dial(t.Context(), memory(gw))
				if err == nil {
					s.Close()
				}
				errs <- err
			})
		}
		synctest.Wait()
		e := wantKind(t, <-errs, rpc.KindStarting)
		if e.Code != "HTTP_503" || e.Message != "Too many unauthenticated sockets" {
			t.Errorf("%+v", e)
		}
		wg.Wait()
		for range 32 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestI4_Timeouts(t *testing.T) {
	for name, c := range map[string]struct {
		cfg    gatewaytest.Config
		silent bool
		kind   rpc.Kind
		after  time.Duration
		op     string
	}{
		"stopped process": {silent: true, kind: rpc.KindTransport, after: 10 * time.Second, op: "dial"},
		"no challenge":    {cfg: gatewaytest.Config{Quirks: gatewaytest.Quirks{NoChallenge: true}}, kind: rpc.KindNotGateway, after: 10 * time.Second, op: "challenge"},
		"late challenge":  {cfg: gatewaytest.Config{Timing: gatewaytest.Timing{ChallengeDelay: 11 * time.Second}}, kind: rpc.KindNotGateway, after: 10 * time.Second, op: "challenge"},
		"no hello":        {cfg: gatewaytest.Config{Timing: gatewaytest.Timing{HelloDelay: time.Minute, Handshake: time.Hour}}, kind: rpc.KindTransport, after: 20 * time.Second, op: "connect"},
		"gateway's own":   {cfg: gatewaytest.Config{Timing: gatewaytest.Timing{HelloDelay: time.Minute}}, kind: rpc.KindTransport, after: 15 * time.Second, op: "connect"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gw := gatewaytest.New(c.cfg)
				defer gw.Close()
				gw.Silence(c.silent)
				start := time.Now()
				_, err := rpc.Dial(t.Context(), memory(gw))
				if e := wantKind(t, err, c.kind); e.Op != c.op || time.Since(start) != c.after {
					t.Errorf("%+v after %s", e, time.Since(start))
				}
			})
		})
	}
}

func TestI4_ContextEndsEachPhase(t *testing.T) {
	for name, cfg := range map[string]gatewaytest.Config{
		"upgrade": {}, "challenge": {Quirks: gatewaytest.Quirks{NoChallenge: true}}, "connect": {Timing: gatewaytest.Timing{HelloDelay: time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gw := gatewaytest.New(cfg)
				defer gw.Close()
				gw.Silence(name == "upgrade")
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				start := time.Now()
				_, err := rpc.Dial(ctx, memory(gw))
				wantKind(t, err, rpc.KindCanceled)
				if time.Since(start) != time.Second || !errors.Is(err, context.Canceled) {
					t.Error(err, time.Since(start))
				}
			})
		})
	}
}

func TestHelloIsDecodedLeniently(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"wrong types": func(h map[string]any) {
			h["server"], h["features"], h["policy"] = "text", []int{1}, map[string]any{"maxPayload": "a lot", "tickIntervalMs": -5}
			h["snapshot"] = map[string]any{"uptimeMs": "x", "stateDir": 7, "health": nil}
			h["auth"] = []string{}
		},
		"nothing but type and protocol": func(h map[string]any) {
			for key := range h {
				if key != "type" && key != "protocol" {
					delete(h, key)
				}
			}
		},
		"unknown keys":  func(h map[string]any) { h["nobody"] = map[string]any{"knows": "this"} },
		"absurd policy": func(h map[string]any) { h["policy"] = map[string]any{"maxPayload": 1e18, "tickIntervalMs": 1e18} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, s := open(t, gatewaytest.Config{Hooks: gatewaytest.Hooks{Hello: change}})
				if err := s.Call(t.Context(), "health", nil, nil); err != nil {
					t.Error(err)
				}
			})
		})
	}
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Hooks: gatewaytest.Hooks{Hello: func(h map[string]any) { h["type"] = "hello-maybe" }}})
		defer gw.Close()
		_, err := rpc.Dial(t.Context(), memory(gw))
		wantKind(t, err, rpc.KindProtocol)
	})
}

func TestDialRefusesBadURLs(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:18789", "http://127.0.0.1:1", "ws://", "://", "ws://\x00"} {
		_, err := rpc.Dial(t.Context(), rpc.Options{Gateway: rpc.Gateway{URL: url}})
		wantKind(t, err, rpc.KindInvalidParams)
	}
}

// TestM1: other programs that may listen on the gateway's port.
func TestM1_NotAGateway(t *testing.T) {
	const accept = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	for name, c := range map[string]struct {
		serve func(net.Conn)
		kind  rpc.Kind
	}{
		"closes at once":  {func(net.Conn) {}, rpc.KindTransport},
		"an SSH server":   {func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.9\r\n"); drain(c) }, rpc.KindNotGateway},
		"headers forever": {headersForever, rpc.KindNotGateway},
		"wrong accept key": {func(c net.Conn) {
			_, _ = io.WriteString(c, accept+"Sec-WebSocket-Accept: nonsense\r\n\r\n")
			drain(c)
		}, rpc.KindNotGateway},
		"a web server": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
			drain(c)
		}, rpc.KindNotGateway},
		"a redirect to elsewhere": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
			drain(c)
		}, rpc.KindNotGateway},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var server sync.WaitGroup
			server.Go(func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					c.serve(conn)
				}
			})
			_, err = rpc.Dial(t.Context(), loopback("ws://"+l.Addr().String()))
			wantKind(t, err, c.kind)
			l.Close()
			server.Wait()
		})
	}
}

// drain reads until the client closes.
func drain(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func headersForever(c net.Conn) {
	_, err := io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n")
	for err == nil {
		_, err = io.WriteString(c, "X-Filler: "+strings.Repeat("x", 1000)+"\r\n")
	}
}

func TestM1_NobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "ws://" + l.Addr().String()
	l.Close()
	_, err = rpc.Dial(t.Context(), rpc.Options{Gateway: rpc.Gateway{URL: url}})
	wantKind(t, err, rpc.KindTransport)
	if rule := rpc.RuleFor(err); !rule.Retry {
		t.Errorf("%+v", rule)
	}
}

// TestM1_UninvitedCompression: a server must not switch on an extension that the client has
// not offered.
func TestM1_UninvitedCompression(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Hooks: gatewaytest.Hooks{Header: http.Header{
			"Sec-WebSocket-Extensions": {"permessage-deflate; server_no_context_takeover; client_no_context_takeover"}}}})
		defer gw.Close()
		_, err := rpc.Dial(t.Context(), memory(gw))
		if e := wantKind(t, err, rpc.KindNotGateway); !strings.Contains(e.Message, "extension") {
			t.Error(e)
		}
	})
}
