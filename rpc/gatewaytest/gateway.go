package gatewaytest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
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

// URL is the address for clients that dial with Gateway.Dial, in memory. Nobody else
// listens there.
const URL = "ws://gateway.test:18789"

// Limits of the real gateway, measured on OpenClaw 2026.3.13 to 2026.9.6.
const (
	maxInFlight        = 256      // requests over all connections, 2026.8 and later
	maxUnauthenticated = 32       // sockets before hello
	maxBeforeHello     = 64 << 10 // bytes of a frame before hello
	defaultMaxPayload  = 26214400 // bytes of a frame after hello
	defaultHandshake   = 15 * time.Second
	handshake3         = 3 * time.Second  // in protocol 3
	pingEvery          = 25 * time.Second // WebSocket pings to each client, 2026.6 and later
	defaultRetryAfter  = 500 * time.Millisecond
	restartExpectedMs  = 1500 // what it announces
)

// defaultKeep is how many requests Received returns, unless Keep says otherwise.
const defaultKeep = 10000

// Config is how the gateway behaves from the start. The zero value is a healthy
// gateway of OpenClaw 2026.9.6 that has started and asks for no token.
type Config struct {
	Version     string           // of OpenClaw; default "2026.9.6"
	Protocol    int              // wire protocol, 3 or 4; default 4. With 3 the gateway behaves like 2026.3.13
	Token       string           // shared token that clients must send; empty asks for none
	Password    string           // asked for instead of a token
	Certificate *tls.Certificate // for TLS, see NewCertificate; nil serves without TLS

	Starting bool // the gateway is still starting, until SetStarting(false)
	Pairing  bool // a new device has to be approved with Gateway.Approve

	Place  Place  // what the gateway tells of its process and its files
	Policy Policy // what hello-ok asks of clients
	Timing Timing
	Quirks Quirks
	Hooks  Hooks
}

// Place is what the gateway tells of its process and its files. Empty by default.
type Place struct {
	StateDir   string // snapshot.stateDir of hello-ok
	ConfigPath string // snapshot.configPath of hello-ok
	PID        int    // in the answers to system.info and status
}

// Policy is the policy of hello-ok.
type Policy struct {
	MaxPayload int64         // policy.maxPayload, in bytes; default 25 MiB
	Tick       time.Duration // policy.tickIntervalMs, and the interval of tick events; 0 promises 30 s and sends none
}

// Timing is how long the gateway takes, or lets clients take.
type Timing struct {
	RetryAfter     time.Duration // in the answers of a gateway that is starting; default 500 ms
	Handshake      time.Duration // a socket that has not connected by then is closed with 1000; default 15 s, with protocol 3 3 s
	ClockSkew      time.Duration // how far the gateway's clock is ahead
	ChallengeDelay time.Duration // before connect.challenge
	HelloDelay     time.Duration // before the answer to connect
}

// Quirks are ways in which gateways differ from the newest version, or misbehave.
type Quirks struct {
	Quiet            bool // no presence and health events after hello-ok, and no pings
	OldProbes        bool // /startupz answers with an HTML page, as before 2026.8
	PageForReadyz    bool // /readyz answers with an HTML page, as gateways do that do not know it
	NoBootID         bool // hello-ok without server.bootId, as before 2026.8
	V2Only           bool // device signatures are accepted in the older format v2 only
	RefuseSignatures bool // every device signature is refused
	JSONRPC          bool // answers and events have the form of JSON-RPC 2.0
	NoChallenge      bool // connect.challenge is never sent

	// CloseInstead is a close code that is sent instead of the answer to connect, or,
	// with NoChallenge, instead of the challenge. 0 sends the answer.
	CloseInstead int
}

// Hooks let a test change what the gateway sends.
type Hooks struct {
	// OnConnect may refuse a connect with an error and a close code. nil, or a nil
	// error, accepts what the gateway itself accepts.
	OnConnect func(*Request) (*Error, int)

	Hello  func(hello map[string]any) // may change the payload of hello-ok before it is sent
	Header http.Header                // is sent with the answer to the WebSocket upgrade
}

// Error is the error of an answer, in the shape that the gateway sends.
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
	At     time.Time // when it was received
}

// Handler answers a request: with a payload that is marshalled as JSON, or with an
// error. With NoAnswer as the payload it sends nothing. It runs on a goroutine of its
// own and may block.
type Handler func(*Request) (payload any, err *Error)

// NoAnswer as the payload of a Handler means that no answer is sent; Request.Answer can
// send one later.
var NoAnswer = &struct{ never bool }{}

