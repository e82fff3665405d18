package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clawtray/supervisor"
	"clawtray/supervisor/openclaw"
)

// managedUser is a user whose only runtime is the managed one in dir, and who logs in with
// these variables only.
func managedUser(t *testing.T, dir string, env ...string) (*user, openclaw.Runtime) {
	t.Helper()
	t.Parallel()
	u := newUser(t, "")
	u.write(".openclaw/openclaw.json", withoutDashboard)
	u.env = append([]string{"HOME=" + u.home, "OPENCLAW_SKIP_CHANNELS=1"}, env...)
	data := filepath.Join(u.home, ".local/share/clawtray")
	if err := os.MkdirAll(filepath.Dir(data), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, data); err != nil {
		t.Fatal(err)
	}
	installed, err := openclaw.Check(t.Context(), openclaw.InstallOptions{DataDir: dir, Home: u.home})
	if err != nil {
		t.Fatal(err)
	}
	return u, installed.Runtime
}

// anyManaged is withAnyGateway for managed runtimes.
func anyManaged(t *testing.T) string {
	t.Helper()
	dirs := realRuntimes(t) // the newest first
	version := slices.IndexFunc(dirs, func(dir string) bool { return filepath.Base(dir) == "2026.8.2" })
	if *everyRow {
		version = 0
	}
	return dirs[max(version, 0)]
}

// runsManaged starts clawtray and checks that the gateway uses the managed Node and
// OpenClaw.
func (u *user) runsManaged(r openclaw.Runtime) {
	u.t.Helper()
	u.run()
	s := u.until("running", running)
	u.usesNode(s, r)
	if s.GatewayVersion != r.Version {
		u.t.Errorf("runs OpenClaw %s, want %s", s.GatewayVersion, r.Version)
	}
}

// usesNode checks that the gateway's process is the managed Node.
func (u *user) usesNode(s supervisor.Status, r openclaw.Runtime) {
	u.t.Helper()
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", s.PID)); err != nil || exe != r.Node {
		u.t.Errorf("the gateway runs by %s, %v; want %s", exe, err, r.Node)
	}
}

// TestN1_EmptyPath: a desktop session may have only HOME in its environment.
func TestN1_EmptyPath(t *testing.T) {
	long(t)
	u, r := managedUser(t, anyManaged(t))
	u.run()
	u.usesNode(u.until("a process", func(s supervisor.Status) bool { return s.PID != 0 }), r)
	u.quit()
	// The result of the search was saved, and the next start uses it.
	if _, err := os.Stat(filepath.Join(u.home, ".cache/clawtray/runtime.json")); err != nil {
		t.Error(err)
	}
	u.runsManaged(r)
	u.quit()
}

