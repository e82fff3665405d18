package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"clawtray/packaging/outside"
	"clawtray/supervisor"
)

// TestB7_BrokenConfiguration: doctor repairs what it can, but not an incomplete file. A
// file that breaks later does not disturb the running gateway.
func TestB7_BrokenConfiguration(t *testing.T) {
	long(t)
	t.Run("repaired", func(t *testing.T) {
		u := withGateway(t)
		const mine = `{"gateway": {"mode": "local", "bogus": 1}}`
		u.write(".openclaw/openclaw.json", mine)
		u.run()
		s := u.until("an end", func(s supervisor.Status) bool { return running(s) || s.State == supervisor.Failed })
		if s.State != supervisor.Running {
			t.Fatalf("status %+v", s)
		}

		// Q1: the status names what doctor removed, and one command restores it.
		if s.Repaired == nil || !slices.Contains(s.Repaired.Gone, "gateway.bogus") {
			t.Errorf("repaired %+v", s.Repaired)
		}
		if out := u.must("status"); !strings.Contains(out, "gateway.bogus") || !strings.Contains(out, "clawtray restore") {
			t.Errorf("status:\n%s", out)
		}
		u.must("restore")
		if got := u.read(".openclaw/openclaw.json"); got != mine {
			t.Errorf("restored %q", got)
		}

		// E4, A4: the file breaks while the gateway runs.
		u.write(".openclaw/openclaw.json", `{"gateway": {`)
		s = u.until("degraded", func(s supervisor.Status) bool { return s.Drift.Invalid })
		if s.State != supervisor.Running || s.Health.Level != supervisor.Degraded {
			t.Errorf("with a broken file: %+v", s)
		}
		if out, code := u.cli("reload"); code == 0 || !strings.Contains(out, "rejects its configuration") {
			t.Errorf("reload: exit %d, %s", code, out)
		}
		u.quit()
	})
	t.Run("cut", func(t *testing.T) {
		u := withGateway(t)
		u.write(".openclaw/openclaw.json", `{"gateway": {`)
		u.run()
		s := u.until("an error", func(s supervisor.Status) bool { return running(s) || s.State == supervisor.Failed })
		if s.Cause.Code != supervisor.ConfigBroken || strings.Contains(u.log(), "running openclaw doctor") {
			t.Errorf("status %+v", s)
		}
		if data, _ := os.ReadFile(filepath.Join(u.home, ".openclaw/openclaw.json")); string(data) != `{"gateway": {` {
			t.Errorf("the file became %q", data)
		}
		u.write(".openclaw/openclaw.json", `{"gateway": {"mode": "local"}}`)
		u.until("running by itself", running) // XU12
		u.quit()
	})
}

// TestGatewayOfSomebodyElse: clawtray attaches to a gateway that somebody else runs, and
// leaves it running.
func TestGatewayOfSomebodyElse(t *testing.T) {
	long(t)
	u := withAnyGateway(t)
	other := u.gateway(u.port)
	u.attachesTo(other)
	u.keepsACutConnection(other)
}

// attachesTo: clawtray attaches at the gateway's port, and also when that gateway uses the
// same state directory on another port (M1).
func (u *user) attachesTo(other *exec.Cmd) {
	t := u.t
	t.Helper()
	port := u.port
	u.run()
	s := u.until("running", running)
	if s.Mode != supervisor.Attached || s.PID != other.Process.Pid {
		t.Errorf("status %+v, the other gateway is %d", s, other.Process.Pid)
	}
	u.quit()
	if code := u.healthz(); code != http.StatusOK {
		t.Errorf("after quit the other gateway answers %d", code)
	}

	u.port = freePort(t)
	u.configure()
	u.run()
	s = u.until("running", running) // XH12: at the port of the process that holds the lock
	if s.Mode != supervisor.Attached || s.PID != other.Process.Pid || s.Port == u.port {
		t.Errorf("status %+v, the other gateway is %d", s, other.Process.Pid)
	}
	u.quit()
	if strings.Contains(u.log(), "running openclaw doctor") {
		t.Error("doctor was run for another owner of the state directory")
	}
	u.port = port
}

