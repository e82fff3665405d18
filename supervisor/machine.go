package supervisor

import (
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

	gopsnet "github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"

	"clawtray/supervisor/openclaw"
)

// Machine is the real [Host].
type Machine struct {
	Search          openclaw.Search
	Env             []string // the user's environment, that the gateway's is made from
	Home            string
	ConfiguredToken string
	StateDir        string // clawtray's own, for the run file, the kept token and the gateway's output
	CacheDir        string // for Node's compile cache
	Log             *slog.Logger

	once  sync.Once
	runID string
	mu    sync.Mutex
	last  openclaw.Runtime
}

// RunID marks every process of this run of clawtray (BEHAVIOUR M2).
func (m *Machine) RunID() string {
	m.once.Do(func() { m.runID = rand.Text() })
	return m.runID
}

// Configure changes what the user has configured: a Node, an OpenClaw and a
// token; each may be empty.
func (m *Machine) Configure(node, entry, token string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Search.NodePath, m.Search.EntryPath, m.ConfiguredToken = node, entry, token
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
	return openclaw.ReadConfig(m.paths().ConfigPath)
}

func (m *Machine) paths() openclaw.Paths { return openclaw.PathsFrom(m.Env, m.Home) }

func (m *Machine) launch(s Spawn) openclaw.Launch {
	return openclaw.Launch{Port: s.Port, Token: s.Token, RunID: m.RunID(), Env: m.Env, CacheDir: m.CacheDir, StartupTrace: true}
}

// Launch implements Host.
func (m *Machine) Launch(ctx context.Context, r openclaw.Runtime, s Spawn) (Process, error) {
	return startChild(r.Gateway(m.launch(s)), m.StateDir, m.RunID())
}

// Repair implements Host.
func (m *Machine) Repair(ctx context.Context, r openclaw.Runtime) (string, error) {
	return r.Doctor(ctx, m.launch(Spawn{}))
}

// Orphan implements Host.
func (m *Machine) Orphan(ctx context.Context) (Process, error) {
	return adopt(m.StateDir, m.RunID(), m.Log)
}

// Dial implements Host: straight to loopback, whatever proxies the user has.
func (m *Machine) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// Listener implements Host.
func (m *Machine) Listener(ctx context.Context, port int) (Listener, bool) {
	list, err := gopsnet.ConnectionsWithContext(ctx, "tcp")
	if err != nil {
		return Listener{}, false
	}
	for _, c := range list {
		if c.Status != "LISTEN" || int(c.Laddr.Port) != port || !reachable(c.Laddr.IP) {
			continue
		}
		return describe(ctx, c), true
	}
	return Listener{}, false
}

// reachable reports whether a listener on this address gets what is sent to
// 127.0.0.1, or would keep the gateway from binding it.
func reachable(addr string) bool {
	ip := net.ParseIP(addr)
	return addr == "*" || ip == nil || ip.IsLoopback() || ip.IsUnspecified()
}

func describe(ctx context.Context, c gopsnet.ConnectionStat) Listener {
	l := Listener{PID: int(c.Pid), Name: "unknown program"}
	uid := -1
	if len(c.Uids) > 0 {
		uid = int(c.Uids[0])
	}
	if p, err := process.NewProcessWithContext(ctx, c.Pid); err == nil && c.Pid > 0 {
		if name, err := p.NameWithContext(ctx); err == nil {
			l.Name = name
		}
		if uids, err := p.UidsWithContext(ctx); err == nil && len(uids) > 0 {
			uid = int(uids[0])
		}
	}
	if me := os.Getuid(); me >= 0 && uid >= 0 && uid != me {
		l.User = strconv.Itoa(uid)
	}
	return l
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
	PID     int    `json:"pid"`
	Created int64  `json:"created"` // process start, Unix milliseconds as the system tells it
	RunID   string `json:"runId"`
}

// belongs reports whether a process carries the run id in its environment. A
// process whose environment cannot be read does not count.
func belongs(p *process.Process, runID string) bool {
	env, err := p.Environ()
	if err != nil {
		return false
	}
	want := openclaw.RunIDVar + "=" + runID
	for _, v := range env {
		if v == want {
			return true
		}
	}
	return false
}

// ours lists the living processes that carry the run id, ourselves excluded.
func ours(runID string) []*process.Process {
	all, err := process.Processes()
	if err != nil {
		return nil
	}
	var found []*process.Process
	for _, p := range all {
		if int(p.Pid) != os.Getpid() && belongs(p, runID) && !zombie(p) {
			found = append(found, p)
		}
	}
	return found
}

func zombie(p *process.Process) bool {
	status, err := p.Status()
	return err != nil || len(status) > 0 && status[0] == process.Zombie
}

// activity is a process's CPU time and whether it is stopped.
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
	return time.Duration((times.User + times.System) * float64(time.Second)), stopped, nil
}
