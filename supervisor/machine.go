package supervisor

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"clawtray/supervisor/openclaw"
)

// Machine is the real [Host].
type Machine struct {
	Search          openclaw.Search
	Env             []string // the user's environment, that the gateway's is made from
	Home            string
	ConfiguredToken string
	NodeOptions     string // for the gateway; Env's own are dropped
	StateDir        string // clawtray's own, for the run file, the kept token and the gateway's output
	CacheDir        string // for Node's compile cache
	Log             *slog.Logger

	once   sync.Once
	runID  string
	config openclaw.ConfigReader
	mu     sync.Mutex
	last   openclaw.Runtime
}

// RunID marks every process of this run of clawtray (BEHAVIOUR M2).
func (m *Machine) RunID() string {
	m.once.Do(m.begin)
	return m.runID
}

func (m *Machine) begin() {
	m.runID = rand.Text()
	m.config.Path = m.paths().ConfigPath
}

// Configure changes what the user has configured: a Node, an OpenClaw, a token
// and the gateway's NODE_OPTIONS; each may be empty.
func (m *Machine) Configure(node, entry, token, nodeOptions string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Search.NodePath, m.Search.EntryPath, m.ConfiguredToken, m.NodeOptions = node, entry, token, nodeOptions
}

// Runtime implements Host.
func (m *Machine) Runtime(ctx context.Context) (openclaw.Runtime, error) {
	m.mu.Lock()
	search := m.Search
	m.mu.Unlock()
	r, trace, err := openclaw.Resolve(ctx, search)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil || r != m.last {
		for _, step := range trace {
			m.Log.Debug("looking for the runtime", "step", step.String())
		}
	}
	m.last = r
	return r, err
}

// AwaitUpgrade implements Host. The OpenClaw found last is remembered on disk, so
// that this also works for the first start of a clawtray.
func (m *Machine) AwaitUpgrade(ctx context.Context, waiting func()) {
	if err := openclaw.AwaitUpgrade(ctx, m.Search, waiting); err != nil && ctx.Err() == nil {
		m.Log.Warn("OpenClaw's files did not come back", "err", err)
	}
}

// Install implements Host.
func (m *Machine) Install(ctx context.Context, newest bool, progress func(InstallProgress)) error {
	o := openclaw.InstallOptions{DataDir: m.Search.DataDir, Home: m.Home, Env: m.Env}
	if newest {
		o.OpenClawVersion = openclaw.Newest
	}
	step := ""
	o.Progress = func(p openclaw.Progress) {
		if p.Step != step {
			step = p.Step
			m.Log.Info("installing", "step", step)
		}
		progress(InstallProgress{Step: p.Of, Done: p.Bytes, Total: p.Total, Items: p.Items})
	}
	r, err := openclaw.Install(ctx, o)
	m.Log.Info("installation ended", "openclaw", r.Version, "node", r.NodeVersion, "err", err)
	return err
}

// Token implements Host.
func (m *Machine) Token() (openclaw.Token, error) {
	cfg, err := m.GatewayConfig()
	if err != nil {
		m.Log.Warn("the gateway's configuration could not be read", "err", err)
	}
	m.mu.Lock()
	configured := m.ConfiguredToken
	m.mu.Unlock()
	return openclaw.FindToken(configured, m.Env, cfg, TokenFile(m.StateDir))
}

// TokenFile is where a token that clawtray made is kept, below its state directory.
func TokenFile(stateDir string) string { return filepath.Join(stateDir, "gateway-token") }

// GatewayConfig implements Host.
func (m *Machine) GatewayConfig() (openclaw.Config, error) {
	m.once.Do(m.begin)
	return m.config.Read()
}

func (m *Machine) paths() openclaw.Paths { return openclaw.PathsFrom(m.Env, m.Home) }

func (m *Machine) launch(s Spawn) openclaw.Launch {
	m.mu.Lock()
	options := m.NodeOptions
	m.mu.Unlock()
	return openclaw.Launch{Port: s.Port, Token: s.Token, RunID: m.RunID(), Env: m.Env, NodeOptions: options, CacheDir: m.CacheDir, StartupTrace: true}
}