// keepsACutConnection: a proxy closes the connection to the gateway at u.port again and
// again. clawtray reconnects after longer and longer waits, counts one incident, and leaves
// the gateway running (XH4).
func (u *user) keepsACutConnection(gateway *exec.Cmd) {
	t := u.t
	t.Helper()
	behind := u.port
	u.port = freePort(t)
	u.configure()
	l, err := net.Listen("tcp", outside.Address(u.port))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var proxy outside.Proxy
	go proxy.Serve(l, outside.Address(behind))
	u.run()
	if s := u.until("running", running); s.Mode != supervisor.Attached {
		t.Fatalf("status %+v", s)
	}
	for range 5 {
		proxy.Cut()
		u.until("lost", func(s supervisor.Status) bool { return s.State == supervisor.Reconnecting })
		u.until("back", running)
	}
	s := u.until("running", running)
	if s.Attempts != 5 || len(s.Incidents) != 1 {
		t.Errorf("%d attempts, incidents %+v", s.Attempts, s.Incidents)
	}
	u.quit()
	if gateway.ProcessState != nil || outside.PortFree(behind) {
		t.Error("the gateway did not survive")
	}
}

// gateway starts a gateway as somebody else would, and ends it with the test.
func (u *user) gateway(port int) *exec.Cmd {
	u.t.Helper()
	cmd := exec.Command(u.runtime.node, u.runtime.entry, "gateway", "--port", strconv.Itoa(port), "--bind", "loopback", "--allow-unconfigured")
	u.env = append(u.env, "OPENCLAW_GATEWAY_TOKEN=a-token-of-the-user")
	cmd.Env = append(u.env, "OPENCLAW_NO_RESPAWN=1", "OPENCLAW_DISABLE_BONJOUR=1")
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	eventually(u.t, "the other gateway is ready", func() bool {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", port))
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return cmd
}

// TestB7_StateDirectoryIsAFile: clawtray explains this itself, because the gateway's own
// message misleads.
func TestB7_StateDirectoryIsAFile(t *testing.T) {
	u := withGateway(t)
	u.write(".openclaw", "not a directory")
	u.run()
	s := u.until("an error", func(s supervisor.Status) bool { return s.State == supervisor.Failed })
	if s.Cause.Code != supervisor.StateDirUnusable {
		t.Errorf("status %+v", s)
	}
	u.quit()
}

// TestB7_StateDirectoryIsReadOnly: clawtray gives up and does not run doctor, on the first
// start and on a later one.
func TestB7_StateDirectoryIsReadOnly(t *testing.T) {
	long(t)
	for _, name := range []string{"new", "used before"} {
		t.Run(name, func(t *testing.T) {
			u := withAnyGateway(t)
			u.write(".openclaw/openclaw.json", `{"gateway": {"mode": "local"}}`)
			if name == "used before" {
				u.run()
				u.until("running", running)
				u.quit()
			}
			readOnly(t, filepath.Join(u.home, ".openclaw"))
			u.run()
			s := u.until("an end", func(s supervisor.Status) bool { return running(s) || s.State == supervisor.Failed })
			if s.State != supervisor.Failed || s.Cause.Code != supervisor.StateDirUnusable || !strings.Contains(s.Error, ".openclaw") {
				t.Errorf("status %+v", s)
			}
			u.quit()
			if strings.Contains(u.log(), "running openclaw doctor") {
				t.Error("doctor was run for a directory that cannot be written")
			}
		})
	}
}

// writable removes the owner's permission to write from a directory and everything in it,
// or restores it.
func writable(t *testing.T, dir string, on bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() &^ 0o200
		if on {
			mode |= 0o200
		}
		return os.Chmod(path, mode)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// readOnly makes a directory and everything in it read-only. File modes do not restrict
// root, so root mounts the directory over itself.
func readOnly(t *testing.T, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		writable(t, dir, false)
		t.Cleanup(func() { writable(t, dir, true) })
		return
	}
	err := syscall.Mount(dir, dir, "", syscall.MS_BIND, "")
	if errors.Is(err, syscall.EPERM) && os.Getenv("CI") != "true" {
		t.Skip("root without the right to mount cannot make a directory read-only; run this as another user")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
}