// TestN1_OnlyATooOldNode: the Node in PATH is too old, so the managed one would be used.
func TestN1_OnlyATooOldNode(t *testing.T) {
	long(t)
	old := t.TempDir()
	script := "#!/bin/sh\necho \"v18.20.8 $0\"\n"
	if err := os.WriteFile(filepath.Join(old, "node"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	u, r := managedUser(t, anyManaged(t), "PATH="+old)
	if f := u.doctor()["runtime"]; f.Level != "ok" || !strings.Contains(f.Detail, r.NodeVersion) {
		t.Errorf("%+v", f)
	}
}

// TestN3_InstallCommand: output and exit code of the ways to call `clawtray install`.
func TestN3_InstallCommand(t *testing.T) {
	u := newUser(t, "")
	u.env = append(u.env, "npm_config_registry=http://127.0.0.1:9") // nobody listens there
	for _, c := range []struct {
		args string
		code int
		says []string
	}{
		{"--check", 1, []string{"Newest     not known", "there is none in", `Run "clawtray install" to get it.`}},
		{"--remove", 0, []string{"No managed runtime is installed any more."}},
		{"--check --remove", exitUsage, []string{"choose one of"}},
		{"--update --openclaw 2026.8.2", exitUsage, []string{"choose one of"}},
		{"--update now", exitUsage, []string{"takes no arguments"}},
		{"--update", 1, []string{"127.0.0.1:9", "Check the network"}},
	} {
		out, code := u.cli(append([]string{"install"}, strings.Fields(c.args)...)...)
		if code != c.code {
			t.Errorf("%s: exit %d, want %d", c.args, code, c.code)
		}
		for _, words := range c.says {
			if !strings.Contains(out, words) {
				t.Errorf("%s said %q, want %q in it", c.args, out, words)
			}
		}
	}
}

// TestN3_InstallCommandWithARuntime: the command says what is installed, and installs
// nothing twice.
func TestN3_InstallCommandWithARuntime(t *testing.T) {
	u, r := managedUser(t, realRuntimes(t)[0], "npm_config_registry=http://127.0.0.1:9")
	whole := fmt.Sprintf("Installed  OpenClaw %s with Node %s, complete: ", r.Version, r.NodeVersion)
	if out, code := u.cli("install", "--check"); code != 0 || !strings.Contains(out, whole) || !strings.Contains(out, r.Dir) {
		t.Errorf("--check: exit %d, %s", code, out)
	}
	for _, args := range [][]string{{"install"}, {"install", "--if-missing"}} {
		if out := u.must(args...); !strings.Contains(out, r.Version) || strings.Contains(out, "Downloading") {
			t.Errorf("%v said %q", args, out)
		}
	}
}

// TestN3_InstallFromTheMenu: the installation runs in the supervisor. The status shows its
// phase, and an error that says what to do.
func TestN3_InstallFromTheMenu(t *testing.T) {
	u := newUser(t, "")
	u.env = []string{"HOME=" + u.home, "npm_config_registry=http://127.0.0.1:9"} // nobody listens there
	u.run()
	u.until("an error", func(s supervisor.Status) bool { return s.State == supervisor.Failed })
	asked := make(chan error, 1)
	go func() {
		_, err := u.client.Do(t.Context(), supervisor.Request{Intent: supervisor.Install})
		asked <- err
	}()
	u.until("the installation", func(s supervisor.Status) bool { return s.Phase == supervisor.Installing && s.Install != nil })
	if err := <-asked; err == nil || !strings.Contains(err.Error(), "Check the network") {
		t.Errorf("answered with %v", err)
	}
	s := u.until("an error", func(s supervisor.Status) bool { return s.State == supervisor.Failed })
	if s.Cause.Code != supervisor.InstallFailed || s.Cause.Action() != supervisor.ActInstall || s.Install != nil {
		t.Errorf("status %+v", s)
	}
	u.quit()
}

// TestN3_RemoveWaitsForTheGateway: the runtime of a running gateway stays, also when its
// Node was installed elsewhere.
func TestN3_RemoveWaitsForTheGateway(t *testing.T) {
	u := newUser(t, "")
	const version = ".local/share/clawtray/runtime/2026.9.6-node24.21.0-1/"
	u.write(version+"openclaw/node_modules/openclaw/openclaw.mjs", "// stub")
	u.write(version+"openclaw/node_modules/openclaw/package.json", `{"name": "openclaw", "version": "2026.9.6"}`)
	u.write(version+"node/bin/node", "#!/bin/sh\ncase $1 in -p) echo v24.21.0 $0;; *) exec sleep 3600;; esac\n")
	u.write(".local/share/clawtray/runtime/current", "2026.9.6-node24.21.0-1\n")
	node := filepath.Join(u.home, version, "node/bin/node")
	if err := os.Chmod(node, 0o755); err != nil {
		t.Fatal(err)
	}
	u.write(".openclaw/openclaw.json", `{"gateway": {"mode": "local", "auth": {"mode": "token", "token": "a-token-of-the-test"}}}`) // the stub writes no configuration
	u.env = []string{"HOME=" + u.home}
	u.run()
	u.until("a process", func(s supervisor.Status) bool { return s.PID != 0 })
	if out, code := u.cli("install", "--remove"); code != 1 || !strings.Contains(out, "clawtray stop") {
		t.Errorf("install --remove: exit %d, %s", code, out)
	}
	if _, err := os.Stat(node); err != nil {
		t.Fatal(err)
	}
	u.must("stop")
	u.must("install", "--remove")
	if _, err := os.Stat(node); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the runtime is still there: %v", err)
	}
	u.quit()
}