// Gateway is one fake gateway. All methods may be called from any goroutine.
type Gateway struct {
	cfg  Config
	http *http.Server
	gate gate // shut while the gateway is silent
	life lifetime

	mu       sync.Mutex // guards the next six
	methods  methods
	sockets  sockets
	devices  devices
	received requests
	state    state
	memory   *memoryListener // for Dial; nil until the first Dial

	inFlight atomic.Int64 // requests that are being handled
}

// lifetime ends the gateway and waits for what it has started.
type lifetime struct {
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// methods are what answers requests, by method.
type methods struct {
	handlers map[string]Handler // each call has a goroutine of its own
	fast     map[string]Handler // run on the goroutine that reads
}

// sockets are the connections of clients.
type sockets struct {
	all       map[*Conn]struct{}
	connected map[*Conn]struct{} // after hello-ok
	opened    atomic.Int64       // how many are before hello-ok now
	total     atomic.Int64       // how many were opened so far
}

// devices are what the gateway knows of devices, by their ids.
type devices struct {
	tokens map[string]string // that were issued
	paired map[string]bool
	asked  map[string]pairingRequest // by device
}

// requests are what has been received, at most as many as keep says.
type requests struct {
	list []Request
	keep int
}

// state is what tests switch while the gateway runs.
type state struct {
	token      string
	bootID     string
	started    time.Time // start of the process
	booted     time.Time // last start; a restart within the process counts as one
	suppressed []string  // channels that are kept off after crashes
	starting   bool
	draining   bool
	closed     bool
	noPongs    bool
	breakAt    string // method whose next request breaks its connection
}

// New returns a gateway that does not listen yet. Use its Dial, Listen, ListenOn or
// Serve, and Close at the end.
func New(cfg Config) *Gateway {
	setDefault(&cfg.Version, "2026.9.6")
	setDefault(&cfg.Protocol, 4)
	setDefault(&cfg.Policy.MaxPayload, defaultMaxPayload)
	setDefault(&cfg.Timing.RetryAfter, defaultRetryAfter)
	if cfg.Protocol == 3 {
		cfg.Quirks.NoBootID, cfg.Quirks.OldProbes = true, true
		setDefault(&cfg.Timing.Handshake, handshake3)
	}
	setDefault(&cfg.Timing.Handshake, defaultHandshake)
	ctx, cancel := context.WithCancel(context.Background())
	gw := &Gateway{
		cfg: cfg, life: lifetime{ctx: ctx, cancel: cancel},
		methods:  methods{handlers: map[string]Handler{}, fast: maps.Clone(builtin)},
		sockets:  sockets{all: map[*Conn]struct{}{}, connected: map[*Conn]struct{}{}},
		devices:  devices{tokens: map[string]string{}, paired: map[string]bool{}, asked: map[string]pairingRequest{}},
		received: requests{keep: defaultKeep},
		state:    state{token: cfg.Token, starting: cfg.Starting, started: time.Now()},
	}
	gw.gate.open = make(chan struct{})
	close(gw.gate.open)
	gw.boot()
	gw.http = &http.Server{Handler: gw} // #nosec G112 -- a fake for tests, some of which are slow on purpose
	return gw
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (gw *Gateway) boot() {
	gw.state.bootID, gw.state.booted = randomID(), time.Now()
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
	gw.methods.handlers[method] = handler
}

// HandleFast is Handle without a goroutine for each request, for benchmarks. handler
// must not block, because its connection reads nothing meanwhile.
func (gw *Gateway) HandleFast(method string, handler Handler) {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	gw.methods.fast[method] = handler
}

// Emit sends an event to all connected clients.
func (gw *Gateway) Emit(event string, payload any) {
	for _, c := range gw.Conns() {
		c.Emit(event, payload)
	}
}

// Shutdown sends a shutdown event to all clients and closes their sockets with 1012
// "service restart", as a real gateway does for a stop (restartExpectedMs 0) and for
// a restart (in how many milliseconds it expects to be back). The fake one goes on
// accepting connections.
func (gw *Gateway) Shutdown(restartExpectedMs int) {
	notice := map[string]any{"reason": "gateway stopping"}
	switch {
	case restartExpectedMs > 0:
		notice = map[string]any{"reason": "gateway restarting", "restartExpectedMs": restartExpectedMs}
	case gw.cfg.Quirks.OldProbes:
		notice["restartExpectedMs"] = nil
	}
	gw.Emit("shutdown", notice)
	gw.CloseAll(websocket.CloseServiceRestart, "service restart")
}

// Restart is a restart within the process: it sends a shutdown event, closes all
// sockets and begins with a new bootId. The process stays, and with it the uptime in
// the snapshot of hello-ok.
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

// BreakAt makes the next request of a method break its connection instead of being
// answered. The gateway goes on accepting connections.
func (gw *Gateway) BreakAt(method string) { gw.set(func() { gw.state.breakAt = method }) }

// breaksAt reports whether this request has to break its connection.
func (gw *Gateway) breaksAt(method string) (breaks bool) {
	gw.set(func() {
		if breaks = gw.state.breakAt == method; breaks {
			gw.state.breakAt = ""
		}
	})
	return breaks
}

// SetStarting makes the gateway answer connects with "still starting", or stop doing so.
func (gw *Gateway) SetStarting(starting bool) { gw.set(func() { gw.state.starting = starting }) }

// SetDraining makes the gateway refuse requests and new sockets, as a real one does
// while it finishes its work before a stop, or accept them again.
func (gw *Gateway) SetDraining(draining bool) { gw.set(func() { gw.state.draining = draining }) }

// SetToken changes the shared token and closes all sockets with 4001, as a
// rotated gateway.auth.token does.
func (gw *Gateway) SetToken(token string) {
	gw.set(func() { gw.state.token = token })
	gw.CloseAll(4001, "gateway auth changed")
}

// ForgetDevices revokes all device tokens and pairings.
func (gw *Gateway) ForgetDevices() {
	gw.set(func() { clear(gw.devices.tokens); clear(gw.devices.paired) })
}

// Approve approves a device; it need not have asked yet.
func (gw *Gateway) Approve(deviceID string) { gw.set(func() { gw.devices.paired[deviceID] = true }) }

// snapshot is a copy of what tests switch.
func (gw *Gateway) snapshot() state {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	return gw.state
}

// set changes what mu guards.
func (gw *Gateway) set(change func()) {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	change()
}

// Suppress makes /readyz name channels that the gateway keeps off after crashes.
func (gw *Gateway) Suppress(channels ...string) { gw.set(func() { gw.state.suppressed = channels }) }

// Silence makes the gateway behave like a process that is stopped (SIGSTOP) while
// silent is true: connections are accepted and stay open, but nothing is read or
// written until it is called with false.
func (gw *Gateway) Silence(silent bool) { gw.gate.shut(silent) }

// IgnorePings makes the gateway leave pings unanswered.
func (gw *Gateway) IgnorePings(ignore bool) { gw.set(func() { gw.state.noPongs = ignore }) }

// Keep bounds how many requests are kept for Received; the default is 10,000. Further
// ones are answered, but not kept.
func (gw *Gateway) Keep(n int) { gw.set(func() { gw.received.keep = n }) }

// Received returns the requests received so far, connect included.
func (gw *Gateway) Received() []Request {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	return slices.Clone(gw.received.list)
}

// Connects is how many sockets were opened so far.
func (gw *Gateway) Connects() int { return int(gw.sockets.total.Load()) }

// Conns returns the sockets that got hello-ok and are still open.
func (gw *Gateway) Conns() []*Conn {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	return slices.Collect(maps.Keys(gw.sockets.connected))
}

// BootID is the server.bootId that hello-ok has since the last start.
func (gw *Gateway) BootID() string {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	return gw.state.bootID
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
	gw.life.running.Go(func() { _ = gw.Serve(l) })
	return l, nil
}

// Serve serves on l until Close, and then returns nil, or until l fails.
func (gw *Gateway) Serve(l net.Listener) error {
	l = &gatedListener{l, &gw.gate, gw.life.ctx}
	if gw.cfg.Certificate != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*gw.cfg.Certificate}})
	}
	err := gw.http.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Dial opens an in-memory connection, whatever network and addr are. Use it as the
// DialContext of rpc.Gateway.
func (gw *Gateway) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	gw.mu.Lock()
	if gw.state.closed {
		gw.mu.Unlock()
		return nil, &net.OpError{Op: "dial", Net: "memory", Err: errors.New("connection refused")}
	}
	if gw.memory == nil {
		gw.memory = newMemoryListener()
		gw.life.running.Go(func() { _ = gw.Serve(gw.memory) })
	}
	l := gw.memory
	gw.mu.Unlock()
	return l.dial(ctx)
}

// Close drops all sockets, stops listening and waits until all goroutines of the
// gateway have ended.
func (gw *Gateway) Close() {
	gw.set(func() { gw.state.closed = true })
	gw.life.cancel()
	_ = gw.http.Close()
	gw.mu.Lock()
	all := slices.Collect(maps.Keys(gw.sockets.all))
	gw.mu.Unlock()
	for _, c := range all {
		c.Close(websocket.CloseAbnormalClosure, "")
	}
	gw.life.running.Wait()
}
