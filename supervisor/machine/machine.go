package machine

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/peer"
)

// Machine is the real machine. Its methods are what package supervisor calls a Host.
// Each method returns when its context ends, also when the file system or the operating
// system does not answer; the error then says what hangs.
type Machine struct {
	Search      openclaw.Search
	Env         []string // the user's environment, from which the gateway's is made
	Home        string
	Profile     string // of OpenClaw; empty for the default one
	Given       openclaw.Overrides
	NodeOptions string // NODE_OPTIONS of the gateway; those in Env are dropped
	StateDir    string // of clawtray: for the run file, its own token and the gateway's output
	CacheDir    string // for Node's compile cache
	Log         *slog.Logger

	mu    sync.Mutex // guards Search, Given, NodeOptions, run.last, run.own and run.bare
	run   run
	lanes lanes
}

// run is what belongs to this run of clawtray.
type run struct {
	once   sync.Once // for id and reader
	id     string
	kin    kin
	last   openclaw.Runtime // that Runtime found last
	reader *openclaw.Reader // of OpenClaw's configuration
	own    *openclaw.Reader // the same with clawtray's own token; nil until it is needed
	bare   bool             // OpenClaw could not write a configuration, so it runs without one
}

// lanes has a lane for each thing that can hang, so that it does not delay the others.
type lanes struct {
	runtime, upgrade, install, repair, token, ask, setup, missing lane
	accepted, copies, owner, launch, obstacle, space, listener    lane
}

// RunID marks every process that this run of clawtray has started.
func (m *Machine) RunID() string {
	m.run.once.Do(m.begin)
	return m.run.id
}

func (m *Machine) begin() {
	m.run.id = rand.Text()
	m.run.reader = openclaw.NewReader(m.inputs())
}

// Configure sets what the user has configured in clawtray: the paths of Node and of
// OpenClaw, the gateway's NODE_OPTIONS, and values that override OpenClaw's own
// configuration. Each may be empty.
func (m *Machine) Configure(node, entry, nodeOptions string, given openclaw.Overrides) {
	m.RunID() // makes the reader
	m.mu.Lock()
	m.Search.NodePath, m.Search.EntryPath, m.NodeOptions, m.Given, m.run.own = node, entry, nodeOptions, given, nil
	m.mu.Unlock()
	m.run.reader.Use(m.inputs())
}

// inputs are what the user's gateway depends on, besides OpenClaw's files.
func (m *Machine) inputs() openclaw.Inputs {
	m.mu.Lock()
	defer m.mu.Unlock()
	return openclaw.Inputs{Env: m.Env, Home: m.Home, Profile: m.Profile, Given: m.Given}
}

func (m *Machine) search() openclaw.Search {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Search
}

