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

const base = "http://gateway.test:18789"

func TestB9_Probes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret, Starting: true})
		defer gw.Close()
		check := func(status string, ready bool, failing string) {
			t.Helper()
			if h, err := rpc.Healthz(t.Context(), base, gw.Dial); err != nil || !h.Gateway || !h.Live || h.HTTP != 200 {
				t.Errorf("%+v %v", h, err)
			}
			if s, err := rpc.Startupz(t.Context(), base+"/", gw.Dial); err != nil || !s.Known || s.Status != status || s.Version != "2026.9.6" {
				t.Errorf("%+v %v", s, err)
			}
			if r, err := rpc.Readyz(t.Context(), base, gw.Dial); err != nil || !r.Known || r.Ready != ready || strings.Join(r.Failing, " ") != failing {
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
		if r, err := rpc.Readyz(t.Context(), base, gw.Dial); err != nil || strings.Join(r.Suppressed, "") != "telegram" {
			t.Errorf("B10: %+v %v", r, err)
		}
		pass(time.Hour)
		if s, _ := rpc.Startupz(t.Context(), base, gw.Dial); s.Uptime != time.Hour {
			t.Error(s.Uptime)
		}
	})
}

func TestB9_OldGatewaysAnswerStartupzWithAPage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{OldProbes: true})
		defer gw.Close()
		if s, err := rpc.Startupz(t.Context(), base, gw.Dial); err != nil || s.Known || s.HTTP != 200 {
			t.Errorf("%+v %v", s, err)
		}
		if r, err := rpc.Readyz(t.Context(), base, gw.Dial); err != nil || !r.Known || !r.Ready {
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
		_, err := rpc.Healthz(ctx, base, gw.Dial)
		wantKind(t, err, rpc.KindTransport)
	})
}

func TestM1_ProbeOfSomethingElse(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"page": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"json": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`[1,2]`))
		},
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
			h, err := rpc.Healthz(t.Context(), server.URL, nil)
			if err != nil || h.Gateway || h.Live || h.HTTP == 0 {
				t.Errorf("%+v %v", h, err)
			}
			if s, err := rpc.Startupz(t.Context(), server.URL, nil); err != nil || s.Known {
				t.Errorf("%+v %v", s, err)
			}
			if r, err := rpc.Readyz(t.Context(), server.URL, nil); err != nil || r.Known {
				t.Errorf("%+v %v", r, err)
			}
		})
	}
	_, err := rpc.Healthz(t.Context(), "http://\x00", nil)
	wantKind(t, err, rpc.KindInvalidParams)
}
