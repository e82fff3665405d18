package supervisor

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc/gatewaytest"
	"clawtray/rpc/redact"
	"clawtray/supervisor/machine"
	"clawtray/supervisor/openclaw"
)

const (
	testPort  = 18789
	testToken = "canary-token-5f3a"
)

// fakeHost is a machine in memory: its processes are gatewaytest gateways.
type fakeHost struct {
	t *testing.T

	mu       sync.Mutex
	behave   func(n int) behaviour // the behaviour of the nth launch, from 0
	procs    []*fakeProcess
	stranger *gatewaytest.Gateway // somebody else's gateway on the port
	owner    string               // the stranger's user, when that is another user
	hidden   bool                 // the system does not show the stranger
	occupied *Listener            // something that is no gateway has the port
	busy     time.Time            // until then the stranger accepts connections and answers none
	fleeting int                  // after so many connections the stranger is gone; 0 or less: it stays
	orphan   Process
	atOrphan func() // runs at the next call of Orphan
	missing  error  // what Runtime fails with
	version  string
	repairs  int
	repaired Repair
	ways
	doctor   chan struct{} // Repair waits until it is closed
	obstacle error         // what Obstacle returns
	lacks    []string
	check    chan struct{}      // Missing waits until it is closed
	config   openclaw.Effective // without its token, which is in cruelty
	problem  error              // what Gateway fails with
	setups   int                // number of calls of FirstRun
	answer   string             // OpenClaw's answer when it is asked for a secret; empty means that it has none
	asked    int                // number of calls of Ask
	accepted openclaw.ConfigFile
	holder   *StateOwner          // holds the lock of the state directory
	theirs   int                  // the stranger's port; 0 means testPort
	remote   *gatewaytest.Gateway // a gateway on another machine, at remoteAddr
	distrust error                // what CheckPeer fails with
	install  func(ctx context.Context, newest bool, progress func(InstallProgress)) error
	real     *machine.Machine // looks for the runtime in real files; when nil, version and missing are used
	npm      chan struct{}    // npm replaces the package until this is closed; nil means that npm does not run

	cruelty
	ending sync.WaitGroup // gateways that are ending
	wakes  chan struct{}  // receives when the machine wakes up
}

// ways are facts about earlier configurations. The mutex of the host guards them.
type ways struct {
	unrepaired error     // what Repair fails with
	lastGood   time.Time // zero means none
	copied     time.Time // the time of what Restore restores; zero means nothing
	low        []string  // what Space returns
}

// cruelty is what the machine does wrong. The mutex of the host guards it.
type cruelty struct {
	deaf     error             // Listener fails with it
	refusal  func(n int) error // of the nth attempt to launch
	attempts int               // to launch
	hangs    bool              // files hang: Gateway returns only when its context ends
	deadBus  bool              // Wakes hangs likewise
	token    string            // instead of testToken
	blind    int               // so many looks at what remains fail
	lag      time.Duration     // how long looks and launches take
}

// lags waits as long as the machine is slow, or until ctx ends.
func (h *fakeHost) lags(ctx context.Context) error {
	h.mu.Lock()
	d := h.lag
	h.mu.Unlock()
	if d == 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *cruelty) hanging(h *fakeHost) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return c.hangs
}

// behaviour is how one launched gateway behaves. The zero value is a healthy gateway.
type behaviour struct {
	listen      time.Duration // time from spawn to open port
	sidecars    time.Duration // time from open port to hello-ok
	dies        time.Duration // time from spawn until it ends by itself; 0 means never
	exit        Exit
	lines       []string
	lastWords   string // a line that arrives shortly after the end
	ignoreTerm  bool
	unkillable  bool          // even SIGKILL does not end it
	dying       time.Duration // time from SIGKILL to the end
	socketStays bool          // a child keeps the connections open after the process has ended
	flaps       time.Duration // time from hello until each connection is closed; 0 means never
	stop        time.Duration // time from SIGTERM to the end
	remains     int           // number of descendants that still run after it
	putAway     time.Duration // how long Release takes
	restarts    bool          // it restarts in place when asked over the protocol
	gateway     gatewaytest.Config
	setup       func(*gatewaytest.Gateway) // called at each start, also in place
}

