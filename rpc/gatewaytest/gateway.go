package gatewaytest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// URL is where in-memory clients dial; only Gateway.Dial knows how.
const URL = "ws://gateway.test:18789"

// Limits of the real gateway (measured).
const (
	maxInFlight        = 256      // requests over all connections, 2026.8 and later
	maxUnauthenticated = 32       // sockets before hello
	maxBeforeHello     = 64 << 10 // bytes of a frame before hello
	defaultMaxPayload  = 26214400 // bytes of a frame after hello
	defaultHandshake   = 15 * time.Second
	handshake3         = 3 * time.Second // in protocol 3
	defaultRetryAfter  = 500 * time.Millisecond
	restartExpectedMs  = 1500 // what it announces
)

// Config is how the gateway behaves from the start. The zero value is a
// healthy, started 2026.9.6 gateway that asks for no token.
type Config struct {
	Version  string // of OpenClaw; "2026.9.6"
	Protocol int    // wire protocol, 3 or 4; 4. With 3 it behaves like 2026.3.13
	Token    string // the shared token; empty: none is asked for

	Starting bool // as after SetStarting(true)
	Pairing  bool // new devices must be approved first: Gateway.Approve

	OldProbes        bool // /startupz answers with an HTML page, as before 2026.8
	PageForReadyz    bool // /readyz answers with an HTML page, as gateways do that do not know it
	NoBootID         bool // hello-ok without server.bootId, as before 2026.8
	NoAuth           bool // hello-ok without auth
	NoDeviceTokens   bool // none is issued
	V2Only           bool // device signatures only in the older v2 format
	RefuseSignatures bool // every device signature is invalid
	JSONRPC          bool // answers and events in JSON-RPC 2.0

	Methods    []string // advertised besides the built-in ones
	StateDir   string   // snapshot.stateDir
	ConfigPath string   // snapshot.configPath
	PID        int      // system.info and status name it; 0: none

	MaxPayload int64         // policy.maxPayload; 25 MiB
	Tick       time.Duration // policy.tickIntervalMs and a tick event that often; 0: 30 s in the policy and no event
	RetryAfter time.Duration // in "still starting" answers; 500 ms
	Handshake  time.Duration // a socket that has not connected by then is closed with 1000; 15 s, with protocol 3 3 s

	ClockSkew      time.Duration // how much its clock is ahead of ours
	ChallengeDelay time.Duration // before connect.challenge
	NoChallenge    bool          // never send one
	HelloDelay     time.Duration // before the answer to connect
	CloseInstead   int           // close with this code instead of answering connect, or instead of the challenge when NoChallenge
	Header         http.Header   // sent with the answer to the WebSocket upgrade

	// OnConnect may refuse a connect with any error, and close code; nil accepts what the gateway itself accepts.
	OnConnect func(*Request) (*Error, int)
	// Hello may change the hello-ok payload before it is sent.
	Hello func(hello map[string]any)
	// Keep is how many received requests are recorded; 10,000.
	Keep int
}

// Error is an error answer.
type Error struct {
	Code         string `json:"code"`
	Message      string `json:"message"`
	Details      any    `json:"details,omitempty"`
	Retryable    bool   `json:"retryable,omitempty"`
	RetryAfterMs int64  `json:"retryAfterMs,omitempty"`
}

// Request is a request of a client.
type Request struct {
	Conn   *Conn
	ID     json.RawMessage
	Method string
	Params json.RawMessage
	At     time.Time
}

// Handler answers a method: with a payload, or with an error. NoAnswer as
// payload answers nothing. It runs on a goroutine of its own and may block.
type Handler func(*Request) (payload any, err *Error)

// NoAnswer is a payload that is never sent.
var NoAnswer = &struct{ never bool }{}

