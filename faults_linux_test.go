package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"clawtray/supervisor"
)

// TestB7_BrokenConfiguration: doctor repairs what it can, is quoted when it
// cannot, and a file that breaks later does not disturb the gateway that runs.
func TestB7_BrokenConfiguration(t *testing.T) {
	t.Run("repaired", func(t *testing.T) {
		u := withGateway(t)
		u.write(".openclaw/openclaw.json", `{"gateway": {"mode": "local", "bogus": 1}}`)
		u.run()
		s := u.until("an end", func(s supervisor.Status) bool { return running(s) || s.State == supervisor.Failed })
		if s.State != supervisor.Running {
			t.Fatalf("status %+v", s)
		}

		// E4, A4: broken while it runs.
		u.write(".openclaw/openclaw.json", `{"gateway": {`)
		s = u.until("degraded", func(s supervisor.Status) bool { return s.Drift.Invalid })
		if s.State != supervisor.Running || s.Health.Level != supervisor.Degraded {
			t.Errorf("with a broken file: %+v", s)
		}
		if out, code := u.cli("reload"); code == 0 || !strings.Contains(out, "rejects its configuration") {
			t.Errorf("reload: exit %d, %s", code, out)
		}
		u.must("quit")
		<-u.ended
	})
	t.Run("quoted", func(t *testing.T) {
		u := withGateway(t)
		u.write(".openclaw/openclaw.json", `{"gateway": {`)
		u.run()
		s := u.until("an error", func(s supervisor.Status) bool { return running(s) || s.State == supervisor.Failed })
		if s.Cause.Code != supervisor.ConfigInvalid || !strings.Contains(s.Error, "doctor said") {
			t.Errorf("status %+v", s)
		}
		if data, _ := os.ReadFile(filepath.Join(u.home, ".openclaw/openclaw.json")); string(data) != `{"gateway": {` {
			t.Errorf("the file became %q", data)
		}
		u.must("quit")
		<-u.ended
	})
}

// TestM1_SecondGateway: a gateway somebody else runs is attached to and left
// running; one that uses the same state directory on another port is told apart
// from a bad configuration.
func TestM1_SecondGateway(t *testing.T) {
	u := withGateway(t)
	other := u.gateway(u.port)
	u.run()
	s := u.until("running", running)
	if s.Mode != supervisor.Attached || s.PID != other.Process.Pid {
		t.Errorf("status %+v, the other gateway is %d", s, other.Process.Pid)
	}
	u.must("quit")
	<-u.ended
	if code := u.healthz(); code != http.StatusOK {
		t.Errorf("after quit the other gateway answers %d", code)
	}

	u.port = freePort(t)
	u.configure()
	u.run()
	s = u.until("an error", func(s supervisor.Status) bool { return s.State == supervisor.Failed })
	if s.Cause.Code != supervisor.StateDirOwned {
		t.Errorf("status %+v", s)
	}
	u.must("quit")
	<-u.ended
	if strings.Contains(u.log(), "running openclaw doctor") {
		t.Error("doctor was run for another owner of the state directory")
	}
}

// gateway starts a gateway as somebody else would, and ends it with the test.
func (u *user) gateway(port int) *exec.Cmd {
	u.t.Helper()
	node, entry := realRuntime(u.t)
	cmd := exec.Command(node, entry, "gateway", "--port", strconv.Itoa(port), "--bind", "loopback", "--allow-unconfigured")
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

// TestF2_StoppedProcess: SIGSTOP is over within two minutes with the default settings.
func TestF2_StoppedProcess(t *testing.T) {
	u := withGateway(t)
	u.run()
	first := u.until("running", running)
	if err := syscall.Kill(first.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s := u.until("running with a new process", func(s supervisor.Status) bool { return running(s) && s.PID != first.PID })
	if s.Incidents[0].Cause.Code != supervisor.Hung {
		t.Errorf("shown as %+v", s.Incidents)
	}
	u.must("quit")
	<-u.ended
	if pids := u.marked(); len(pids) != 0 {
		t.Errorf("left behind: %v", pids)
	}
}

// TestG4_StoppedFromOutside: a SIGTERM by somebody else is recovered once, then respected.
func TestG4_StoppedFromOutside(t *testing.T) {
	u := withGateway(t)
	u.run()
	first := u.until("running", running)
	syscall.Kill(first.PID, syscall.SIGTERM)
	second := u.until("running again", func(s supervisor.Status) bool { return running(s) && s.PID != first.PID })
	if second.Incidents[0].Cause.Code != supervisor.StoppedOutside {
		t.Errorf("shown as %+v", second.Incidents)
	}
	syscall.Kill(second.PID, syscall.SIGTERM)
	if s := u.until("stopped", func(s supervisor.Status) bool { return s.State == supervisor.Stopped }); s.Cause.Code != supervisor.StoppedOutside {
		t.Errorf("stopped as %+v", s)
	}
	u.must("start")
	u.must("quit")
	<-u.ended
}

// TestH4_WrongToken: the gateway's own configuration beats our token; that is
// said once, with where the two come from, and the gateway is left alone.
func TestH4_WrongToken(t *testing.T) {
	u := withGateway(t, `token = "the-one-that-is-wrong"`)
	u.write(".openclaw/openclaw.json", `{"gateway": {"mode": "local", "auth": {"token": "the-one-that-counts"}}}`)
	u.run()
	s := u.until("an error", func(s supervisor.Status) bool { return s.State == supervisor.Failed })
	if s.Cause.Code != supervisor.TokenMismatch || !strings.Contains(s.Error, "openclaw.json") || strings.Contains(s.Error, "the-one-that") {
		t.Errorf("status %+v", s)
	}
	if code := u.healthz(); code != http.StatusOK {
		t.Errorf("the gateway answers %d", code)
	}
	u.must("quit")
	<-u.ended
}

// TestB7_StateDirectoryIsAFile is explained in our words; the gateway's own mislead.
func TestB7_StateDirectoryIsAFile(t *testing.T) {
	u := withGateway(t)
	u.write(".openclaw", "not a directory")
	u.run()
	s := u.until("an error", func(s supervisor.Status) bool { return s.State == supervisor.Failed })
	if s.Cause.Code != supervisor.StateDirUnusable {
		t.Errorf("status %+v", s)
	}
	u.must("quit")
	<-u.ended
}

// TestB7_StateDirectoryIsReadOnly is final and nothing for doctor, on the first
// start as on a later one.
func TestB7_StateDirectoryIsReadOnly(t *testing.T) {
	for _, name := range []string{"new", "used before"} {
		t.Run(name, func(t *testing.T) {
			u := withGateway(t)
			u.write(".openclaw/openclaw.json", `{"gateway": {"mode": "local"}}`)
			if name == "used before" {
				u.run()
				u.until("running", running)
				u.must("quit")
				<-u.ended
			}
			readOnly(t, filepath.Join(u.home, ".openclaw"))
			u.run()
			s := u.until("an end", func(s supervisor.Status) bool { return running(s) || s.State == supervisor.Failed })
			if s.State != supervisor.Failed || s.Cause.Code != supervisor.StateDirUnusable || !strings.Contains(s.Error, ".openclaw") {
				t.Errorf("status %+v", s)
			}
			u.must("quit")
			<-u.ended
			if strings.Contains(u.log(), "running openclaw doctor") {
				t.Error("doctor was run for a directory that cannot be written")
			}
		})
	}
}

// readOnly makes a directory one that nothing can be written to. File modes do
// not bind root, so root mounts it over itself.
func readOnly(t *testing.T, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(dir, 0o700) })
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
