//go:build unix

package openclaw

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// patchStub is a "Node" that records its call and writes the configuration that it gets.
func patchStub(h *userHome, ending string) Runtime {
	h.t.Helper()
	h.write("node", `#!/bin/sh
echo "$@" > "$HOME/args"
env > "$HOME/env"
state="${OPENCLAW_STATE_DIR:-$HOME/.openclaw}"
mkdir -p "$state"
cat > "$HOME/stdin"
`+ending)
	if err := os.Chmod(h.at("node"), 0o700); err != nil {
		h.t.Fatal(err)
	}
	return Runtime{Node: h.at("node"), Entry: "/entry.mjs"}
}

func (h *userHome) text(name string) string {
	h.t.Helper()
	raw, err := os.ReadFile(h.at(name))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(raw)
}

const keepPatch = `cp "$HOME/stdin" "$state/openclaw.json"`

// TestO6_FirstRun: OpenClaw writes the configuration, and the token goes only through the
// pipe.
func TestO6_FirstRun(t *testing.T) {
	for _, c := range []struct {
		name, profile string
		env           []string
		files         []string
		wantPatch     string // TOKEN means a new token
		wantToken     string // empty means a new token
		wantPassword  string
	}{
		{name: "nothing there", wantPatch: `{"gateway":{"mode":"local","auth":{"mode":"token","token":"TOKEN"}}}`},
		{name: "profile", profile: "work", wantPatch: `{"gateway":{"mode":"local","auth":{"mode":"token","token":"TOKEN"}}}`},
		{name: "token in the environment", env: []string{"OPENCLAW_GATEWAY_TOKEN=mine"}, wantPatch: `{"gateway":{"mode":"local","auth":{"mode":"token","token":"mine"}}}`, wantToken: "mine"},
		{name: "token in .env", files: []string{".openclaw/.env", "OPENCLAW_GATEWAY_TOKEN=mine"}, wantPatch: `{"gateway":{"mode":"local"}}`, wantToken: "mine"},
		{name: "password in the environment", env: []string{"OPENCLAW_GATEWAY_PASSWORD=pw"}, wantPatch: `{"gateway":{"mode":"local"}}`, wantPassword: "pw"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newUserHome(t)
			h.in.Profile = c.profile
			h.setenv("HOME="+h.dir, "PATH="+os.Getenv("PATH"))
			h.setenv(c.env...)
			for i := 0; i < len(c.files); i += 2 {
				h.write(c.files[i], c.files[i+1])
			}
			e, err := FirstRun(context.Background(), patchStub(h, keepPatch), h.in)
			if err != nil {
				t.Fatal(err)
			}
			secret, _ := e.SignIn.Secret().Value()
			switch want := c.wantToken + c.wantPassword; {
			case want != "" && secret != want, want == "" && len(secret) != 43:
				t.Errorf("the secret is %q", secret)
			}
			if got := strings.Replace(h.text("stdin"), secret, "TOKEN", 1); c.wantToken == "" && got != c.wantPatch || c.wantToken != "" && h.text("stdin") != c.wantPatch {
				t.Errorf("written: %s", got)
			}
			if args := h.text("args"); args != "/entry.mjs config patch --stdin\n" {
				t.Errorf("arguments: %s", args)
			}
			if env := h.text("env"); c.wantPassword == "" && strings.Contains(env, secret) {
				t.Error("the token is in the environment")
			}
			if c.profile != "" && e.Paths.StateDir != h.at(".openclaw-"+c.profile) {
				t.Errorf("%+v", e.Paths)
			}
			if _, err := FirstRun(context.Background(), Runtime{}, h.in); !errors.Is(err, ErrConfigured) || !errors.Is(err, fs.ErrExist) {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}

// TestO6_FirstRunFails: a failed first run reports an error, and no token is shown.
func TestO6_FirstRunFails(t *testing.T) {
	for name, ending := range map[string]string{
		"an error":           `cat "$HOME/stdin"; exit 3`,
		"nothing written":    `cat "$HOME/stdin"`,
		"something written":  `echo '{gateway: {}}' > "$state/openclaw.json"; cat "$HOME/stdin"`,
		"half of it written": `echo '{gateway: {' > "$state/openclaw.json"; cat "$HOME/stdin"`,
	} {
		t.Run(name, func(t *testing.T) {
			h := newUserHome(t)
			h.setenv("HOME="+h.dir, "PATH="+os.Getenv("PATH"))
			e, err := FirstRun(context.Background(), patchStub(h, ending), h.in)
			if err == nil || e.File.Exists || !strings.Contains(err.Error(), "[redacted]") {
				t.Errorf("%v", err)
			}
		})
	}
	h := newUserHome(t)
	h.setenv("HOME=" + h.dir)
	h.config("{gateway: {")
	if _, err := FirstRun(context.Background(), Runtime{}, h.in); !IsConfigError(err, ConfigBroken) {
		t.Errorf("beside a broken file: %v", err)
	}
}

// TestO6_RealFirstRun makes the first run with OpenClaw itself, for the default profile and
// another one.
func TestO6_RealFirstRun(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make check runs it")
	}
	r := realRuntime(t)
	h := newUserHome(t)
	h.setenv("HOME="+h.dir, "PATH="+os.Getenv("PATH"))
	for _, profile := range []string{"", "work"} {
		h.in.Profile = profile
		e, err := FirstRun(t.Context(), r, h.in)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(e.Paths.ConfigPath)
		if secret, _ := e.SignIn.Secret().Value(); err != nil || info.Mode().Perm() != 0o600 || len(secret) != 43 || e.Startable() != nil {
			t.Errorf("profile %q: %v, %v, %v", profile, e.SignIn, e.Startable(), err)
		}
	}
	if h.text(".openclaw/openclaw.json") == h.text(".openclaw-work/openclaw.json") {
		t.Error("two profiles, one token")
	}
}
