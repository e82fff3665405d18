package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/openclaw"
)

// TestO6_FirstRun: in an empty home, OpenClaw writes its own configuration, and the user's
// commands and clawtray use the same one from the beginning (XU15).
func TestO6_FirstRun(t *testing.T) {
	long(t)
	t.Parallel()
	u := newOwner(t, anyRuntime(t))
	u.write(".config/clawtray/clawtray.toml", u.settings) // without a port, because every OpenClaw of this user reads the variable
	u.env = append(u.env, fmt.Sprintf("OPENCLAW_GATEWAY_PORT=%d", u.port))
	u.run()
	s := u.until("running", running)
	if !s.FirstRun || s.Port != u.port {
		t.Errorf("status %+v", s)
	}
	token := u.tokenOfTheFile()
	dashboard, err := u.client.Dashboard(t.Context())
	if want := fmt.Sprintf("http://127.0.0.1:%d/#token=%s", u.port, token); err != nil || dashboard != want {
		t.Errorf("the dashboard is at %s, %v; want %s", dashboard, err, want)
	}
	c := configuration{signIn: openclaw.SignInToken, secret: token}
	if got := c.greeting(t, u.port); got.StateDir != filepath.Join(u.home, ".openclaw") || got.AuthMode != c.signIn {
		t.Errorf("the gateway uses %s and the sign-in %q", got.StateDir, got.AuthMode)
	}
	if own := u.ownDashboard(); own != dashboard {
		t.Errorf("the user's own openclaw shows the dashboard at %s, clawtray at %s", own, dashboard)
	}
	if out := u.must("openclaw", "devices", "list"); !strings.Contains(out, "Paired") {
		t.Errorf("devices list says %s", out)
	}
	if out, code := u.cli("openclaw", "no-such-command-at-all"); code == 0 {
		t.Errorf("exit 0: %s", out)
	}
	u.quit()
}

// tokenOfTheFile returns the token in openclaw.json.
func (u *user) tokenOfTheFile() string {
	u.t.Helper()
	var file struct {
		Gateway struct{ Auth struct{ Token string } }
	}
	if err := json.Unmarshal([]byte(u.openclawFile("")), &file); err != nil || file.Gateway.Auth.Token == "" {
		u.t.Fatalf("openclaw.json has no token, %v", err)
	}
	return file.Gateway.Auth.Token
}

// ownDashboard returns the output of the user's own `openclaw dashboard --json`.
func (u *user) ownDashboard() string {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, u.runtime.node, u.runtime.entry, "dashboard", "--json")
	cmd.Env = u.env
	out, err := cmd.Output()
	var said struct{ URL string }
	if _, from, found := strings.Cut(string(out), "{"); err != nil || !found || json.Unmarshal([]byte("{"+from), &said) != nil {
		u.t.Fatalf("openclaw dashboard: %v", err)
	}
	return said.URL
}

// TestO5_ThreeGateways: the user's own gateway and those of two profiles run on one
// machine. An action on one of them does not affect the others (XU9).
func TestO5_ThreeGateways(t *testing.T) {
	long(t)
	u := withAnyGateway(t)
	withKeys(aToken)(u)
	own := u.ownGateway()
	u.write(".openclaw-b/openclaw.json", withoutDashboard)
	a, b := u.withProfile("a"), u.withProfile("b")
	pids := map[*user]int{}
	for _, p := range []*user{a, b} {
		s := p.until("running", running)
		if s.Mode != supervisor.Managed || s.Port != p.port {
			t.Errorf("a profile: %+v", s)
		}
		pids[p] = s.PID
	}
	if _, err := os.Stat(filepath.Join(u.home, ".openclaw-a/openclaw.json")); err != nil {
		t.Error(err)
	}
	eventually(t, "the user's own gateway is up", func() bool { return u.healthz() == http.StatusOK })
	untouched := func(what string, profiles ...*user) {
		t.Helper()
		if code := u.healthz(); code != http.StatusOK || own.Process.Signal(syscall.Signal(0)) != nil {
			t.Errorf("after %s the user's own gateway answers %d", what, code)
		}
		for _, p := range profiles {
			if s, _, err := p.client.Report(t.Context()); err != nil || s.PID != pids[p] || s.State != supervisor.Running || s.Launches != 1 || p.healthz() != http.StatusOK {
				t.Errorf("after %s another profile noticed: %+v, %v", what, s.Status, err)
			}
		}
	}
	untouched("the starts", a, b)
	u.must("--profile", "a", "restart")
	a.until("running", running)
	untouched("a restart", b)
	u.must("--profile", "a", "stop", "--now")
	untouched("a stop", b)
	u.must("--profile", "a", "quit")
	<-a.ended
	untouched("a quit", b)
	u.must("--profile", "b", "quit")
	<-b.ended
	untouched("the last quit")
}

// withProfile starts a clawtray of this user for another profile.
func (u *user) withProfile(name string) *user {
	u.t.Helper()
	p := &user{t: u.t, home: u.home, port: freePort(u.t), env: u.env, client: control.NewClient(filepath.Join(u.home, ".local/state/clawtray-"+name))}
	u.t.Cleanup(p.cleanUp)
	u.write(".config/clawtray-"+name+"/clawtray.toml", fmt.Sprintf("port = %d\n%s", p.port, u.settings))
	p.run("--profile", name)
	return p
}
