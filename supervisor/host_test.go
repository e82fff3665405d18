package supervisor

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
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
	behave   func(n int) behaviour // of the nth launch, from 0
	procs    []*fakeProcess
	stranger *gatewaytest.Gateway // somebody else's gateway on the port
	owner    string               // the stranger's user, when it is another one
	hidden   bool                 // the system does not show the stranger
	occupied *Listener            // something that is no gateway has the port
	orphan   Process
	missing  error // what Runtime fails with
	version  string
	repairs  int
	repaired string
	doctor   chan struct{} // Repair waits for it
	obstacle *Cause
	lacks    []string
	check    chan struct{} // Missing waits for it
	config   openclaw.Config
	install  func(ctx context.Context, newest bool, progress func(InstallProgress)) error
	real     *Machine      // looks for the runtime in real files; nil: version and missing say
	npm      chan struct{} // npm replaces the package until this is closed; nil: it does not

	unreadable error         // what GatewayConfig fails with
	wakes      chan struct{} // the system says that the machine woke up
}

// behaviour is what one launch of the gateway does. The zero value is a healthy one.
type behaviour struct {
	listen     time.Duration // from spawn to open port
	sidecars   time.Duration // from open port to hello-ok
	dies       time.Duration // from spawn to an end of its own; 0 is never
	exit       Exit
	lines      []string
	ignoreTerm bool
	stop       time.Duration // from SIGTERM to the end
	remains    int           // descendants that outlive it
	restarts   bool          // in place, when asked over the protocol
	gateway    gatewaytest.Config
	setup      func(*gatewaytest.Gateway) // at each start, also in place
}

func newFakeHost(t *testing.T, behave func(n int) behaviour) *fakeHost {
	if behave == nil {
		behave = func(int) behaviour { return behaviour{listen: time.Second, sidecars: 500 * time.Millisecond} }
	}
	return &fakeHost{t: t, behave: behave, version: "2026.9.6"}
}

// visited is a machine on whose port somebody else's gateway runs.
func visited(t *testing.T) *fakeHost {
	h := newFakeHost(t, nil)
	h.arrive()
	return h
}

// arrive starts somebody else's gateway on the port.
func (h *fakeHost) arrive() {
	gw := gatewaytest.New(gatewaytest.Config{Token: testToken})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stranger = gw
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

// close ends what is left, so that a bubble can end.
func (h *fakeHost) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.procs {
		p.finish(Exit{Code: -1, Signal: "SIGKILL"})
	}
	if h.stranger != nil {
		h.stranger.Close()
	}
}

