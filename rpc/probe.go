package rpc

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
)

// maxProbeBody bounds what is read of a probe's answer, in bytes; real ones are below 1 KiB.
const maxProbeBody = 64 << 10

// DialFunc opens a connection, as Options.DialContext does.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// Health is what /healthz says.
type Health struct {
	Gateway bool // it answers as a gateway does
	Live    bool // "ok": true; also while the gateway drains
	HTTP    int  // status code
}

// Startup is what /startupz says. Gateways before 2026.8 answer with an HTML
// page instead (measured): Known is false then.
type Startup struct {
	Known   bool
	Status  string // "starting", "started", "draining"
	Pending string // what it waits for, such as "startup-sidecars"
	Version string
	Uptime  time.Duration // since the last start, in-process restarts included
	HTTP    int
}

// Readiness is what /readyz says.
type Readiness struct {
	Known      bool
	Ready      bool
	Failing    []string // why not: "startup-sidecars", "gateway-draining" ...
	Suppressed []string // channels the gateway's crash-loop breaker keeps off (B10)
	Uptime     time.Duration
	HTTP       int
}

// Healthz asks base ("http://127.0.0.1:18789") whether a gateway answers
// there. No secret is sent and no proxy is used; dial may be nil. The error is
// an [*Error] of KindTransport when nobody answers HTTP; any HTTP answer is a result.
func Healthz(ctx context.Context, base string, dial DialFunc) (Health, error) {
	var body struct {
		OK     *bool  `json:"ok"`
		Status string `json:"status"`
	}
	code, isJSON, err := probe(ctx, base, "/healthz", dial, &body)
	known := isJSON && body.OK != nil
	return Health{Gateway: known, Live: known && *body.OK, HTTP: code}, err
}

// Startupz asks base how far the gateway's start has come.
func Startupz(ctx context.Context, base string, dial DialFunc) (Startup, error) {
	var body struct {
		Status        string  `json:"status"`
		PendingReason string  `json:"pendingReason"`
		Version       string  `json:"version"`
		UptimeMs      float64 `json:"uptimeMs"`
	}
	code, isJSON, err := probe(ctx, base, "/startupz", dial, &body)
	return Startup{Known: isJSON && body.Status != "", Status: body.Status, Pending: body.PendingReason,
		Version: body.Version, Uptime: milliseconds(body.UptimeMs), HTTP: code}, err
}

// Readyz asks base whether the gateway is ready for work.
func Readyz(ctx context.Context, base string, dial DialFunc) (Readiness, error) {
	var body struct {
		Ready      *bool    `json:"ready"`
		Failing    []string `json:"failing"`
		Suppressed []string `json:"suppressed"`
		UptimeMs   float64  `json:"uptimeMs"`
	}
	code, isJSON, err := probe(ctx, base, "/readyz", dial, &body)
	known := isJSON && body.Ready != nil
	return Readiness{Known: known, Ready: known && *body.Ready, Failing: body.Failing, Suppressed: body.Suppressed,
		Uptime: milliseconds(body.UptimeMs), HTTP: code}, err
}

// maxUptime keeps nonsense out of durations.
const maxUptime = 100 * 365 * 24 * time.Hour

func milliseconds(ms float64) time.Duration {
	return time.Duration(min(max(ms, 0), float64(maxUptime.Milliseconds())) * float64(time.Millisecond))
}

// probe makes one GET and decodes a JSON answer into body.
func probe(ctx context.Context, base, path string, dial DialFunc, body any) (code int, isJSON bool, err error) {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true, MaxResponseHeaderBytes: maxProbeBody}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+path, nil)
	if err != nil {
		return 0, false, &Error{Op: path, Kind: KindInvalidParams, Err: err}
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, false, &Error{Op: path, Kind: KindTransport, Err: err}
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxProbeBody))
	if err != nil {
		return response.StatusCode, false, &Error{Op: path, Kind: KindTransport, Err: err}
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return response.StatusCode, kind == "application/json" && json.Unmarshal(raw, body) == nil, nil
}
