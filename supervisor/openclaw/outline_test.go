package openclaw

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// K3: a report contains none of a person's words, wherever they are in the file. Values
// that explain a behaviour are included.
func TestK3_OutlineHasNoWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "openclaw.json")
	const config = `{ // canary
  gateway: {port: 18789, bind: "loopback", mode: "local", auth: {mode: "token", token: "canary-1"}, reload: {mode: "hybrid", debounceMs: 300}},
  env: {vars: {SOMETHING: "canary-2"}, canary3_: 1},
  channels: {telegram: {enabled: true, botToken: "canary-4", dmPolicy: "canary 5", allowFrom: [4915112345678, "canary-6"], owner: 4915112345678},
    whatsapp: {groups: {"4915112345678@canary-7": {mode: {key: "canary-8"}}}}},
}`
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := Outline(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(out)
	for _, secret := range []string{"canary", "4915112345678", "canary3"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in\n%s", secret, text)
		}
	}
	for _, telling := range []string{`"port": 18789`, `"bind": "loopback"`, `"mode": "hybrid"`, `"debounceMs": 300`, `"enabled": true`, `"token": "[8 characters]"`, `"[key `, `"[number]"`} {
		if !strings.Contains(text, telling) {
			t.Errorf("%s is not in\n%s", telling, text)
		}
	}
}

func TestK3_OutlineOfABrokenFileQuotesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "openclaw.json")
	for _, broken := range []string{`{token: "canary`, `canary`, `{"a": canary}`, "{\n\n canary canary: }"} {
		if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := Outline(path); err == nil || strings.Contains(err.Error(), "canary") || out != nil {
			t.Errorf("%q: %s, %v", broken, out, err)
		}
	}
}