func newFakeHost(t *testing.T, behave func(n int) behaviour) *fakeHost {
	if behave == nil {
		behave = func(int) behaviour { return behaviour{listen: time.Second, sidecars: 500 * time.Millisecond} }
	}
	h := &fakeHost{t: t, behave: behave, version: "2026.9.6"}
	h.config.Paths = openclaw.Paths{StateDir: "/state", ConfigPath: "/state/openclaw.json"}
	h.config.File = openclaw.ConfigFile{Exists: true, HasGateway: true, HasMode: true}
	h.config.Mode.Value, h.config.SignIn.Mode.Value = "local", openclaw.SignInToken
	h.config.Reload = openclaw.DefaultReload()
	h.config = h.config.At(testPort, "the test")
	return h
}

// visited returns a machine on whose port somebody else's gateway runs.
func visited(t *testing.T) *fakeHost {
	h := newFakeHost(t, nil)
	h.arrive()
	return h
}

// arrive starts somebody else's gateway on the port.
func (h *fakeHost) arrive() *gatewaytest.Gateway {
	return h.arriveAs(gatewaytest.Config{Token: testToken})
}

// arriveAs is arrive for a gateway with another configuration.
func (h *fakeHost) arriveAs(cfg gatewaytest.Config) *gatewaytest.Gateway {
	gw := gatewaytest.New(cfg)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stranger = gw
	return gw
}

// remoteAddr is the address of a gateway on another machine.
const remoteAddr = "gw.example:443"

func (h *fakeHost) strangersPort() int {
	if h.theirs != 0 {
		return h.theirs
	}
	return testPort
}

// leave ends somebody else's gateway, if there is one.
func (h *fakeHost) leave() {
	h.mu.Lock()
	gone := h.stranger
	h.stranger = nil
	h.mu.Unlock()
	if gone != nil {
		gone.Close()
	}
}

// close ends everything that still runs, so that the bubble can end.
func (h *fakeHost) close() {
	h.mu.Lock()
	procs := slices.Clone(h.procs)
	h.mu.Unlock()
	for _, p := range procs {
		p.finish(Exit{Code: -1, Signal: "SIGKILL"})
		p.hangUp()
	}
	h.ending.Wait()
	h.leave()
	if h.remote != nil {
		h.remote.Close()
	}
	time.Sleep(farewell)
}

// farewell is longer than both ends of a TLS connection wait for the other's close message,
// because a net.Pipe has no buffer for it.
const farewell = 10 * time.Second

func (h *fakeHost) Runtime(ctx context.Context) (openclaw.Runtime, error) {
	if err := h.lags(ctx); err != nil {
		return openclaw.Runtime{}, err
	}
	if h.real != nil {
		return h.real.Runtime(ctx)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return openclaw.Runtime{Version: h.version, NodeVersion: "24.21.0"}, h.missing
}

// uninstall removes the runtime; nil restores it.
func (h *fakeHost) uninstall(missing *openclaw.MissingError) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.missing = nil
	if missing != nil {
		h.missing = missing
	}
}

func (h *fakeHost) AwaitUpgrade(ctx context.Context, waiting func()) {
	h.mu.Lock()
	npm := h.npm
	h.mu.Unlock()
	if h.real != nil {
		h.real.AwaitUpgrade(ctx, waiting)
	}
	if npm == nil {
		return
	}
	waiting()
	select {
	case <-npm:
	case <-ctx.Done():
	}
}

func (h *fakeHost) Install(ctx context.Context, newest bool, progress func(InstallProgress)) error {
	if h.install == nil {
		return nil
	}
	return h.install(ctx, newest, progress)
}

// put changes the installed version, as an installation by somebody else does.
func (h *fakeHost) put(version string, missing error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.version, h.missing = version, missing
}

