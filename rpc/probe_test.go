package rpc_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
)

// gatewayAt is a server that need not be a gateway.
func gatewayAt(s *httptest.Server) rpc.Gateway {
	return rpc.Gateway{URL: "ws" + strings.TrimPrefix(s.URL, "http")}
}

func TestB9_Probes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret, Starting: true})
		defer gw.Close()
		slashed := memory(gw).Gateway
		slashed.URL += "/"
		check := func(status string, ready bool, failing string) {
			t.Helper()
			if h, err := memory(gw).Gateway.Healthz(t.Context()); err != nil || !h.Gateway || !h.Live || h.HTTP != 200 {
				t.Errorf("%+v %v", h, err)
			}
			if s, err := slashed.Startupz(t.Context()); err != nil || !s.Known || s.Status != status || s.Version != "2026.9.6" {
				t.Errorf("%+v %v", s, err)
			}
			if r, err := memory(gw).Gateway.Readyz(t.Context()); err != nil || !r.Known || r.Ready != ready || strings.Join(r.Failing, " ") != failing {
				t.Errorf("%+v %v", r, err)
			}
		}
		check("starting", false, "startup-sidecars")
		gw.SetStarting(false)
		check("started", true, "")
		gw.SetDraining(true)
		check("draining", false, "gateway-draining")
		gw.SetDraining(false)
		gw.Suppress("telegram")
		if r, err := memory(gw).Gateway.Readyz(t.Context()); err != nil || strings.Join(r.Suppressed, "") != "telegram" {
			t.Errorf("B10: %+v %v", r, err)
		}
		pass(time.Hour)
		if s, _ := memory(gw).Gateway.Startupz(t.Context()); s.Uptime != time.Hour {
			t.Error(s.Uptime)
		}
	})
}

func TestB9_OldGatewaysAnswerStartupzWithAPage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Quirks: gatewaytest.Quirks{OldProbes: true}})
		defer gw.Close()
		if s, err := memory(gw).Gateway.Startupz(t.Context()); err != nil || s.Known || s.HTTP != 200 {
			t.Errorf("%+v %v", s, err)
		}
		if r, err := memory(gw).Gateway.Readyz(t.Context()); err != nil || !r.Known || !r.Ready {
			t.Errorf("%+v %v", r, err)
		}
	})
}

func TestF2_ProbeOfAStoppedProcessEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{})
		defer gw.Close()
		gw.Silence(true)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := memory(gw).Gateway.Healthz(ctx)
		wantKind(t, err, rpc.KindTransport)
	})
}

// answer answers every request with this JSON.
func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}
}

// TestXR10_GatewayThatIsNotOK: a gateway that says "ok":false is a gateway all the same.
func TestXR10_GatewayThatIsNotOK(t *testing.T) {
	server := httptest.NewServer(answer(`{"ok":false,"status":"live"}`))
	defer server.Close()
	if h, err := gatewayAt(server).Healthz(t.Context()); err != nil || !h.Gateway || h.Live {
		t.Errorf("%+v %v", h, err)
	}
}

// TestXR11_RefusedUpgradeIsReadInPart: only a part of the body is read, which may have any
// size.
func TestXR11_RefusedUpgradeIsReadInPart(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(strings.Repeat("x", 1<<20)))
	}))
	defer server.Close()
	_, err := rpc.Dial(t.Context(), rpc.Options{Gateway: rpc.Gateway{URL: "ws" + strings.TrimPrefix(server.URL, "http")}})
	if e := wantKind(t, err, rpc.KindStarting); len(e.Message) != 512 {
		t.Errorf("%d bytes are kept", len(e.Message))
	}
}

// TestXR10_XR11_ProbeOfSomethingElse: answers of other programs on the port.
func TestXR10_XR11_ProbeOfSomethingElse(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"page": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"json": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`[1,2]`))
		},
		"only ok":     answer(`{"ok":true}`), // XR10: many servers say that
		"ok and up":   answer(`{"ok":true,"status":"up"}`),
		"ok and LIVE": answer(`{"ok":true,"status":"LIVE"}`),
		"only live":   answer(`{"status":"live"}`),
		"ok is text":  answer(`{"ok":"true","status":"live"}`),
		"too long":    answer(`{"ok":true,"status":"live","ready":true,"pad":"` + strings.Repeat("x", 64<<10) + `"}`), // XR11
		"other json": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"hello":"world"}`))
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			var err error
			for err == nil && r.Context().Err() == nil {
				_, err = w.Write(make([]byte, 1<<16))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			h, err := gatewayAt(server).Healthz(t.Context())
			if err != nil || h.Gateway || h.Live || h.HTTP == 0 {
				t.Errorf("%+v %v", h, err)
			}
			if s, err := gatewayAt(server).Startupz(t.Context()); err != nil || s.Known {
				t.Errorf("%+v %v", s, err)
			}
			if r, err := gatewayAt(server).Readyz(t.Context()); err != nil || r.Known {
				t.Errorf("%+v %v", r, err)
			}
		})
	}
	for _, base := range []string{"ws://\x00", "http://127.0.0.1:18789", "", "127.0.0.1:18789", "/"} {
		_, err := rpc.Gateway{URL: base}.Healthz(t.Context())
		wantKind(t, err, rpc.KindInvalidParams)
	}
}
