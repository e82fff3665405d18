package commands

import (
	"fmt"
	"strings"
	"testing"

	"clawtray/supervisor"
)

// openclawConfig returns an openclaw.json with a reload mode and a setting that a running
// gateway cannot take over.
func openclawConfig(mode, basePath string) string {
	return fmt.Sprintf(`{"gateway": {"mode": "local", "reload": {"mode": %q}, "controlUi": {"basePath": %q}}}`, mode, basePath)
}

func drifted(s supervisor.Status) bool { return running(s) && !s.Drift.Since.IsZero() }

// TestConfigurationOfARealGateway is one life in which openclaw.json changes and breaks,
// because each start takes ten seconds of a processor.
func TestConfigurationOfARealGateway(t *testing.T) {
	long(t)
	u := withAnyGateway(t)
	u.openclawJSON(openclawConfig("off", "/one"))
	u.run()
	u.driftsUntilTheReload()
	u.reloadsByItself()
	u.findsTheWaysBack()
	u.quit()
}

// driftsUntilTheReload: a gateway that is configured not to reload by itself continues with
// the old configuration. The status shows that until a reload, which says how it was done
// (E6). Afterwards the gateway reloads by itself.
func (u *user) driftsUntilTheReload() {
	t := u.t
	t.Helper()
	first := u.until("running", running)
	if drifted(first) {
		t.Errorf("before the edit: %+v", first.Drift)
	}
	u.openclawJSON(openclawConfig("hybrid", "/two"))
	s := u.until("drifted", drifted)
	if s.Drift.Invalid || s.Health.Level != supervisor.Degraded || s.Launches != first.Launches {
		t.Errorf("after the edit: %+v", s)
	}
	if out := u.must("reload"); !strings.Contains(out, "applied by a restart") {
		t.Errorf("reload said %q", out)
	}
	s = u.until("running without drift", func(s supervisor.Status) bool { return running(s) && !drifted(s) })
	if s.PID != first.PID || s.Launches != first.Launches+1 || len(s.Incidents) != 0 {
		t.Errorf("after the reload: %+v", s)
	}
}

// reloadsByItself: in its default mode, a gateway restarts in place for changes that it
// cannot take over. A reload then restarts nothing (E4).
func (u *user) reloadsByItself() {
	t := u.t
	t.Helper()
	first := u.until("running", running)
	u.openclawJSON(openclawConfig("hybrid", "/three"))
	s := u.until("restarted", func(s supervisor.Status) bool { return running(s) && s.Launches == first.Launches+1 })
	if s.PID != first.PID || s.Cause.Code != supervisor.InPlaceRestart || s.Attempts != 0 || len(s.Incidents) != 0 {
		t.Errorf("after the edit: %+v", s)
	}
	if out := u.must("reload"); !strings.Contains(out, "has not changed since the gateway started") {
		t.Errorf("reload said %q", out)
	}
	// The gateway takes over this change without a restart.
	u.openclawJSON(strings.Replace(openclawConfig("hybrid", "/three"), `{"gateway"`, `{"logging": {"level": "debug"}, "gateway"`, 1))
	if out := u.must("reload"); !strings.Contains(out, "runs the configuration on disk") {
		t.Errorf("reload said %q", out)
	}
	if s := u.until("running", running); s.Launches != first.Launches+1 || drifted(s) {
		t.Errorf("after the second edit: %+v", s)
	}
	// A reload in the moment when the gateway begins to restart itself, and refuses every call.
	u.openclawJSON(openclawConfig("hybrid", "/four"))
	if out := u.must("reload"); !strings.Contains(out, "applied by a restart") {
		t.Errorf("reload said %q", out)
	}
	if s := u.until("running", running); s.PID != first.PID || s.Launches != first.Launches+2 || len(s.Incidents) != 0 {
		t.Errorf("after the third edit: %+v", s)
	}
}
