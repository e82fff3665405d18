package rpc

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxProbeBody bounds what is read of a probe's answer, in bytes. Real answers have
// less than 1 KiB.
const maxProbeBody = 64 << 10

// Health is the answer to /healthz (measured on OpenClaw 2026.3 to 2026.9).
type Health struct {
	Gateway bool // the answer is that of a gateway: JSON with "ok" and "status":"live"
	Live    bool // it is a gateway and "ok" is true; a gateway that drains is live, too
	HTTP    int  // HTTP status code
}

// Startup is the answer to /startupz. Gateways before OpenClaw 2026.8 answer with
// an HTML page (measured), and then Known is false.
type Startup struct {
	Known   bool          // the answer is that of a gateway
	Status  string        // "starting", "started" or "draining"
	Pending string        // what the start waits for, such as "startup-sidecars"
	Version string        // version of OpenClaw, such as "2026.9.6"
	Uptime  time.Duration // since the last start; a restart within the process counts as one
	HTTP    int           // HTTP status code
}

// startupStatuses are the statuses that gateways send (measured). An answer with
// any other comes from another program.
var startupStatuses = []string{"starting", "started", "draining"}

// Readiness is the answer to /readyz (measured on OpenClaw 2026.3 to 2026.9).
type Readiness struct {
	Known      bool          // the answer is that of a gateway
	Ready      bool          // the gateway takes work
	Failing    []string      // why it does not: "startup-sidecars", "gateway-draining" and others
	Suppressed []string      // channels that the gateway keeps off after crashes in a row
	Uptime     time.Duration // since the last start; a restart within the process counts as one
	HTTP       int           // HTTP status code
}

// Healthz asks the server at g.URL, with an HTTP GET of /healthz, whether it is a
// gateway. It sends no secret, so Trusted and Verify do not matter, and it ignores
// the path of g.URL. Every HTTP answer is a result, also that of another program.
// The error is an [*Error]: KindTransport when no HTTP answer comes before ctx
// ends, KindInvalidParams when g.URL is no address of a gateway.
func (g Gateway) Healthz(ctx context.Context) (Health, error) {
	var body struct {
		OK     *bool  `json:"ok"`
		Status string `json:"status"`
	}
	code, isJSON, err := g.get(ctx, "/healthz", &body)
	known := isJSON && body.OK != nil && body.Status == "live" // many servers answer {"ok":true}
	return Health{Gateway: known, Live: known && *body.OK, HTTP: code}, err
}

// Startupz asks with a GET of /startupz how far the gateway's start has come. What
// [Gateway.Healthz] says about secrets and errors holds here, too.
func (g Gateway) Startupz(ctx context.Context) (Startup, error) {
	var body struct {
		Status        string  `json:"status"`
		PendingReason string  `json:"pendingReason"`
		Version       string  `json:"version"`
		UptimeMs      float64 `json:"uptimeMs"`
	}
	code, isJSON, err := g.get(ctx, "/startupz", &body)
	return Startup{Known: isJSON && slices.Contains(startupStatuses, body.Status), Status: body.Status, Pending: body.PendingReason,
		Version: body.Version, Uptime: milliseconds(body.UptimeMs), HTTP: code}, err
}

// Readyz asks with a GET of /readyz whether the gateway is ready for work. What
// [Gateway.Healthz] says about secrets and errors holds here, too.
func (g Gateway) Readyz(ctx context.Context) (Readiness, error) {
	var body struct {
		Ready      *bool    `json:"ready"`
		Failing    []string `json:"failing"`
		Suppressed []string `json:"suppressed"`
		UptimeMs   float64  `json:"uptimeMs"`
	}
	code, isJSON, err := g.get(ctx, "/readyz", &body)
	known := isJSON && body.Ready != nil
	return Readiness{Known: known, Ready: known && *body.Ready, Failing: body.Failing, Suppressed: body.Suppressed,
		Uptime: milliseconds(body.UptimeMs), HTTP: code}, err
}

// maxUptime bounds the uptime that an answer may claim, so that it fits a Duration.
const maxUptime = 100 * 365 * 24 * time.Hour

func milliseconds(ms float64) time.Duration {
	return time.Duration(min(max(ms, 0), float64(maxUptime.Milliseconds())) * float64(time.Millisecond))
}

// get makes one GET and decodes a JSON answer into body. isJSON reports whether the
// answer was JSON of that shape.
func (g Gateway) get(ctx context.Context, path string, body any) (code int, isJSON bool, err error) {
	u, wrong := g.parse()
	if wrong != "" {
		return 0, false, &Error{Op: path, Kind: KindInvalidParams, Message: wrong}
	}
	u = &url.URL{Scheme: strings.Replace(u.Scheme, "ws", "http", 1), Host: u.Host, Path: path}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, false, &Error{Op: path, Kind: KindInvalidParams, Err: err}
	}
	transport := &http.Transport{DialContext: g.dial, TLSClientConfig: g.TLSConfig, DisableKeepAlives: true, MaxResponseHeaderBytes: maxProbeBody}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
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