func (h *fakeHost) Gateway(ctx context.Context) (openclaw.Effective, error) {
	if err := h.lags(ctx); err != nil {
		return openclaw.Effective{}, &openclaw.ConfigError{Kind: openclaw.ConfigTimeout, Path: "/state/openclaw.json"}
	}
	if h.hanging(h) {
		<-ctx.Done()
		return openclaw.Effective{}, &openclaw.ConfigError{Kind: openclaw.ConfigTimeout, Path: "/state/openclaw.json"}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.problem != nil {
		return openclaw.Effective{Paths: h.config.Paths, File: h.config.File}, h.problem
	}
	return h.gateway(), nil
}

// gateway returns the configuration with its token.
func (h *fakeHost) gateway() openclaw.Effective {
	e, token := h.config, testToken
	if h.token != "" {
		token = h.token
	}
	if e.SignIn.Mode.Value == openclaw.SignInToken && e.SignIn.Token.State == openclaw.SecretAbsent && e.File.Exists {
		e.SignIn.Token = openclaw.KnownSecret(token, "the test")
	}
	return e
}

// arm gives a gateway the secret in the configuration.
func (h *fakeHost) arm(c *gatewaytest.Config) {
	e := h.gateway()
	if secret, known := e.SignIn.Secret().Value(); !known || e.SignIn.Mode.Value == openclaw.SignInToken {
		c.Token = secret
	} else {
		c.Password = secret
	}
}

func (h *fakeHost) Ask(context.Context, openclaw.Runtime) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	if h.answer == "" {
		return errors.New("the vault is locked")
	}
	h.config.SignIn.Password = openclaw.KnownSecret(h.answer, "the vault")
	return nil
}

func (h *fakeHost) FirstRun(context.Context, openclaw.Runtime) (openclaw.Effective, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.setups++
	h.config.File = openclaw.ConfigFile{Exists: true, HasGateway: true, HasMode: true}
	h.config.Mode.Value = "local"
	return h.gateway(), nil
}

func (h *fakeHost) Accepted(_ context.Context, e openclaw.Effective) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.File.Hash == h.config.File.Hash { // the file has not changed since e was read
		h.accepted = e.File
	}
}

func (h *fakeHost) LastAccepted(context.Context, openclaw.Effective) openclaw.ConfigFile {
	return h.acceptedFile()
}

// acceptedFile is the file of the configuration that was accepted last.
func (h *fakeHost) acceptedFile() openclaw.ConfigFile {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.accepted
}

func (h *fakeHost) StateOwner(context.Context, string) *StateOwner {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.holder
}

func (h *fakeHost) CheckPeer(context.Context, net.Conn) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.distrust
}

// configure changes the configuration on disk.
func (h *fakeHost) configure(change func(*openclaw.Effective)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.config)
}

// edit changes the hash and the time of the file.
func (h *fakeHost) edit(hash string, at time.Time) {
	h.configure(func(e *openclaw.Effective) { e.File.Hash, e.File.ModTime, e.File.Changed = hash, at, at })
}

func (h *fakeHost) Launch(ctx context.Context, r openclaw.Runtime, s Spawn) (Process, error) {
	if err := h.lags(ctx); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.procs {
		if p.alive() {
			h.t.Errorf("launched a second gateway while pid %d lives", p.pid)
		}
	}
	if h.attempts++; h.refusal != nil {
		if err := h.refusal(h.attempts - 1); err != nil {
			return nil, err
		}
	}
	b := h.behave(len(h.procs))
	b.gateway.Version, b.gateway.Place.StateDir = r.Version, "/state"
	h.arm(&b.gateway)
	if b.sidecars > 0 {
		b.gateway.Starting = true
	}
	p := &fakeProcess{host: h, b: b, port: s.Port, safe: s.Safe, pid: 1000 + len(h.procs), began: time.Now(), gw: gatewaytest.New(b.gateway),
		lines: make(chan Line, 1000), done: make(chan struct{}), left: b.remains}
	if b.setup != nil {
		b.setup(p.gw)
	}
	if b.restarts {
		p.gw.Handle("gateway.restart.request", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			time.AfterFunc(50*time.Millisecond, p.restart)
			return map[string]any{"ok": true, "status": "scheduled"}, nil
		})
	}
	if b.flaps > 0 {
		b.gateway.Hooks.Hello = func(map[string]any) { time.AfterFunc(b.flaps, func() { p.gw.CloseAll(1006, "") }) }
		p.gw = gatewaytest.New(b.gateway)
	}
	for _, l := range b.lines {
		p.lines <- Line{Text: coloured(l), Stderr: true}
	}
	h.procs = append(h.procs, p)
	p.live()
	return p, nil
}

