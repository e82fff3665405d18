//go:build unix

package openclaw

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
)

func makePipe(path string) error { return syscall.Mkfifo(path, 0o600) }

// foreignFile returns a file of another user: path after a change of its owner, if we may
// do that, else a file of the system.
func foreignFile(t *testing.T, path string) string {
	if os.Geteuid() != 0 {
		return "/etc/passwd"
	}
	if err := os.Chown(path, 65534, -1); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestO2_UnreadableByMode: the error says that permissions are the reason.
func TestO2_UnreadableByMode(t *testing.T) {
	h := newUserHome(t)
	h.config(`{gateway: {}}`)
	if err := os.Chmod(h.at(".openclaw/openclaw.json"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := h.read(); os.Geteuid() != 0 && !IsConfigError(err, ConfigUnreadable) {
		t.Errorf("%v", err)
	}
}

// TestO2_SecretFiles: this package reads such a file only under OpenClaw's own conditions,
// and leaves other files to OpenClaw.
func TestO2_SecretFiles(t *testing.T) {
	const json = `{"gw": {"a/b": ["no", "abc"]}, "empty": " "}`
	for _, c := range []struct {
		name, provider, id, text string
		mode                     os.FileMode
		want                     string // empty when only OpenClaw can read it
	}{
		{"a pointer", `path: "~/s.json", mode: "json"`, "/gw/a~1b/1", json, 0o600, "abc"},
		{"json by default", `path: "~/s.json"`, "/gw/a~1b/1", "\ufeff" + json, 0o600, "abc"},
		{"one value", `path: "~/s.json", mode: "singleValue"`, "value", "abc\r\n", 0o600, "abc"},
		{"one value, other id", `path: "~/s.json", mode: "singleValue"`, "/x", "abc", 0o600, ""},
		{"no such member", `path: "~/s.json"`, "/gw/x", json, 0o600, ""},
		{"no such place", `path: "~/s.json"`, "/gw/a~1b/01", json, 0o600, ""},
		{"blank", `path: "~/s.json"`, "/empty", json, 0o600, ""},
		{"JSON5 is no JSON", `path: "~/s.json"`, "/gw", `{gw: "abc"}`, 0o600, ""},
		{"readable by others", `path: "~/s.json"`, "/gw/a~1b/1", json, 0o640, ""},
		{"not there", `path: "~/none.json"`, "/gw/a~1b/1", json, 0o600, ""},
		{"no path", ``, "/gw", json, 0o600, ""},
		{"a plugin's", `path: "~/s.json", plugin: "x"`, "/gw/a~1b/1", json, 0o600, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newUserHome(t)
			h.write("s.json", c.text)
			if err := os.Chmod(h.at("s.json"), c.mode); err != nil {
				t.Fatal(err)
			}
			h.config(`{secrets: {providers: {f: {source: "file", ` + c.provider + `}}}, gateway: {mode: "local", auth: {token: {source: "file", provider: "f", id: "` + c.id + `"}}}}`)
			secret := h.mustRead().SignIn.Secret()
			if got, known := secret.Value(); got != c.want || known != (c.want != "") || !known && secret.State != SecretOnlyOpenClaw {
				t.Errorf("%v", secret)
			}
		})
	}
}

// TestO2_IncludeThroughLinks: as in OpenClaw, a link may lead to another folder only where
// the roots allow it, and a file with a second name is rejected.
func TestO2_IncludeThroughLinks(t *testing.T) {
	h := newUserHome(t)
	h.write("elsewhere/a.json", `{gateway: {mode: "local", port: 7}}`)
	h.config(`{$include: "a.json"}`)
	if err := os.Symlink(h.at("elsewhere/a.json"), h.at(".openclaw/a.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.read(); !IsConfigError(err, ConfigInclude) {
		t.Errorf("a link out of the folder: %v", err)
	}
	h.setenv("OPENCLAW_INCLUDE_ROOTS=/nowhere:~:" + h.at("elsewhere"))
	if e := h.mustRead(); e.Listen.Port.Value != 7 {
		t.Errorf("%+v", e.Listen)
	}
	if err := os.Link(h.at("elsewhere/a.json"), h.at("second.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.read(); !IsConfigError(err, ConfigInclude) {
		t.Errorf("a second name: %v", err)
	}
}

// TestO2_PipesAreNotWaitedFor, whichever file of the configuration one stands for.
func TestO2_PipesAreNotWaitedFor(t *testing.T) {
	h := newUserHome(t)
	h.write(".openclaw/x", "")
	pipe := h.at(".openclaw/pipe")
	if err := errors.Join(makePipe(pipe), makePipe(h.at(".openclaw/.env"))); err != nil {
		t.Fatal(err)
	}
	h.config(`{$include: "pipe"}`)
	if _, err := h.read(); !IsConfigError(err, ConfigUnreadable) || !errors.Is(err, errNotRegular) {
		t.Errorf("included: %v", err)
	}
	h.config(`{secrets: {providers: {f: {source: "file", path: "` + pipe + `"}}}, gateway: {mode: "local", port: 7,
		tls: {enabled: true, certPath: "` + pipe + `"}, auth: {token: {source: "file", provider: "f", id: "/gw"}}}}`)
	if e := h.mustRead(); e.Listen.Port.Value != 7 || e.TLS.Fingerprint != "" || e.SignIn.Token.State != SecretOnlyOpenClaw {
		t.Errorf("as .env, certificate and secret: %+v", e)
	}
}

// TestO2_TheLoginShell: where OpenClaw asks it, it is asked for the variables of the sign-in that
// nothing else sets, and for no others.
func TestO2_TheLoginShell(t *testing.T) {
	const asks = `env: {shellEnv: {enabled: true}}, `
	const exports = "export OPENCLAW_GATEWAY_TOKEN=of-the-shell MY_TOKEN=mine\n"
	for _, c := range []struct {
		name, config string
		env          []string
		token        string
		from         Source
		passed       bool // to the gateway
		asked        bool
	}{
		{"no other token", `{` + asks + `gateway: {mode: "local"}}`, nil, "of-the-shell", "the login shell: OPENCLAW_GATEWAY_TOKEN", true, true},
		{"no other token, and no word which shell it is", `{` + asks + `gateway: {mode: "local"}}`, []string{"SHELL="}, "of-the-shell", "the login shell: OPENCLAW_GATEWAY_TOKEN", true, true},
		{"by the environment's wish", `{gateway: {mode: "local"}}`, []string{"OPENCLAW_LOAD_SHELL_ENV=1"}, "of-the-shell", "the login shell: OPENCLAW_GATEWAY_TOKEN", true, true},
		{"a reference", `{` + asks + `gateway: {mode: "local", auth: {mode: "token", token: "$OPENCLAW_GATEWAY_TOKEN"}}}`, nil, "of-the-shell", "openclaw.json: gateway.auth.token", true, true},
		{"a variable of the user's own", `{` + asks + `gateway: {mode: "local", auth: {mode: "token", token: "$MY_TOKEN"}}}`, nil, "", "openclaw.json: gateway.auth.token", false, false},
		{"the environment has one", `{` + asks + `gateway: {mode: "local"}}`, []string{"OPENCLAW_GATEWAY_TOKEN=abc"}, "abc", "environment OPENCLAW_GATEWAY_TOKEN", true, true},
		{"the file says it all", `{` + asks + `gateway: {mode: "local", auth: {mode: "token", token: "abc"}}}`, nil, "abc", "openclaw.json: gateway.auth.token", false, false},
		{"OpenClaw does not ask", `{gateway: {mode: "local"}}`, nil, "", "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newUserHome(t)
			h.setenv(append([]string{"HOME=" + h.dir, "SHELL=/bin/sh", "PATH=" + os.Getenv("PATH")}, c.env...)...)
			h.write(".profile", exports+"echo noise; echo asked >>\"$HOME/asked\"\n")
			h.write("asked", "")
			h.config(c.config)
			e := h.mustRead()
			token, _ := e.Credentials()
			if token != c.token || e.SignIn.Token.Source != c.from {
				t.Errorf("%q from %s", token, e.SignIn.Token.Source)
			}
			if passed := slices.Contains(e.Child().Set, TokenVar+"="+c.token); passed != c.passed {
				t.Errorf("passed: %v", passed)
			}
			if asked := h.text("asked") != ""; asked != c.asked {
				t.Errorf("asked: %v", asked)
			}
		})
	}
}

// TestO2_TheLoginShellIsAskedAgain when one of its files has changed, and only then.
func TestO2_TheLoginShellIsAskedAgain(t *testing.T) {
	h := newUserHome(t)
	h.setenv("HOME="+h.dir, "SHELL=/bin/sh", "PATH="+os.Getenv("PATH"))
	h.config(`{env: {shellEnv: {enabled: true}}, gateway: {mode: "local"}}`)
	h.write("asked", "")
	r := h.reader()
	for i, token := range []string{"a", "a", "bc", "bc"} {
		if i%2 == 0 {
			h.write(".profile", "export OPENCLAW_GATEWAY_TOKEN="+token+"; echo >>\"$HOME/asked\"\n")
		}
		e, err := r.Read(t.Context())
		if got, _ := e.Credentials(); got != token || err != nil {
			t.Errorf("%d: %q, %v", i, got, err)
		}
	}
	if asked := len(h.text("asked")); asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}
