package commands

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"clawtray/packaging/outside"
	"clawtray/supervisor"
	"clawtray/supervisor/openclaw"
)

// runtimesVar lists the data directories into which packaging/runtime.sh has installed
// runtimes, separated as in PATH, newest first.
const runtimesVar = "CLAWTRAY_TEST_RUNTIMES"

// realRuntimes returns the data directories that `make` has installed into.
func realRuntimes(t *testing.T) []string {
	t.Helper()
	dirs := filepath.SplitList(os.Getenv(runtimesVar))
	if len(dirs) == 0 {
		const how = runtimesVar + " is not set; `make check` and `make test-matrix` install runtimes and set it"
		if os.Getenv("CI") == "true" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	return dirs
}

// TestMatrix runs one life with each OpenClaw: install, start, crash, restart, reload,
// stop.
func TestMatrix(t *testing.T) {
	long(t)
	t.Parallel()
	for _, dir := range realRuntimes(t) {
		if filepath.Base(dir) != "2026.6.11" && !*everyRow {
			continue // TestFirstLight is such a life with the newest, and most tests use 2026.8.2
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			installed, err := openclaw.Check(t.Context(), openclaw.InstallOptions{DataDir: dir, Home: t.TempDir(), Env: os.Environ()})
			if err != nil {
				t.Fatal(err)
			}
			r := installed.Runtime
			u := newUser(t, fmt.Sprintf("node = %q\nopenclaw = %q", r.Node, r.Entry))
			m := life{user: u, began: began}
			m.mark("check")
			m.live(r)
			t.Logf("OpenClaw %s, Node %s (it wants %s):%s", r.Version, r.NodeVersion, r.Engines, m.times.String())
		})
	}
}

// life is one life in the matrix, with the duration of its parts.
type life struct {
	*user
	began time.Time
	times strings.Builder
}

// mark records how long the last part took. The times are shown, but not checked.
func (m *life) mark(part string) {
	fmt.Fprintf(&m.times, " %s %.1f s,", part, time.Since(m.began).Seconds())
	m.began = time.Now()
}

func (m *life) live(r openclaw.Runtime) {
	t := m.t
	config := func(level string) {
		m.write(".openclaw/openclaw.json", fmt.Sprintf(`{"gateway": {"mode": "local"}, "logging": {"level": %q}}`, level))
	}
	config("info")
	m.run()
	first := m.until("running", running)
	m.mark("start")
	if first.Mode != supervisor.Managed || first.GatewayVersion != r.Version || first.InstalledVersion != "" || !first.Facts.All() {
		t.Errorf("running as %+v", first)
	}
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", first.PID)); err != nil || exe != r.Node {
		t.Errorf("the gateway runs %s, %v; want %s", exe, err, r.Node)
	}

	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := m.until("running with a new process", func(s supervisor.Status) bool { return running(s) && s.PID != first.PID })
	m.mark("crash")
	if len(second.Incidents) != 1 || second.Incidents[0].Open() || second.Incidents[0].Cause.Code != supervisor.Killed {
		t.Errorf("incidents after the crash: %+v", second.Incidents)
	}
	if owned := outside.Marked(m.home); !slices.Contains(owned, second.PID) || slices.Contains(owned, first.PID) {
		t.Errorf("processes of ours: %v, the gateway is %d", owned, second.PID)
	}

	m.must("restart")
	third := m.until("running", running)
	m.mark("restart")
	if third.Launches != second.Launches+1 || len(third.Incidents) != 1 || third.GatewayVersion != r.Version {
		t.Errorf("after the restart: %+v", third)
	}

	config("debug")
	if out := m.must("reload"); !strings.Contains(out, "configuration") {
		t.Errorf("the reload said %q", out)
	}
	m.mark("reload")
	if s := m.until("running with what is on disk", func(s supervisor.Status) bool { return running(s) && s.Drift.Since.IsZero() }); s.InstalledVersion != "" {
		t.Errorf("runs %s, and %s is said to be installed", s.GatewayVersion, s.InstalledVersion)
	}

	m.must("stop")
	m.mark("stop")
	m.nothingIsLeft("after the stop")
	m.quit()
	if code := m.process.ProcessState.ExitCode(); code != 0 {
		t.Errorf("clawtray ended with %d", code)
	}
}