// Launch implements Host.
func (m *Machine) Launch(ctx context.Context, r openclaw.Runtime, s Spawn) (Process, error) {
	c, err := startChild(r.Gateway(m.launch(s)), m.StateDir, m.RunID(), m.Log)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Repair implements Host.
func (m *Machine) Repair(ctx context.Context, r openclaw.Runtime) (string, error) {
	return r.Doctor(ctx, m.launch(Spawn{}))
}

// Orphan implements Host.
func (m *Machine) Orphan(ctx context.Context) (Process, error) {
	c, err := adopt(m.StateDir, m.RunID(), m.Log)
	if c == nil { // not a Process that is nil inside
		return nil, err
	}
	return c, err
}

// Dial implements Host: straight to loopback, whatever proxies the user has.
func (m *Machine) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// FreePort implements Host.
func (m *Machine) FreePort(p int) int {
	for next := p + 1; next < 1<<16; next++ {
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(next))); err == nil {
			l.Close()
			return next
		}
	}
	return 0
}

// Missing implements Host.
func (m *Machine) Missing(ctx context.Context) []string {
	r, err := m.Runtime(ctx)
	if err != nil {
		return nil // the start says it better
	}
	return MissingTools(r.Path)
}

// MissingTools names what OpenClaw's skills need and the folders of a PATH lack.
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

// Obstacle implements Host: the gateway's own words mislead for a state
// directory that is a file or cannot be written, and for a full disk (measured,
// OpenClaw 2026.9.6 speaks of a state migration).
func (m *Machine) Obstacle() (Cause, bool) {
	dir := m.paths().StateDir
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Cause{}, false
	case err != nil:
		return Cause{Code: StateDirUnusable, Detail: err.Error()}, true
	case !info.IsDir():
		return Cause{Code: StateDirUnusable, Detail: dir + " is not a directory"}, true
	}
	f, err := os.CreateTemp(dir, ".clawtray-*")
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return Cause{Code: DiskFull, Detail: dir}, true
	case err != nil:
		return Cause{Code: StateDirUnusable, Detail: err.Error()}, true
	}
	_, err = f.WriteString("x")
	f.Close()
	os.Remove(f.Name())
	if errors.Is(err, syscall.ENOSPC) {
		return Cause{Code: DiskFull, Detail: dir}, true
	}
	return Cause{}, false
}

// runFile is what a later run needs to recognise the gateway of this one. All
// three must match a living process before it counts as ours (BEHAVIOUR M2).
type runFile struct {
	PID   int    `json:"pid"`
	Start int64  `json:"start"` // of the process, in the unit that inspect gives
	RunID string `json:"runId"`
}

// processInfo is what inspect tells of a process.
type processInfo struct {
	pid    int
	parent int   // pid; 0 where the system does not tell reliably
	start  int64 // with the pid it names one process until the next boot; the unit is the system's own
	ended  bool  // a zombie: nothing runs any more
}

// lives reports whether pid is still the process that began at start.
func lives(pid int, start int64) bool {
	info, ok := inspect(pid)
	return ok && info.start == start && !info.ended
}

// belongs reports whether a process carries the run id in its environment. A
// process whose environment cannot be read does not count.
func belongs(pid int, runID string) bool {
	return bytes.Contains(environ(pid), []byte("\x00"+openclaw.RunIDVar+"="+runID+"\x00"))
}

// ours lists the living processes that carry the run id, with their
// descendants: a command may have cleared its environment, and macOS shows that
// of its own shells to nobody. Ourselves and our other children are left out.
func ours(runID string) []processInfo {
	all, err := process.Pids()
	if err != nil {
		return nil
	}
	me := os.Getpid()
	seen, carries := map[int]processInfo{}, map[int]bool{}
	for _, p := range all {
		pid := int(p)
		if info, ok := inspect(pid); ok && !info.ended {
			seen[pid], carries[pid] = info, belongs(pid, runID)
		}
	}
	var found []processInfo
	for _, info := range seen {
		// The bound is for a list that changed while it was read.
		for pid, n := info.pid, 0; pid != me && n < len(seen); pid, n = seen[pid].parent, n+1 {
			if carries[pid] {
				found = append(found, info)
				break
			}
		}
	}
	return found
}

// sendTo sends sig to a process that is what the caller means, and to no other:
// the system's handle is taken before the look, so that a pid that changes hands
// in between is not hit. A process that has ended is no error.
func sendTo(pid int, sig os.Signal, means func() bool) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return nil
	}
	defer p.Release()
	if !means() {
		return nil
	}
	if err := p.Signal(sig); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// activity is the CPU time that a process used, or wanted and did not get, and
// whether it is stopped.
func activity(pid int) (time.Duration, bool, error) {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return 0, false, err
	}
	times, err := p.Times()
	if err != nil {
		return 0, false, fmt.Errorf("process times: %w", err)
	}
	status, err := p.Status()
	stopped := err == nil && len(status) > 0 && status[0] == process.Stop
	used := time.Duration((times.User + times.System) * float64(time.Second))
	return used + waited(pid), stopped, nil
}
