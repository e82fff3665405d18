package gatewaytest

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// ServeHTTP answers as a gateway does: it upgrades to a WebSocket on any path, answers the
// probes, and sends the page of the Control UI for every other path.
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
	if gw.cfg.Quirks.OldProbes {
		writePage(w)
		return
	}
	now := gw.snapshot()
	body := map[string]any{"ok": true, "status": "started", "version": gw.cfg.Version, "uptimeMs": time.Since(now.booted).Milliseconds()}
	code := http.StatusOK
	switch {
	case now.draining:
		code, body["ok"], body["status"] = http.StatusServiceUnavailable, false, "draining"
	case now.starting:
		code, body["ok"], body["status"], body["pendingReason"] = http.StatusServiceUnavailable, false, "starting", "startup-sidecars"
	}
	writeJSON(w, code, body)
}

func (gw *Gateway) readyz(w http.ResponseWriter) {
	if gw.cfg.Quirks.PageForReadyz {
		writePage(w)
		return
	}
	now := gw.snapshot()
	failing := []string{}
	if now.starting {
		failing = append(failing, "startup-sidecars")
	}
	if now.draining {
		failing = append(failing, "gateway-draining")
	}
	code := http.StatusOK
	if len(failing) > 0 {
		code = http.StatusServiceUnavailable
	}
	body := map[string]any{"ready": len(failing) == 0, "failing": failing, "uptimeMs": time.Since(now.booted).Milliseconds()}
	if len(now.suppressed) > 0 {
		body["suppressed"] = now.suppressed
	}
	writeJSON(w, code, body)
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // fails when the client has gone
}

func writePage(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte("<!doctype html><title>OpenClaw Control</title>"))
}

// upgrade opens a WebSocket, or refuses it as the real gateway does.
func (gw *Gateway) upgrade(w http.ResponseWriter, r *http.Request) {
	switch {
	case gw.snapshot().draining:
		http.Error(w, "Gateway websocket admission closed", http.StatusServiceUnavailable)
		return
	case r.Header.Get("X-Forwarded-For") != "" && !gw.cfg.Quirks.OldProbes:
		http.Error(w, "Forbidden", http.StatusForbidden)
		return
	case gw.sockets.opened.Add(1) > maxUnauthenticated:
		gw.sockets.opened.Add(-1)
		http.Error(w, "Too many unauthenticated sockets", http.StatusServiceUnavailable)
		return
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := upgrader.Upgrade(w, r, gw.cfg.Hooks.Header)
	if err != nil {
		gw.sockets.opened.Add(-1)
		return
	}
	gw.sockets.total.Add(1)
	gw.serve(newConn(gw, ws, r))
}