// Gateway is one fake gateway. All methods may be called from any goroutine.
type Gateway struct {
	cfg  Config
	http *http.Server

	mu         sync.Mutex
	handlers   map[string]Handler
	fast       map[string]Handler
	conns      map[*Conn]struct{} // after hello
	all        map[*Conn]struct{}
	received   []Request
	issued     map[string]string // device token by device id
	paired     map[string]bool
	token      string
	bootID     string
	booted     time.Time // last start, in-process restarts included
	started    time.Time // start of the process
	suppressed []string
	starting   bool
	draining   bool
	closed     bool
	noPongs    bool

	connects atomic.Int64 // sockets opened
	inFlight atomic.Int64
	opened   atomic.Int64 // sockets before hello
	gate     gate
	memory   *memoryListener
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// New returns a gateway that listens nowhere yet.
func New(cfg Config) *Gateway {
	setDefault(&cfg.Version, "2026.9.6")
	setDefault(&cfg.Protocol, 4)
	setDefault(&cfg.MaxPayload, defaultMaxPayload)
	setDefault(&cfg.RetryAfter, defaultRetryAfter)
	setDefault(&cfg.Keep, 10000)
	if cfg.Protocol == 3 {
		cfg.NoBootID, cfg.OldProbes = true, true
		setDefault(&cfg.Handshake, handshake3)
	}
	setDefault(&cfg.Handshake, defaultHandshake)
	ctx, cancel := context.WithCancel(context.Background())
	gw := &Gateway{
		cfg: cfg, token: cfg.Token, starting: cfg.Starting, ctx: ctx, cancel: cancel,
		handlers: map[string]Handler{}, fast: maps.Clone(builtin), conns: map[*Conn]struct{}{}, all: map[*Conn]struct{}{}, started: time.Now(),
		issued: map[string]string{}, paired: map[string]bool{},
	}
	gw.gate.open = make(chan struct{})
	close(gw.gate.open)
	gw.boot()
	gw.http = &http.Server{Handler: gw}
	return gw
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (gw *Gateway) boot() {
	gw.bootID, gw.booted = randomID(), time.Now()
}

func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Handle makes handler answer method from now on, and advertises it.
func (gw *Gateway) Handle(method string, handler Handler) {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	gw.handlers[method] = handler
}

// HandleFast makes handler answer method on the connection's reading goroutine:
// it must not block. Benchmarks use it.
func (gw *Gateway) HandleFast(method string, handler Handler) {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	gw.fast[method] = handler
}

// Emit sends an event to all connected clients.
func (gw *Gateway) Emit(event string, payload any) {
	for _, c := range gw.Conns() {
		c.Emit(event, payload)
	}
}

// Shutdown announces the end to all clients and closes them with 1012
// "service restart", as a stop (restartExpectedMs 0) and a restart both do.
// The gateway goes on accepting connections.
func (gw *Gateway) Shutdown(restartExpectedMs int) {
	notice := map[string]any{"reason": "gateway stopping"}
	switch {
	case restartExpectedMs > 0:
		notice = map[string]any{"reason": "gateway restarting", "restartExpectedMs": restartExpectedMs}
	case gw.cfg.OldProbes:
		notice["restartExpectedMs"] = nil
	}
	gw.Emit("shutdown", notice)
	gw.CloseAll(websocket.CloseServiceRestart, "service restart")
}

// Restart is an in-process restart: announced, all sockets closed, a new
// bootId. The process, and so its uptime in the snapshot, stays.
func (gw *Gateway) Restart() {
	gw.set(gw.boot)
	gw.Shutdown(restartExpectedMs)
}

// CloseAll closes all sockets with a close code; 1006 breaks them without a close frame.
func (gw *Gateway) CloseAll(code int, reason string) {
	for _, c := range gw.Conns() {
		c.Close(code, reason)
	}
}

// SetStarting makes the gateway answer connects with "still starting", or stop doing so.
func (gw *Gateway) SetStarting(starting bool) { gw.set(func() { gw.starting = starting }) }

// SetDraining makes the gateway refuse requests and new sockets as it does
// while it finishes its work, or stop doing so.
func (gw *Gateway) SetDraining(draining bool) { gw.set(func() { gw.draining = draining }) }

// SetToken changes the shared token and closes all sockets with 4001, as a
// rotated gateway.auth.token does.
func (gw *Gateway) SetToken(token string) {
	gw.set(func() { gw.token = token })
	gw.CloseAll(4001, "gateway auth changed")
}

// ForgetDevices revokes all device tokens and pairings.
func (gw *Gateway) ForgetDevices() { gw.set(func() { clear(gw.issued); clear(gw.paired) }) }

// Approve approves a device; it need not have asked yet.
func (gw *Gateway) Approve(deviceID string) { gw.set(func() { gw.paired[deviceID] = true }) }

func (gw *Gateway) set(change func()) {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	change()
}

// Suppress makes /readyz name channels that the crash-loop breaker keeps off.
func (gw *Gateway) Suppress(channels ...string) { gw.set(func() { gw.suppressed = channels }) }

// Silence makes the gateway like a stopped process (SIGSTOP): connections are
// accepted and stay open, but nothing is read or answered until Silence(false).
func (gw *Gateway) Silence(silent bool) { gw.gate.shut(silent) }

// IgnorePings makes the gateway leave pings unanswered.
func (gw *Gateway) IgnorePings(ignore bool) { gw.set(func() { gw.noPongs = ignore }) }

// Received returns the requests received so far, connect included.
func (gw *Gateway) Received() []Request {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	return slices.Clone(gw.received)
}

// Connects is how many sockets were opened so far.
func (gw *Gateway) Connects() int { return int(gw.connects.Load()) }

// Conns returns the sockets that said hello and are still open.
func (gw *Gateway) Conns() []*Conn {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	return slices.Collect(maps.Keys(gw.conns))
}

// BootID is the server.bootId of this start.
func (gw *Gateway) BootID() string {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	return gw.bootID
}

// TB is the part of testing.TB that Listen needs.
type TB interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
}

// Listen serves on a free loopback port until the test ends and returns the WebSocket URL.
func (gw *Gateway) Listen(t TB) string {
	t.Helper()
	l, err := gw.ListenOn("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gw.Close)
	return "ws://" + l.Addr().String()
}

// ListenOn serves on addr in the background until Close.
func (gw *Gateway) ListenOn(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	gw.running.Go(func() { _ = gw.Serve(l) })
	return l, nil
}

// Serve serves on l until Close or until l fails.
func (gw *Gateway) Serve(l net.Listener) error {
	err := gw.http.Serve(&gatedListener{l, &gw.gate, gw.ctx})
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Dial opens an in-memory connection; use it as rpc.Options.DialContext.
// network and addr do not matter.
func (gw *Gateway) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	gw.mu.Lock()
	if gw.closed {
		gw.mu.Unlock()
		return nil, &net.OpError{Op: "dial", Net: "memory", Err: errors.New("connection refused")}
	}
	if gw.memory == nil {
		gw.memory = newMemoryListener()
		gw.running.Go(func() { _ = gw.Serve(gw.memory) })
	}
	l := gw.memory
	gw.mu.Unlock()
	return l.dial(ctx)
}

// Close drops all sockets, stops listening and waits for everything to end.
func (gw *Gateway) Close() {
	gw.set(func() { gw.closed = true })
	gw.cancel()
	_ = gw.http.Close()
	gw.mu.Lock()
	all := slices.Collect(maps.Keys(gw.all))
	gw.mu.Unlock()
	for _, c := range all {
		c.Close(websocket.CloseAbnormalClosure, "")
	}
	gw.running.Wait()
}
