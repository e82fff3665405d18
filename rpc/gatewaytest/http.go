package gatewaytest

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// ServeHTTP answers like a gateway's port: WebSocket upgrades on any path,
// probes, and the Control UI's page for everything else.
func (gw *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if websocket.IsWebSocketUpgrade(r) {
		gw.upgrade(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	switch r.URL.Path {
	case "/healthz", "/health":
		writeJSON(w, http.StatusOK, map[string]any{"ok": true, "status": "live"})
	case "/startupz", "/startup":
		gw.startupz(w)
	case "/readyz", "/ready":
		gw.readyz(w)
	default:
		writePage(w)
	}
}

func (gw *Gateway) startupz(w http.ResponseWriter) {
	if gw.cfg.OldProbes {
		writePage(w)
		return
	}
	gw.mu.Lock()
	starting, draining, booted := gw.starting, gw.draining, gw.booted
	gw.mu.Unlock()
	body := map[string]any{"ok": true, "status": "started", "version": gw.cfg.Version, "uptimeMs": time.Since(booted).Milliseconds()}
	code := http.StatusOK
	switch {
	case draining:
		code, body["ok"], body["status"] = http.StatusServiceUnavailable, false, "draining"
	case starting:
		code, body["ok"], body["status"], body["pendingReason"] = http.StatusServiceUnavailable, false, "starting", "startup-sidecars"
	}
	writeJSON(w, code, body)
}

func (gw *Gateway) readyz(w http.ResponseWriter) {
	if gw.cfg.PageForReadyz {
		writePage(w)
		return
	}
	gw.mu.Lock()
	starting, draining, booted := gw.starting, gw.draining, gw.booted
	suppressed := gw.suppressed
	gw.mu.Unlock()
	failing := []string{}
	if starting {
		failing = append(failing, "startup-sidecars")
	}
	if draining {
		failing = append(failing, "gateway-draining")
	}
	code := http.StatusOK
	if len(failing) > 0 {
		code = http.StatusServiceUnavailable
	}
	body := map[string]any{"ready": len(failing) == 0, "failing": failing, "uptimeMs": time.Since(booted).Milliseconds()}
	if len(suppressed) > 0 {
		body["suppressed"] = suppressed
	}
	writeJSON(w, code, body)
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the client has gone
}

func writePage(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte("<!doctype html><title>OpenClaw Control</title>"))
}

// upgrade opens a WebSocket, or refuses it as the real gateway does.
func (gw *Gateway) upgrade(w http.ResponseWriter, r *http.Request) {
	gw.mu.Lock()
	draining := gw.draining
	gw.mu.Unlock()
	switch {
	case draining:
		http.Error(w, "Gateway websocket admission closed", http.StatusServiceUnavailable)
		return
	case r.Header.Get("X-Forwarded-For") != "" && !gw.cfg.OldProbes:
		http.Error(w, "Forbidden", http.StatusForbidden)
		return
	case gw.opened.Add(1) > maxUnauthenticated:
		gw.opened.Add(-1)
		http.Error(w, "Too many unauthenticated sockets", http.StatusServiceUnavailable)
		return
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := upgrader.Upgrade(w, r, gw.cfg.Header)
	if err != nil {
		gw.opened.Add(-1)
		return
	}
	gw.connects.Add(1)
	gw.serve(newConn(gw, ws, r))
}
