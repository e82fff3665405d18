package rpc_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"clawtray/rpc/gatewaytest"
	"clawtray/rpc/redact"
)

// TestK3_CanaryInEverythingASessionWrites: trace, errors, stats and what %+v
// prints of a hello, an identity and options' parts.
func TestK3_CanaryInEverythingASessionWrites(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var out bytes.Buffer
		gw := gatewaytest.New(gatewaytest.Config{Token: secret})
		defer gw.Close()
		kept := &tokens{}
		o := memory(gw)
		o.Credentials.Identity, o.Credentials.DeviceTokens = newIdentity(t), kept
		o.Trace = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		s := dial(t, o)
		s.Close()
		s = dial(t, o) // by device token
		gw.Handle("leak", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			return nil, &gatewaytest.Error{Code: "INVALID_REQUEST", Message: "your token is " + secret}
		})
		_ = s.Call(t.Context(), "leak", map[string]string{"token": secret, "note": secret}, nil)
		gw.Conns()[0].Raw([]byte(secret))
		for _, token := range kept.kept {
			gw.Conns()[0].Raw([]byte(token))
			gw.Emit("chat", map[string]string{"text": token})
		}
		if err := s.Call(t.Context(), "health", nil, nil); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%+v %v %#v %+v %s", s.Stats(), o.Credentials.Identity, o.Credentials.Identity, s.Hello(), s.Hello().Raw)
		fmt.Fprintf(&out, "%v %+v %#v %v %+v %#v", s, s, s, o, o, o)
		got := out.String()
		for _, token := range kept.kept {
			if strings.Contains(got, token) {
				t.Error("the device token is in: ", got)
			}
		}
		if strings.Contains(got, secret) {
			t.Error("the shared token is in: ", got)
		}
		for _, part := range []string{"direction=sent", "direction=received", "connect.challenge", "hello-ok", "leak", "[redacted]"} {
			if !strings.Contains(got, part) {
				t.Errorf("the trace lacks %q", part)
			}
		}
	})
}

// XS6: when a gateway issues an ordinary word as a device token, that word is not removed
// from logs and from Hello.Raw; a real token is.
func TestXS6_AWordIssuedAsToken(t *testing.T) {
	for token, want := range map[string]string{"status": "status stays", "Zk3v9QxLr7Tn2WbY8cJm5HdPs6Fg1AaE": "[redacted] stays"} {
		bubble(t, func(t *testing.T) {
			gw := gatewaytest.New(gatewaytest.Config{Token: secret, Hooks: gatewaytest.Hooks{Hello: func(hello map[string]any) {
				hello["auth"].(map[string]any)["deviceToken"] = token
				hello["snapshot"].(map[string]any)["note"] = "status"
			}}})
			defer gw.Close()
			o := memory(gw)
			o.Credentials.Identity, o.Credentials.DeviceTokens, o.Redactor = newIdentity(t), &tokens{}, redact.New()
			s := dial(t, o)
			if raw := string(s.Hello().Raw); !strings.Contains(raw, `"status"`) || strings.Contains(raw, `"deviceToken":"`+token) {
				t.Errorf("the hello became %s", raw)
			}
			if got := o.Redactor.String(token + " stays"); got != want {
				t.Errorf("got %q", got)
			}
		})
	}
}