func (h *fakeHost) launches() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.procs)
}

// current returns the newest process.
func (h *fakeHost) current() *fakeProcess {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.procs[len(h.procs)-1]
}

func (h *fakeHost) alive() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, p := range h.procs {
		if p.alive() {
			n++
		}
	}
	return n
}

func (h *fakeHost) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if addr == remoteAddr && h.remote != nil {
		return h.remote.Dial(ctx, network, addr)
	}
	theirs := addr == net.JoinHostPort("127.0.0.1", strconv.Itoa(h.strangersPort())) // other programs are on this port only
	if stranger := h.stranger; stranger != nil && theirs {
		if time.Now().Before(h.busy) {
			c, _ := net.Pipe() // nobody reads at its other end
			return c, nil
		}
		if h.fleeting--; h.fleeting == 0 {
			h.stranger = nil
		}
		return stranger.Dial(ctx, network, addr)
	}
	if h.occupied != nil && theirs {
		c, other := net.Pipe()
		other.Close()
		return c, nil
	}
	if len(h.procs) > 0 {
		if p := h.procs[len(h.procs)-1]; p.listening() {
			return p.gw.Dial(ctx, network, addr)
		}
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
}

func (h *fakeHost) Listener(_ context.Context, port, _ int) (Listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.deaf != nil:
		return Listener{}, h.deaf
	case h.occupied != nil && port == h.strangersPort():
		return *h.occupied, nil
	case h.stranger != nil && h.hidden:
		return Listener{}, ErrNoListener
	case h.stranger != nil && port == h.strangersPort():
		if h.owner != "" { // the system tells the user, but not the process
			return Listener{User: h.owner}, nil
		}
		return Listener{PID: 77, Name: "openclaw-gateway"}, nil
	}
	if len(h.procs) > 0 {
		if p := h.procs[len(h.procs)-1]; p.listening() && p.port == port {
			return Listener{PID: p.pid, Name: "openclaw-gateway"}, nil
		}
	}
	return Listener{}, ErrNoListener
}

func (h *fakeHost) FreePort(_ context.Context, p int) int { return p + 1 }

func (h *fakeHost) Orphan(context.Context) (Process, error) {
	h.mu.Lock()
	o, hook := h.orphan, h.atOrphan
	h.orphan, h.atOrphan = nil, nil
	h.mu.Unlock()
	if hook != nil {
		hook()
	}
	return o, nil
}

func (h *fakeHost) Repair(ctx context.Context, _ openclaw.Runtime, _ openclaw.Effective) (Repair, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.repairs++
	doctor := h.doctor
	if doctor == nil {
		return h.repaired, h.unrepaired
	}
	h.mu.Unlock()
	defer h.mu.Lock()
	select {
	case <-doctor:
		return h.repaired, h.unrepaired
	case <-ctx.Done():
		return Repair{}, context.Cause(ctx)
	}
}

func (h *fakeHost) LastGood(context.Context, openclaw.Effective) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lastGood
}

// PutLastGood restores the configuration from the time when it was good.
func (h *fakeHost) PutLastGood(context.Context, openclaw.Effective) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lastGood.IsZero() {
		return machine.ErrNoCopy
	}
	h.lastGood, h.problem = time.Time{}, nil
	h.config.File = openclaw.ConfigFile{Exists: true, HasGateway: true, HasMode: true}
	h.config.Mode.Value = "local"
	return nil
}

func (h *fakeHost) Restore(context.Context, openclaw.Effective) (time.Time, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.copied.IsZero() {
		return h.copied, machine.ErrNoCopy
	}
	return h.copied, nil
}

func (h *fakeHost) Missing(ctx context.Context) []string {
	if h.check != nil {
		select {
		case <-h.check:
		case <-ctx.Done():
		}
	}
	return h.lacks
}

func (h *fakeHost) Wakes(ctx context.Context) <-chan struct{} {
	if h.deadBus {
		<-ctx.Done()
	}
	return h.wakes
}

func (h *fakeHost) Space(context.Context, string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.low
}

func (h *fakeHost) Obstacle(context.Context) error { return h.obstacle }