func (h *fakeHost) Runtime(ctx context.Context) (openclaw.Runtime, error) {
	if h.real != nil {
		return h.real.Runtime(ctx)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return openclaw.Runtime{Version: h.version, NodeVersion: "24.21.0"}, h.missing
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

// put is what an installation by somebody else leaves.
func (h *fakeHost) put(version string, missing error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.version, h.missing = version, missing
}

func (h *fakeHost) Token() (openclaw.Token, error) {
	return openclaw.Token{Value: testToken, Source: "the test"}, nil
}

func (h *fakeHost) Launch(_ context.Context, r openclaw.Runtime, s Spawn) (Process, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.procs {
		if p.alive() {
			h.t.Errorf("launched a second gateway while pid %d lives", p.pid)
		}
	}
	b := h.behave(len(h.procs))
	b.gateway.Token, b.gateway.Version, b.gateway.StateDir = s.Token, r.Version, "/state"
	if b.sidecars > 0 {
		b.gateway.Starting = true
	}
	p := &fakeProcess{host: h, b: b, port: s.Port, pid: 1000 + len(h.procs), began: time.Now(), gw: gatewaytest.New(b.gateway),
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
	for _, l := range b.lines {
		p.lines <- Line{Text: l, Stderr: true}
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

// current is the newest process.
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
	theirs := addr == net.JoinHostPort("127.0.0.1", strconv.Itoa(testPort)) // others are on this port only
	if h.stranger != nil && theirs {
		return h.stranger.Dial(ctx, network, addr)
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
	case h.occupied != nil && port == testPort:
		return *h.occupied, nil
	case h.stranger != nil && h.hidden:
		return Listener{}, ErrNoListener
	case h.stranger != nil && port == testPort:
		if h.owner != "" { // the system tells whose it is, not which process
			return Listener{User: h.owner}, nil
		}
		return Listener{PID: 77, Name: "openclaw-gateway"}, nil
	}
	if len(h.procs) > 0 {
		if p := h.procs[len(h.procs)-1]; p.listening() {
			return Listener{PID: p.pid, Name: "openclaw-gateway"}, nil
		}
	}
	return Listener{}, ErrNoListener
}

func (h *fakeHost) FreePort(p int) int { return p + 1 }

func (h *fakeHost) Orphan(context.Context) (Process, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.orphan
	h.orphan = nil
	return o, nil
}

func (h *fakeHost) Repair(ctx context.Context, _ openclaw.Runtime) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.repairs++
	if h.doctor == nil {
		return h.repaired, nil
	}
	h.mu.Unlock()
	defer h.mu.Lock()
	select {
	case <-h.doctor:
	case <-ctx.Done():
	}
	return h.repaired, context.Cause(ctx)
}

func (h *fakeHost) GatewayConfig() (openclaw.Config, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.config, h.unreadable
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

func (h *fakeHost) Wakes(context.Context) <-chan struct{} { return h.wakes }

func (h *fakeHost) Obstacle() (Cause, bool) {
	if h.obstacle == nil {
		return Cause{}, false
	}
	return *h.obstacle, true
}

// fakeProcess is a gateway process in memory.
type fakeProcess struct {
	host  *fakeHost
	b     behaviour
	port  int
	pid   int
	began time.Time
	gw    *gatewaytest.Gateway
	lines chan Line
	done  chan struct{}

	mu         sync.Mutex
	over       bool
	open       bool
	exit       Exit
	left       int // descendants alive
	terminated int
	killed     int
	stopped    bool
	cpu        time.Duration
	released   bool
}

// live plays the behaviour.
func (p *fakeProcess) live() {
	time.AfterFunc(p.b.listen, func() {
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

// restart is a restart in place; a stopped process does nothing.
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

// shut closes the port, and the sockets with it; the process goes on.
func (p *fakeProcess) shut() {
	p.mu.Lock()
	p.open = false
	p.mu.Unlock()
	p.gw.CloseAll(1006, "")
}

// burn makes the process use all of one core until the scene stops it.
func (s *scene) burn(p *fakeProcess) (stop func()) {
	return s.every(100*time.Millisecond, func() {
		p.mu.Lock()
		p.cpu += 100 * time.Millisecond
		p.mu.Unlock()
	})
}

// every does something again and again until it is stopped.
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

// say floods the output with lines; what does not fit is lost, as a child's is.
func (p *fakeProcess) say(lines ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := 0; !p.over && i < 20*len(lines); i++ {
		select {
		case p.lines <- Line{Text: lines[i%len(lines)], Stderr: i%2 == 0}:
		default:
		}
	}
}

// finish ends the process; the first exit counts.
func (p *fakeProcess) finish(e Exit) {
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		return
	}
	p.over, p.exit = true, e
	p.mu.Unlock()
	p.gw.CloseAll(1006, "")
	p.gw.Close()
	close(p.lines)
	close(p.done)
}

func (p *fakeProcess) PID() int             { return p.pid }
func (p *fakeProcess) StartedAt() time.Time { return p.began }
func (p *fakeProcess) Command() string {
	return `NODE_OPTIONS="--title=` + testToken + `" node openclaw.mjs gateway`
}
func (p *fakeProcess) Lines() <-chan Line    { return p.lines }
func (p *fakeProcess) Done() <-chan struct{} { return p.done }
func (p *fakeProcess) Owns(pid int) bool     { return pid == p.pid }
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

func (p *fakeProcess) Activity() (time.Duration, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cpu, p.stopped, nil
}

func (p *fakeProcess) Terminate() error {
	p.mu.Lock()
	p.terminated++
	ignored := p.b.ignoreTerm || p.stopped
	p.mu.Unlock()
	if !ignored {
		p.gw.Shutdown(0)
		time.AfterFunc(max(p.b.stop, 150*time.Millisecond), func() { p.finish(Exit{}) })
	}
	return nil
}

func (p *fakeProcess) Kill() error {
	p.mu.Lock()
	p.killed++
	p.mu.Unlock()
	p.finish(Exit{Code: -1, Signal: "SIGKILL"})
	p.host.descendants(func(left *int) { *left = 0 })
	return nil
}

// Remains knows its own descendants by the run id, and so those of the gateways before it.
func (p *fakeProcess) Remains() []int {
	var pids []int
	if p.alive() {
		pids = append(pids, p.pid)
	}
	return append(pids, p.host.left()...)
}

// descendants visits how many each gateway has that are alive.
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

// left are the pids of descendants that are alive.
func (h *fakeHost) left() (pids []int) {
	h.descendants(func(left *int) {
		for range *left {
			pids = append(pids, 9000+len(pids))
		}
	})
	return pids
}

func (p *fakeProcess) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.released = true
}

// scene is a supervisor on a fake machine, inside a bubble.
type scene struct {
	*Supervisor
	t     *testing.T
	host  *fakeHost
	trace []Status // everything an observer saw; read after synctest.Wait
	seen  *posting // how far until has looked
}

// play runs f in a bubble with a running supervisor, then checks that quitting
// leaves nothing behind.
func play(t *testing.T, h func(*testing.T) *fakeHost, tune func(*Config), f func(*scene)) {
	synctest.Test(t, func(t *testing.T) {
		host := h(t)
		redact := rpc.NewRedactor()
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
		defer func() { // also after a Fatal: a bubble must not be left with goroutines
			stop()
			running.Wait()
			if n := host.alive(); n != 0 {
				t.Errorf("%d gateways are alive after the end", n)
			}
			if st := s.Status(); st.State != Stopped {
				t.Errorf("after the end the state is %v", st.State)
			}
			synctest.Wait()
			unwatch()
			observing.Wait()
			checkTrace(t, s.trace)
			host.close()
		}()
		synctest.Wait() // the observer sees everything
		f(s)
	})
}

// healthy is a machine whose every launch is a healthy gateway.
func healthy(t *testing.T) *fakeHost { return newFakeHost(t, nil) }

// behaving is a machine whose nth launch behaves as the nth value, the last one repeating.
func behaving(b ...behaviour) func(*testing.T) *fakeHost {
	return func(t *testing.T) *fakeHost {
		return newFakeHost(t, func(n int) behaviour { return b[min(n, len(b)-1)] })
	}
}

// checkTrace holds what every sequence of statuses has to keep to.
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
	synctest.Wait() // the gateway has noticed, too
}

// now makes until look at nothing that has happened before.
func (s *scene) now() { s.seen = s.board.newest.Load() }

// until waits in virtual time until a status satisfies ok. It looks at every
// status since the one it found last, so that no short one is missed.
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
	synctest.Wait() // whoever else is concerned has noticed, too
	return s.seen.status
}

func in(state State) func(Status) bool { return func(s Status) bool { return s.State == state } }

// causeOf is the cause in an error.
func causeOf(err error) CauseCode {
	var c Cause
	errors.As(err, &c)
	return c.Code
}
