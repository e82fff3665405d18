package commands

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clawtray/supervisor"
)

// issued is what the gateway gave clawtray's device to sign in with: the device's id and the token.
func (u *user) issued() (device, token string) {
	u.t.Helper()
	var tokens map[string]string
	if text := u.read(".local/state/clawtray/device-tokens.json"); text != "" {
		if err := json.Unmarshal([]byte(text), &tokens); err != nil {
			u.t.Fatal(err)
		}
	}
	if len(tokens) > 1 {
		u.t.Fatalf("%d tokens for one gateway", len(tokens))
	}
	for key, token := range tokens {
		device, _, _ = strings.Cut(key, "@")
		return device, token
	}
	return "", ""
}

// TestK1_AStaleDeviceToken: a device token that a real gateway does not take any more is
// given up.
func TestK1_AStaleDeviceToken(t *testing.T) {
	long(t)
	u := withAnyGateway(t)
	withKeys(aToken)(u)
	u.run()
	u.replacesAStaleToken()
	u.quit()
	u.hasOnlyAStaleToken()
}

// replacesAStaleToken: there is another way in, so the device token is replaced with one
// more connection, and nobody is told.
func (u *user) replacesAStaleToken() {
	t := u.t
	t.Helper()
	s := u.until("running", running)
	asks := func(method string, params map[string]any) {
		if err := u.session().Call(t.Context(), method, params, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, stale := range []struct {
		name     string
		make     func(device string)
		launches int
	}{
		{"revoked", func(device string) {
			asks("device.token.revoke", map[string]any{"deviceId": device, "role": "operator"})
		}, 0},
		{"its device removed", func(device string) { asks("device.pair.remove", map[string]any{"deviceId": device}) }, 0},
		{"of a state folder that is gone", func(string) {
			u.must("stop")
			if err := os.RemoveAll(filepath.Join(u.home, ".openclaw/state")); err != nil {
				t.Fatal(err)
			}
			u.must("start")
		}, 1},
	} {
		device, before := u.issued()
		ready := strings.Count(u.log(), "gateway ready")
		if before == "" {
			t.Fatal("the gateway issued no token")
		}
		stale.make(device)
		eventually(t, "another token in place of one that is "+stale.name, func() bool {
			_, now := u.issued()
			return now != "" && now != before
		})
		now := u.until("running again", running)
		if again, _ := u.issued(); again != device || now.Launches != s.Launches+stale.launches {
			t.Errorf("%s: device %s became %s, %d launches became %d", stale.name, device, again, s.Launches, now.Launches)
		}
		if n := strings.Count(u.log(), "gateway ready") - ready; n != 1 {
			t.Errorf("%s: signed in %d times", stale.name, n)
		}
		s = now
	}
}

// hasOnlyAStaleToken: the device token is the only way in, so a person is told, once, and
// the gateway goes on.
func (u *user) hasOnlyAStaleToken() {
	t := u.t
	t.Helper()
	withKeys(onlyDevices)(u)
	file := filepath.Join(u.home, ".local/state/clawtray/device-tokens.json")
	_, token := u.issued()
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(u.read(".local/state/clawtray/device-tokens.json"), token, "canary-of-another-gateway")), 0o600); err != nil {
		t.Fatal(err)
	}
	u.run()
	s := u.until("an end", func(s supervisor.Status) bool { return running(s) || s.State == supervisor.Failed })
	if s.Cause.Code != supervisor.ProxyOnly || !strings.Contains(s.Error, "gateway.auth.password") || s.PID == 0 {
		t.Errorf("process %d: %q, %s", s.PID, s.Cause.Code, s.Error)
	}
	if _, token := u.issued(); token != "" {
		t.Error("the token that is not taken was kept")
	}
	withPassword := strings.Replace(u.read(".openclaw/openclaw.json"), `mode: "trusted-proxy"`, `mode: "trusted-proxy", password: "canary-password"`, 1)
	u.openclawJSON(withPassword)
	u.until("signed in with the password", running)
	u.quit()
}