// Runtime finds Node and OpenClaw. When one is missing, the error is a
// *openclaw.MissingError.
func (m *Machine) Runtime(ctx context.Context) (openclaw.Runtime, error) {
	type found struct {
		openclaw.Runtime
		trace openclaw.Trace
		err   error
	}
	f, err := call[found]{what: "looking for Node and OpenClaw", settles: settle, do: func() (f found, _ error) {
		f.Runtime, f.trace, f.err = openclaw.Resolve(ctx, m.search())
		return f, nil
	}}.in(ctx, &m.lanes.runtime)
	if err != nil {
		return openclaw.Runtime{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.err != nil || f.Runtime != m.run.last {
		for _, step := range f.trace {
			m.Log.Debug("looking for the runtime", "step", step.String())
		}
	}
	m.run.last = f.Runtime
	return f.Runtime, f.err
}

// AwaitUpgrade returns when npm is not replacing the OpenClaw that Runtime found last, and
// after a minute at the latest. It calls waiting once before it waits. What was found
// last is kept on disk, so that this also works for the first start of a clawtray.
func (m *Machine) AwaitUpgrade(ctx context.Context, waiting func()) {
	var g gate
	defer g.close()
	_, err := call[struct{}]{what: "looking whether npm replaces OpenClaw", settles: settle, do: func() (struct{}, error) {
		return struct{}{}, openclaw.AwaitUpgrade(ctx, m.search(), func() { g.pass(waiting) })
	}}.in(ctx, &m.lanes.upgrade)
	if err != nil && ctx.Err() == nil {
		m.Log.Warn("OpenClaw's files did not come back", "err", err)
	}
}

// Install fetches the managed runtime: OpenClaw in the pinned version, or the newest.
func (m *Machine) Install(ctx context.Context, newest bool, progress func(InstallProgress)) error {
	o := openclaw.InstallOptions{DataDir: m.search().DataDir, Home: m.Home, Env: m.Env}
	if newest {
		o.OpenClawVersion = openclaw.Newest
	}
	var g gate
	defer g.close()
	step := ""
	o.Progress = func(p openclaw.Progress) {
		if p.Step != step {
			step = p.Step
			m.Log.Info("installing", "step", step)
		}
		g.pass(func() { progress(InstallProgress{Step: p.Of, Done: p.Bytes, Total: p.Total, Items: p.Items}) })
	}
	r, err := call[openclaw.Runtime]{what: "installing OpenClaw", settles: settle, do: func() (openclaw.Runtime, error) {
		return openclaw.Install(ctx, o)
	}}.in(ctx, &m.lanes.install)
	m.Log.Info("installation ended", "openclaw", r.Version, "node", r.NodeVersion, "err", err)
	return err
}

// TokenFile is the file in clawtray's state directory for the token that clawtray made.
func TokenFile(stateDir string) string { return filepath.Join(stateDir, "gateway-token") }

// Effective reads what the user's configuration says about the gateway. It changes
// nothing.
func (m *Machine) Effective(ctx context.Context) (openclaw.Effective, error) {
	m.RunID() // makes the reader
	return m.run.reader.Read(ctx)
}

// Gateway is Effective, with clawtray's own token when the configuration has none.
// Without that, OpenClaw would make a token that nobody can read (measured, 2026.9.6).
//
// With clawtray's own token it reads a second time, because a file may refer to the token
// with ${OPENCLAW_GATEWAY_TOKEN}. Both readers look only at the files' stamps while
// nothing changes.
func (m *Machine) Gateway(ctx context.Context) (openclaw.Effective, error) {
	e, err := m.Effective(ctx)
	m.mu.Lock()
	own, bare := m.run.own, m.run.bare
	m.mu.Unlock()
	if err != nil || e.IsRemote() || e.File.Exists && e.Mode.Value == "" || !e.File.Exists && !bare ||
		e.SignIn.Mode.Value != openclaw.SignInToken || !openclaw.IsConfigError(e.SignInProblem(), openclaw.ConfigNoSecret) {
		return e, err
	}
	if own == nil {
		in, err := m.withOwnToken(ctx)
		if err != nil {
			m.Log.Warn("clawtray has no token of its own", "err", err)
			return e, nil
		}
		own = openclaw.NewReader(in)
		m.mu.Lock()
		m.run.own = own
		m.mu.Unlock()
	}
	return own.Read(ctx)
}

// withOwnToken are the inputs with clawtray's own token.
func (m *Machine) withOwnToken(ctx context.Context) (openclaw.Inputs, error) {
	in, file := m.inputs(), TokenFile(m.StateDir)
	token, err := call[openclaw.Token]{what: "reading " + file, do: func() (openclaw.Token, error) {
		return openclaw.OwnToken(file)
	}}.in(ctx, &m.lanes.token)
	in.Given.Token = token.Value
	return in, err
}

// Ask has OpenClaw resolve the secret that only it can get, see [openclaw.Reader.Ask]. Of
// somebody else's gateway the runtime is not known yet, and is looked for.
func (m *Machine) Ask(ctx context.Context, r openclaw.Runtime) error {
	m.RunID() // makes the reader
	if r.Node == "" {
		var err error
		if r, err = m.Runtime(ctx); err != nil {
			return err
		}
	}
	_, err := call[struct{}]{what: "asking OpenClaw for a secret", settles: settle, do: func() (none struct{}, err error) {
		_, err = m.run.reader.Ask(ctx, r, m.launch(openclaw.Child{}))
		return none, err
	}}.in(ctx, &m.lanes.ask)
	return err
}

// FirstRun lets OpenClaw write its first configuration. When OpenClaw cannot do that, the
// gateway will run without a configuration, with clawtray's own token.
func (m *Machine) FirstRun(ctx context.Context, r openclaw.Runtime) (openclaw.Effective, error) {
	type written struct {
		e   openclaw.Effective
		err error
	}
	in := m.inputs()
	if _, err := os.Stat(TokenFile(m.StateDir)); err == nil && in.Given.Token == "" { // an older clawtray has made it
		if kept, err := m.withOwnToken(ctx); err == nil {
			in = kept
		}
	}
	w, err := call[written]{what: "openclaw config patch", settles: settle, do: func() (w written, _ error) {
		w.e, w.err = openclaw.FirstRun(ctx, r, in)
		return w, nil
	}}.in(ctx, &m.lanes.setup)
	if err != nil {
		return openclaw.Effective{}, err
	}
	if w.err != nil && ctx.Err() == nil && !errors.Is(w.err, openclaw.ErrConfigured) {
		m.Log.Warn("OpenClaw wrote no configuration; it runs without one", "err", w.err)
		m.mu.Lock()
		m.run.bare = true
		m.mu.Unlock()
		return m.Gateway(ctx)
	}
	return w.e, w.err
}

func (m *Machine) launch(c openclaw.Child) openclaw.Launch {
	m.mu.Lock()
	options := m.NodeOptions
	m.mu.Unlock()
	return openclaw.Launch{Child: c, RunID: m.RunID(), Env: m.Env, NodeOptions: options, CacheDir: m.CacheDir, StartupTrace: true}
}

func (m *Machine) launcher(port int) launcher {
	return launcher{dir: m.StateDir, runID: m.RunID(), port: port, kin: &m.run.kin, log: m.Log}
}

// Launch starts a gateway and returns as soon as the process exists. The error is a
// *[LaunchError]. When ctx ends first, the process is ended as soon as it exists.
func (m *Machine) Launch(ctx context.Context, r openclaw.Runtime, s Spawn) (Process, error) {
	if err := m.awaitDoctor(ctx); err != nil { // it changes what a gateway reads
		return nil, err
	}
	c, err := call[*child]{what: "starting " + r.Node, do: func() (*child, error) {
		child := s.Child
		if s.Safe {
			var err error
			if child, err = child.Safe(s.Paths, m.Env, filepath.Join(m.StateDir, "safe-start")); err != nil {
				return nil, launchError(err)
			}
		}
		l := m.launcher(s.Port)
		l.safe = s.Safe
		return l.start(r.Gateway(m.launch(child)))
	}, undo: func(c *child) {
		c.discard()
		_ = c.Release(context.Background())
	}}.in(ctx, &m.lanes.launch)
	if err != nil { // do not return a nil *child in a Process
		return nil, err
	}
	if err := r.Lease(m.Search.DataDir, c.pid); err != nil {
		m.Log.Warn("an installation may remove the files that the gateway runs from", "err", err)
	}
	return c, nil
}

// Orphan takes over the gateway of an earlier run of clawtray, and returns nil when there
// is none. The gateway must be alive, and pid, start time and run id must prove that it
// is ours. When the clawtray that started it is alive, the gateway is left to that one.
// The run file of a gateway that has ended is removed.
func (m *Machine) Orphan(ctx context.Context) (Process, error) {
	c, err := call[*child]{what: "looking for a gateway of an earlier run in " + m.StateDir, do: m.launcher(0).adopt,
		undo: func(c *child) {
			if c != nil {
				c.out.leave()
			}
		}}.in(ctx, &m.lanes.launch)
	if c == nil { // do not return a nil *child in a Process
		return nil, err
	}
	return c, err
}

// CheckPeer returns nil when the program at the other end of a connection within this
// machine belongs to our own user.
func (m *Machine) CheckPeer(ctx context.Context, conn net.Conn) error {
	return peer.Check(ctx, conn.LocalAddr(), conn.RemoteAddr())
}

// Dial connects directly. It does not use the proxies that the user has configured.
func (m *Machine) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// FreePort is the next port after p on which nobody listens; 0 when there is none.
func (m *Machine) FreePort(ctx context.Context, p int) int {
	for next := p + 1; next < 1<<16 && ctx.Err() == nil; next++ {
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(next))); err == nil {
			l.Close()
			return next
		}
	}
	return 0
}

// Wakes is a channel that receives a value when the machine has woken up, until ctx ends.
// It is nil or closed on a system that does not tell.
func (m *Machine) Wakes(ctx context.Context) <-chan struct{} { return watchSleep(ctx) }

// Missing lists programs that OpenClaw's skills need and that this machine does not have.
// It may be slow.
func (m *Machine) Missing(ctx context.Context) []string {
	r, err := m.Runtime(ctx)
	if err != nil {
		return nil // the start will report that
	}
	lacks, err := call[[]string]{what: "looking through PATH", do: func() ([]string, error) {
		return MissingTools(r.Path), nil
	}}.in(ctx, &m.lanes.missing)
	if err != nil {
		m.Log.Warn("what skills need could not be looked for", "err", err)
	}
	return lacks
}

// MissingTools lists programs that OpenClaw's skills need and that are in none of the
// folders of a PATH.
func MissingTools(path string) []string {
	for _, dir := range filepath.SplitList(path) {
		for _, name := range []string{"python3", "python", "python3.exe", "python.exe"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
				return nil
			}
		}
	}
	return []string{"Python, which some skills need"}
}
