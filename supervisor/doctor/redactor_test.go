package doctor

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clawtray/supervisor/settings"
)

// TestK3_EverySecretIsKnown: secrets in every place are known, also when the settings have
// mistakes.
func TestK3_EverySecretIsKnown(t *testing.T) {
	home := t.TempDir()
	dirs := settings.Dirs{Config: filepath.Join(home, "config"), State: filepath.Join(home, "state")}
	for path, text := range map[string]string{
		dirs.File():         "prot = 1\ntoken = 'canary-settings'",
		dirs.DeviceTokens(): `{"a": "canary-the-first-device", "b": "canary-second-device"}`,
		filepath.Join(dirs.State, "gateway-token"):        "canary-kept\n",
		filepath.Join(home, ".openclaw", "openclaw.json"): `{gateway: {auth: {token: "canary-openclaw"}}}`,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := settings.Read(dirs.File())
	s := Subject{Dirs: dirs, File: file, Machine: dirs.Machine(file.Settings, slog.New(slog.DiscardHandler))}
	s.Machine.Home, s.Machine.Env = home, []string{"OPENCLAW_GATEWAY_TOKEN=canary-environment", "OPENCLAW_GATEWAY_PASSWORD=canary-password"}
	redact := s.Redactor(t.Context())
	for _, secret := range []string{"settings", "the-first-device", "second-device", "kept", "openclaw", "environment", "password"} {
		if text := redact.String("a line with canary-" + secret + " in it"); strings.Contains(text, "canary") {
			t.Errorf("%s is shown: %s", secret, text)
		}
	}
}