// fakeProcess is a gateway process in memory.
type fakeProcess struct {
	host  *fakeHost
	b     behaviour
	port  int
	safe  bool
	pid   int
	began time.Time
	gw    *gatewaytest.Gateway
	lines chan Line
	done  chan struct{}

	mu         sync.Mutex
	over       bool
	open       bool
	exit       Exit
	left       int // descendants that still run
	terminated int
	killed     int
	stopped    bool
	cpu        time.Duration
	released   bool
}

// live carries out the behaviour.
func (p *fakeProcess) live() {
	time.AfterFunc(p.b.listen, func() {
		if p.host.isOccupied(p.port) {
			p.finish(Exit{Code: 1})
		}
		p.mu.Lock()
		p.open = !p.over
		p.mu.Unlock()
	})
	if p.b.sidecars > 0 {
		time.AfterFunc(p.b.listen+p.b.sidecars, func() { p.gw.SetStarting(false) })
	}
	if p.b.dies > 0 {
		time.AfterFunc(p.b.dies, func() { p.finish(p.b.exit) })
	}
}

// occupy gives the port to another program, which is not a gateway, or to none (nil).
func (h *fakeHost) occupy(by *Listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.occupied = by
}

func (h *fakeHost) isOccupied(port int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.occupied != nil && port == h.strangersPort()
}

// restart restarts in place; a stopped process does nothing.
func (p *fakeProcess) restart() {
	p.mu.Lock()
	able := !p.over && !p.stopped
	p.mu.Unlock()
	if able {
		if p.b.setup != nil {
			p.b.setup(p.gw)
		}
		p.gw.Restart()
	}
}

func (p *fakeProcess) alive() bool { return !closed(p.done) }

func (p *fakeProcess) listening() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open && !p.over
}

// shut closes the port and its sockets; the process keeps running.
func (p *fakeProcess) shut() {
	p.mu.Lock()
	p.open = false
	p.mu.Unlock()
	p.gw.CloseAll(1006, "")
}

// burn makes the process use one core completely until stop is called.
func (s *scene) burn(p *fakeProcess) (stop func()) {
	return s.every(100*time.Millisecond, func() {
		p.mu.Lock()
		p.cpu += 100 * time.Millisecond
		p.mu.Unlock()
	})
}

// every calls f again and again until stop is called.
func (s *scene) every(d time.Duration, f func()) (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				f()
			}
		}
	})
	return func() { cancel(); running.Wait() }
}

// coloured returns the line as real gateways print it, into a pipe, too (measured, OpenClaw
// 2026.8.2).
func coloured(line string) string {
	name := strings.Index(line, "[")
	text := strings.Index(line, "] ")
	if name < 0 || text < name {
		return "\x1b[36m" + line + "\x1b[39m"
	}
	return "\x1b[90m" + line[:name] + "\x1b[39m\x1b[36m" + line[name:text+1] + "\x1b[39m \x1b[36m" + line[text+2:] + "\x1b[39m"
}

// stopLine is what a gateway prints when it is told to stop.
const stopLine = "2026-11-28T09:58:33.031+00:00 [gateway] received SIGTERM; shutting down"

// say writes lines to the output, twenty times. Lines that do not fit are lost, as with a
// real child.
func (p *fakeProcess) say(lines ...string) {
	for i := range 20 * len(lines) {
		p.print(lines[i%len(lines)], i%2 == 0)
	}
}

func (p *fakeProcess) print(line string, stderr bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	select {
	case p.lines <- Line{Text: coloured(line), Stderr: stderr}:
	default:
	}
}

// finish ends the process. Only the first exit counts.
func (p *fakeProcess) finish(e Exit) {
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		return
	}
	p.over, p.exit = true, e
	p.mu.Unlock()
	if !p.b.socketStays {
		p.host.ending.Go(p.hangUp)
	}
	close(p.done)
	if p.b.lastWords == "" {
		close(p.lines)
		return
	}
	time.AfterFunc(lastWords/2, func() {
		p.lines <- Line{Text: coloured(p.b.lastWords), Stderr: true}
		close(p.lines)
	})
}

// hangUp closes the gateway's connections and its port. It waits for the gateway's
// handlers, so the machine's own methods must not call it directly.
func (p *fakeProcess) hangUp() {
	p.gw.CloseAll(1006, "")
	p.gw.Close()
}

