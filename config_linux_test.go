package main

import (
	"fmt"
	"strings"
	"testing"

	"clawtray/supervisor"
)

// openclawConfig is an openclaw.json with a reload mode and a setting that a
// running gateway cannot take over.
func openclawConfig(mode, basePath string) string {
	return fmt.Sprintf(`{"gateway": {"mode": "local", "reload": {"mode": %q}, "controlUi": {"basePath": %q}}}`, mode, basePath)
}

func drifted(s supervisor.Status) bool { return running(s) && !s.Drift.Since.IsZero() }

// TestE6_DriftUntilTheReload: a gateway told not to reload by itself runs an old
// configuration. That is noticed, shown, and over after a reload that says how.
func TestE6_DriftUntilTheReload(t *testing.T) {
	u := withGateway(t)
	u.write(".openclaw/openclaw.json", openclawConfig("off", "/one"))
	u.run()
	first := u.until("running", running)
	if drifted(first) {
		t.Errorf("before the edit: %+v", first.Drift)
	}
	u.write(".openclaw/openclaw.json", openclawConfig("off", "/two"))
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
	u.must("quit")
	<-u.ended
}

// TestE4_GatewayReloadsByItself: in its default mode a gateway restarts itself in
// place for what it cannot take over; a reload then has nothing left to restart.
func TestE4_GatewayReloadsByItself(t *testing.T) {
	u := withGateway(t)
	u.write(".openclaw/openclaw.json", openclawConfig("hybrid", "/one"))
	u.run()
	first := u.until("running", running)
	u.write(".openclaw/openclaw.json", openclawConfig("hybrid", "/two"))
	s := u.until("restarted", func(s supervisor.Status) bool { return running(s) && s.Launches == first.Launches+1 })
	if s.PID != first.PID || s.Cause.Code != supervisor.InPlaceRestart || s.Attempts != 0 || len(s.Incidents) != 0 {
		t.Errorf("after the edit: %+v", s)
	}
	if out := u.must("reload"); !strings.Contains(out, "has read its configuration") {
		t.Errorf("reload said %q", out)
	}
	// What it can take over, it has: nothing is restarted.
	u.write(".openclaw/openclaw.json", strings.Replace(openclawConfig("hybrid", "/two"), `{"gateway"`, `{"logging": {"level": "debug"}, "gateway"`, 1))
	if out := u.must("reload"); !strings.Contains(out, "runs the configuration on disk") {
		t.Errorf("reload said %q", out)
	}
	if s := u.until("running", running); s.Launches != first.Launches+1 || drifted(s) {
		t.Errorf("after the second edit: %+v", s)
	}
	u.must("quit")
	<-u.ended
}
