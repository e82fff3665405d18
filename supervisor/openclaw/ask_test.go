//go:build unix

package openclaw

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// vaultConfig refers to a secret of a program, and to a variable of .env that is for this
// program.
const vaultConfig = `{secrets: {providers: {vault: {source: "exec", command: "%s", passEnv: ["VAULT_KEY"]}}},
	gateway: {mode: "local", auth: {mode: "token", token: {source: "exec", provider: "vault", id: "gateway/token"}}}}`

// askStub is a "Node" that records the question and prints prints.
func (h *userHome) askStub(prints string) Runtime {
	h.t.Helper()
	r := patchStub(h, "cat <<'END'\n"+prints+"\nEND\n")
	h.write("openclaw/dist/plugin-sdk/secret-input-runtime.js", "")
	h.write("openclaw/openclaw.mjs", "")
	r.Entry = h.at("openclaw/openclaw.mjs")
	return r
}

// TestXU7_AskedOnce: a secret that only OpenClaw can get is fetched from OpenClaw and then
// known until a file changes.
func TestXU7_AskedOnce(t *testing.T) {
	h := newUserHome(t)
	h.setenv("HOME="+h.dir, "PATH="+os.Getenv("PATH"))
	h.config(fmt.Sprintf(vaultConfig, "/vault"))
	h.write(".openclaw/.env", "VAULT_KEY=canary-key\n")
	reader := h.reader()
	read := func() Effective {
		e, err := reader.Read(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	run := h.askStub("a warning\n" + answerMark + `{"value":" canary-vault "}`)
	if e := read(); !e.NeedsAsking() {
		t.Errorf("nothing to ask for: %v", e.SignIn.Token)
	}
	e, err := reader.Ask(context.Background(), run, Launch{Env: h.in.Env})
	if token, _ := e.Credentials(); err != nil || token != "canary-vault" {
		t.Fatalf("%q, %v", token, err)
	}
	if token, _ := read().Credentials(); token != "canary-vault" || !read().NeedsAsking() {
		t.Errorf("later it is %q", token)
	}
	if asked := h.text("stdin"); !strings.Contains(asked, `"VAULT_KEY":"canary-key"`) || !strings.Contains(asked, `"key":"gateway.auth.token"`) {
		t.Errorf("asked %s", asked)
	}
	if args := h.text("args"); strings.Contains(args, "canary") || strings.Contains(args, "vault") {
		t.Errorf("other users of the machine see %s", args)
	}
	if child := e.Child(); strings.Contains(strings.Join(child.Set, " "), "canary") {
		t.Errorf("the gateway is given %v", child.Set)
	}
	reader.mu.Lock()
	reader.last.settled, reader.last.at = false, reader.last.at.Add(-2*configTTL) // the reader has to read again
	reader.mu.Unlock()
	if token, _ := read().Credentials(); token != "canary-vault" {
		t.Errorf("after another look at the same files it is %q", token)
	}
	h.write(".openclaw/.env", "VAULT_KEY=another-key\n")
	if token, _ := read().Credentials(); token != "" {
		t.Errorf("after a change it is still %q", token)
	}
}

// TestXU7_AskedInVain: the error contains OpenClaw's message, but no secret that OpenClaw
// may have printed.
func TestXU7_AskedInVain(t *testing.T) {
	for name, c := range map[string]struct{ prints, want string }{
		"it cannot":       {answerMark + `{"reason":"gateway.auth.token SecretRef is unresolved (exec:vault:gateway/token)."}`, "exec:vault:gateway/token"},
		"it answers bits": {answerMark + `{"value":"canary-vau`, ErrCannotAsk.Error()},
		"it only talks":   {"canary-vault", ErrCannotAsk.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			h := newUserHome(t)
			h.setenv("HOME="+h.dir, "PATH="+os.Getenv("PATH"))
			h.config(fmt.Sprintf(vaultConfig, "/vault"))
			e, err := h.reader().Ask(context.Background(), h.askStub(c.prints), Launch{Env: h.in.Env})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v", err)
			}
			if token, _ := e.Credentials(); token != "" || !e.NeedsAsking() {
				t.Errorf("the token is %q", token)
			}
		})
	}
	h := newUserHome(t)
	h.config(fmt.Sprintf(vaultConfig, "/vault"))
	if _, err := h.reader().Ask(context.Background(), Runtime{Node: "/node", Entry: "/entry.mjs"}, Launch{}); !errors.Is(err, ErrCannotAsk) {
		t.Errorf("of an OpenClaw without the module: %v", err)
	}
	h.config(`{gateway: {mode: "local", auth: {token: "abc"}}}`)
	if e, err := h.reader().Ask(context.Background(), Runtime{}, Launch{}); err != nil || e.NeedsAsking() {
		t.Errorf("a token in plain text: %v", err)
	}
}

// TestXU7_ATokenOfClawtraysInPlaceOfOne: when only OpenClaw can get the token, clawtray
// signs in with the token of its own settings, and does not give it to the gateway.
func TestXU7_ATokenOfClawtraysInPlaceOfOne(t *testing.T) {
	h := newUserHome(t)
	h.in.Given.Token = "mine"
	h.config(fmt.Sprintf(vaultConfig, "/vault"))
	e := h.mustRead()
	if token, _ := e.Credentials(); token != "mine" || e.NeedsAsking() || strings.Contains(strings.Join(e.Child().Set, " "), "mine") {
		t.Errorf("token %q, child %v", token, e.Child().Set)
	}
}

// TestXU7_RealVault asks real OpenClaws for a secret that a real program returns.
func TestXU7_RealVault(t *testing.T) {
	for _, version := range []string{"", "_6_11"} {
		t.Run("openclaw"+version, func(t *testing.T) {
			if testing.Short() && version != "" {
				t.Skip("make check asks the old version, too")
			}
			r := Runtime{Node: os.Getenv("CLAWTRAY_TEST_NODE" + version), Entry: os.Getenv("CLAWTRAY_TEST_OPENCLAW" + version)}
			if r.Node == "" {
				if version == "" || os.Getenv("CI") != "true" {
					r = realRuntime(t)
				} else {
					t.Fatal("OpenClaw 2026.6.11 is not given; `make check` installs it")
				}
			}
			h := newUserHome(t)
			h.setenv("HOME="+h.dir, "PATH="+os.Getenv("PATH"))
			h.write("vault", "#!/bin/sh\ncat >/dev/null\necho \"{\\\"protocolVersion\\\": 1, \\\"values\\\": {\\\"gateway/token\\\": \\\"of-$VAULT_KEY\\\"}}\"\n")
			if err := os.Chmod(h.at("vault"), 0o700); err != nil {
				t.Fatal(err)
			}
			h.config(fmt.Sprintf(vaultConfig, h.at("vault")))
			h.write(".openclaw/.env", "VAULT_KEY=dotenv\n")
			e, err := h.reader().Ask(t.Context(), r, Launch{Env: h.in.Env})
			if token, _ := e.Credentials(); err != nil || token != "of-dotenv" {
				t.Errorf("%q, %v", token, err)
			}
			if left, _ := filepath.Glob(h.at(".openclaw/*")); len(left) != 2 { // openclaw.json and .env
				t.Errorf("it left %v", left)
			}
			h.write("vault", "#!/bin/sh\necho locked >&2\nexit 3\n")
			if _, err := h.reader().Ask(t.Context(), r, Launch{Env: h.in.Env}); err == nil || !strings.Contains(err.Error(), "gateway.auth.token") {
				t.Errorf("with a vault that is locked: %v", err)
			} else {
				t.Log(err)
			}
		})
	}
}