func (p *fakeProcess) PID() int             { return p.pid }
func (p *fakeProcess) Port() int            { return p.port }
func (p *fakeProcess) Safe() bool           { return p.safe }
func (p *fakeProcess) StartedAt() time.Time { return p.began }
func (p *fakeProcess) Command() string {
	return `NODE_OPTIONS="--title=` + testToken + `" node openclaw.mjs gateway`
}
func (p *fakeProcess) Lines() <-chan Line                   { return p.lines }
func (p *fakeProcess) Done() <-chan struct{}                { return p.done }
func (p *fakeProcess) Owns(_ context.Context, pid int) bool { return pid == p.pid }
func (p *fakeProcess) Exit() Exit {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exit
}

func (p *fakeProcess) isStopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

func (p *fakeProcess) Activity(context.Context) (time.Duration, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cpu, p.stopped, nil
}

func (p *fakeProcess) Terminate(context.Context) error {
	p.mu.Lock()
	p.terminated++
	ignored := p.b.ignoreTerm || p.stopped
	p.mu.Unlock()
	if !ignored {
		p.print(stopLine, false)
		time.AfterFunc(0, func() { p.gw.Shutdown(0) }) // a silent gateway takes long to shut down
		time.AfterFunc(max(p.b.stop, 150*time.Millisecond), func() { p.finish(Exit{}) })
	}
	return nil
}

func (p *fakeProcess) Kill(context.Context) error {
	p.mu.Lock()
	p.killed++
	first, unkillable, dying := p.killed == 1, p.b.unkillable, p.b.dying
	p.mu.Unlock()
	switch {
	case unkillable:
		return nil
	case dying > 0:
		if first {
			time.AfterFunc(dying, func() { p.finish(Exit{Code: -1, Signal: "SIGKILL"}) })
		}
	default:
		p.finish(Exit{Code: -1, Signal: "SIGKILL"})
	}
	if p.b.socketStays {
		p.host.ending.Go(p.hangUp) // the child has ended, too
	}
	p.host.descendants(func(left *int) { *left = 0 })
	return nil
}

// Remains knows its own descendants by the run id, and so those of the gateways before it.
func (p *fakeProcess) Remains(ctx context.Context) ([]int, error) {
	if err := p.host.lags(ctx); err != nil {
		return nil, err
	}
	p.host.mu.Lock()
	blind := p.host.blind > 0
	if blind {
		p.host.blind--
	}
	p.host.mu.Unlock()
	if blind {
		return nil, errors.New("too many open files")
	}
	var pids []int
	if p.alive() {
		pids = append(pids, p.pid)
	}
	return append(pids, p.host.left()...), nil
}

// descendants calls visit with the number of running descendants of each gateway.
func (h *fakeHost) descendants(visit func(left *int)) {
	h.mu.Lock()
	procs := slices.Clone(h.procs)
	h.mu.Unlock()
	for _, p := range procs {
		p.mu.Lock()
		visit(&p.left)
		p.mu.Unlock()
	}
}

// left returns the pids of running descendants.
func (h *fakeHost) left() (pids []int) {
	h.descendants(func(left *int) {
		for range *left {
			pids = append(pids, 9000+len(pids))
		}
	})
	return pids
}

