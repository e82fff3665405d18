package commands

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clawtray/packaging/outside"
	"clawtray/supervisor"
)

// finding is one finding of `clawtray doctor --json`.
type finding struct{ Name, Level, Detail, Remedy string }

// doctor runs the command and checks what must be true for every answer: it contains no
// secret, and the exit code fits the findings.
func (u *user) doctor() map[string]finding {
	u.t.Helper()
	text, _ := u.cli("doctor")
	out, code := u.cli("doctor", "--json")
	var got struct {
		Healthy  bool
		Findings []finding
	}
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&got); err != nil || got.Healthy != (code == 0) {
		u.t.Fatalf("exit %d, %v\n%s", code, err, out)
	}
	for _, form := range []string{text, out} {
		if strings.Contains(form, "canary") {
			u.t.Errorf("a secret is told (K3):\n%s", form)
		}
	}
	found := map[string]finding{}
	for _, f := range got.Findings {
		found[f.Name] = f
	}
	return found
}

// TestDoctorAndSettings: mistakes in the settings are shown and change while clawtray runs,
// and doctor tells how things are before and afterwards.
func TestDoctorAndSettings(t *testing.T) {
	long(t)
	u := withAnyGateway(t)
	u.openclawJSON(`{gateway: {mode: "local", controlUi: {enabled: false}, auth: {token: "canary-openclaw-token"}}}`)
	u.doctorStartsNothing()
	u.changesSettings()
	u.doctorKnowsTheGateway()
	u.quit()
}

// doctorStartsNothing: without a running clawtray, doctor starts nothing and leaves nothing
// behind (N4).
func (u *user) doctorStartsNothing() {
	t := u.t
	t.Helper()
	before := u.doctor()
	if f := before["instance"]; f.Level != "ok" || f.Detail != "clawtray is not running" {
		t.Errorf("%+v", f)
	}
	if f := before["runtime"]; f.Level != "ok" || !strings.Contains(f.Detail, "(configured)") {
		t.Errorf("%+v", f)
	}
	if _, err := os.Stat(filepath.Join(u.home, ".local")); err == nil {
		t.Error("doctor left something in the home")
	}
}

// doctorKnowsTheGateway: with a running clawtray, doctor knows whose gateway uses the port
// (N4).
func (u *user) doctorKnowsTheGateway() {
	t := u.t
	t.Helper()
	st := u.until("running", running)
	var with map[string]finding
	eventually(t, "doctor knows whose gateway has the port", func() bool {
		with = u.doctor()
		f := with["port"] // a busy gateway may answer late
		return f.Level == "ok" && strings.Contains(f.Detail, "is our gateway's") && strings.Contains(f.Detail, fmt.Sprintf("(pid %d)", st.PID))
	})
	if f := with["instance"]; f.Level == "problem" || !strings.Contains(f.Detail, "the gateway: running") {
		t.Errorf("%+v", f)
	}
	if f := with["last-run"]; f.Level != "ok" || !strings.Contains(f.Detail, fmt.Sprint(st.PID)) {
		t.Errorf("%+v", f)
	}
	if f := with["token"]; f.Level != "ok" || !strings.Contains(f.Detail, "openclaw.json") {
		t.Errorf("%+v", f)
	}
	for name, f := range with {
		if f.Level == "problem" {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// changesSettings: mistakes do not end clawtray and are shown. Some changes take effect at
// once, the others at a restart.
func (u *user) changesSettings() {
	t := u.t
	t.Helper()
	const file = ".config/clawtray/clawtray.toml"
	path := filepath.Join(u.home, file)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	u.write(file, "prot = 1\n"+string(good))
	out, code := u.cli("config")
	if code != 1 || !strings.Contains(out, `there is no setting "prot"; did you mean "port"?`) || !strings.Contains(out, fmt.Sprintf("port = %d ", u.port)) {
		t.Errorf("config: exit %d\n%s", code, out)
	}
	u.run()
	st := u.until("running with a complaint", func(s supervisor.Status) bool { return running(s) && len(s.SettingsMistakes) > 0 })
	if st.Health.Level != supervisor.Degraded || !strings.Contains(st.SettingsMistakes[0], "line 1 (prot)") {
		t.Errorf("status %+v", st)
	}

	// A reload reads the file at once; the log level changes in the running clawtray.
	next := freePort(t)
	u.write(file, strings.Replace(string(good), fmt.Sprint(u.port), fmt.Sprint(next), 1)+"log_level = \"debug\"\n")
	u.must("reload")
	st = u.until("asks for a restart", func(s supervisor.Status) bool { return len(s.Pending) > 0 && len(s.SettingsMistakes) == 0 })
	if st.Port != u.port || st.Pending[0] != fmt.Sprintf("port %d", next) {
		t.Errorf("status %+v", st)
	}
	u.must("restart")
	st = u.until("running on the new port", func(s supervisor.Status) bool { return running(s) && s.Port == next })
	if len(st.Pending) > 0 || !outside.PortFree(u.port) {
		t.Errorf("pending %v, the old port is free: %t", st.Pending, outside.PortFree(u.port))
	}
	u.port = next
	if code := u.healthz(); code != 200 {
		t.Errorf("/healthz on the new port answered %d", code)
	}
	if !strings.Contains(u.log(), "level=DEBUG") {
		t.Error("nothing at the level debug was logged")
	}
}

// TestK2_PrivateSettings: a file with a token is made private at the start, and config never prints the token.
func TestK2_PrivateSettings(t *testing.T) {
	u := newUser(t, "token = \"canary-settings-token\"")
	path := filepath.Join(u.home, ".config/clawtray/clawtray.toml")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, code := u.cli("config"); code != 1 || strings.Contains(out, "canary") || !strings.Contains(out, "chmod 600") {
		t.Errorf("config: exit %d\n%s", code, out)
	}
	u.run()
	u.must("quit")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if out := u.must("config"); strings.Contains(out, "canary") || !strings.Contains(out, "token = (set, not shown)") {
		t.Error(out)
	}
	if out := u.must("config", "--path"); strings.TrimSpace(out) != path {
		t.Errorf("--path says %q", out)
	}
}