func (p *fakeProcess) Release(ctx context.Context) error {
	select {
	case <-time.After(p.b.putAway): // the disk is busy
	case <-ctx.Done():
		return ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.released = true
	return nil
}

// scene is a supervisor on a fake machine, inside a bubble.
type scene struct {
	*Supervisor
	t     *testing.T
	host  *fakeHost
	trace []Status // every status that an observer received; read it after synctest.Wait
	seen  *posting // the last status that until has checked
}

// play runs f in a bubble with a running supervisor, and then checks that nothing is left
// after a quit.
func play(t *testing.T, h func(*testing.T) *fakeHost, tune func(*Config), f func(*scene)) {
	synctest.Test(t, func(t *testing.T) {
		host := h(t)
		redact := redact.New()
		log := slog.New(redact.Handler(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})))
		cfg := Config{Port: testPort, Version: "test", Policy: DefaultPolicy(), Redact: redact, Log: log}
		if tune != nil {
			tune(&cfg)
		}
		s := &scene{Supervisor: New(cfg, host), t: t, host: host}
		s.now()
		var observing, running sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		watching, unwatch := context.WithCancel(t.Context())
		observing.Go(func() {
			for st := range s.Watch(watching) {
				s.trace = append(s.trace, st)
			}
		})
		running.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		defer func() { // also after a Fatal, because a bubble must not end with running goroutines
			stop()
			running.Wait()
			stuck := s.Status().Cause.Code == CouldNotEnd
			if n := host.alive(); n != 0 && !stuck {
				t.Errorf("%d gateways are alive after the end", n)
			}
			if st := s.Status(); st.State != Stopped && !stuck {
				t.Errorf("after the end the state is %v", st.State)
			}
			synctest.Wait()
			unwatch()
			observing.Wait()
			checkTrace(t, s.trace)
			host.close()
		}()
		synctest.Wait() // the observer receives everything
		f(s)
	})
}

// healthy returns a machine on which every launched gateway is healthy.
func healthy(t *testing.T) *fakeHost { return newFakeHost(t, nil) }

// behaving returns a machine whose nth launch behaves as the nth value; further launches
// behave as the last one.
func behaving(b ...behaviour) func(*testing.T) *fakeHost {
	return func(t *testing.T) *fakeHost {
		return newFakeHost(t, func(n int) behaviour { return b[min(n, len(b)-1)] })
	}
}

// checkTrace checks what every sequence of statuses must fulfil.
func checkTrace(t *testing.T, trace []Status) {
	t.Helper()
	for i, s := range trace {
		if i > 0 && s.Seq != trace[i-1].Seq+1 {
			t.Errorf("an observer missed a status: %d after %d", s.Seq, trace[i-1].Seq)
		}
		if i > 0 && s.State != trace[i-1].State && !slices.Contains(legal[trace[i-1].State], s.State) {
			t.Errorf("status %d went from %v to %v", s.Seq, trace[i-1].State, s.State)
		}
		if s.State == Running && s.Phase == Ready && !s.Facts.All() {
			t.Errorf("status %d says running without all facts: %+v", s.Seq, s.Facts)
		}
		if s.State != Stopped && s.Cause.Code == NoCause {
			t.Errorf("status %d (%v %v) has no cause", s.Seq, s.State, s.Phase)
		}
		if s.State == Failed && s.Error == "" {
			t.Errorf("status %d is an error without a sentence", s.Seq)
		}
		if s.Phase == Waiting && s.NextRetryAt.IsZero() {
			t.Errorf("status %d (%v, stopping for %q) waits, and does not say until when", s.Seq, s.State, s.StoppingFor)
		}
	}
}

func (s *scene) must(r Request, want Result) Answer {
	s.t.Helper()
	a, err := s.Do(s.t.Context(), r)
	if err != nil || a.Result != want {
		s.t.Fatalf("%s: got %q, %v; want %q\nstatus: %+v", r.Intent, a.Result, err, want, a.Status)
	}
	return a
}

func (s *scene) start() {
	s.t.Helper()
	s.must(Request{Intent: Start}, ResultRunning)
	synctest.Wait() // the gateway has noticed it, too
}

// now makes until ignore everything that has happened before.
func (s *scene) now() { s.seen = s.board.newest.Load() }

// until waits in virtual time until ok returns true for a status. It checks every status
// since the last one that it has found, so that it misses none.
func (s *scene) until(what string, ok func(Status) bool) Status {
	s.t.Helper()
	giveUp := time.After(time.Hour)
	for !ok(s.seen.status) {
		select {
		case <-s.seen.more:
			s.seen = s.seen.next
		case <-giveUp:
			s.t.Fatalf("never came: %s; the status is %+v", what, s.Status())
		}
	}
	synctest.Wait() // all other goroutines have noticed it, too
	return s.seen.status
}

func in(state State) func(Status) bool { return func(s Status) bool { return s.State == state } }

// causeOf returns the code of the cause in an error.
func causeOf(err error) CauseCode {
	var c Cause
	errors.As(err, &c)
	return c.Code
}
