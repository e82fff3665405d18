package openclaw

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// userHome is the home folder of a made-up user, with OpenClaw's files in it.
type userHome struct {
	t   testing.TB
	dir string
	in  Inputs
}

func newUserHome(t testing.TB) *userHome {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &userHome{t, dir, Inputs{Home: dir}}
}

func (h *userHome) at(name string) string { return filepath.Join(h.dir, filepath.FromSlash(name)) }

// write creates a file whose last change was long ago.
func (h *userHome) write(name, text string) {
	h.t.Helper()
	path, long := h.at(name), time.Now().Add(-time.Hour)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, long, long), os.Chtimes(filepath.Dir(path), long, long)); err != nil {
		h.t.Fatal(err)
	}
}

// config writes openclaw.json.
func (h *userHome) config(text string) { h.write(".openclaw/openclaw.json", text) }

// setenv adds variables. A value that begins with ~/ is a path in the home folder.
func (h *userHome) setenv(entries ...string) {
	for _, entry := range entries {
		name, value, _ := strings.Cut(entry, "=")
		if rest, ok := strings.CutPrefix(value, "~/"); ok {
			value = h.at(rest)
		}
		h.in.Env = append(h.in.Env, name+"="+value)
	}
}

func (h *userHome) reader() *Reader {
	r := NewReader(h.in)
	r.container = func(*variables) bool { return false }
	r.limit = time.Hour // a busy machine reads slowly
	return r
}

func (h *userHome) read() (Effective, error) { return h.reader().Read(context.Background()) }

func (h *userHome) mustRead() Effective {
	h.t.Helper()
	e, err := h.read()
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

// summary returns the important facts of e, one per line, with ~ for the home folder.
func (h *userHome) summary(e Effective) string {
	var s strings.Builder
	for _, r := range e.Rows() {
		fmt.Fprintf(&s, "%s: %s, %s", r.Name, r.Value, r.Source)
		for _, o := range r.Over {
			fmt.Fprintf(&s, "; not %s, %s", o.Value, o.Source)
		}
		s.WriteByte('\n')
	}
	secret, _ := e.SignIn.Secret().Value()
	fmt.Fprintf(&s, "secret: %s\nurl: %s\nopens: %s\nchild: %s\n", secret, e.URL(), e.Dashboard(), strings.Join(e.Child().Args, " "))
	for _, entry := range e.Child().Set {
		fmt.Fprintf(&s, "sets %s\n", entry)
	}
	for _, problem := range e.Problems {
		fmt.Fprintf(&s, "problem: %v\n", problem)
	}
	if err := e.Startable(); err != nil {
		fmt.Fprintf(&s, "not startable: %v\n", err)
	} else {
		s.WriteString("startable\n")
	}
	return filepath.ToSlash(strings.ReplaceAll(s.String(), h.dir, "~"))
}

// TestO_Configurations: files and variables of the user, and the expected result.
func TestO_Configurations(t *testing.T) {
	const local = `mode: "local", `
	const tok = `auth: {mode: "token", token: "abc"}, `
	for _, c := range []struct {
		name    string
		config  string   // the content of gateway: {…}; the whole file when it begins with "{"; no file when empty
		files   []string // name, text, …
		env     []string
		given   Overrides
		profile string
		want    []string // complete lines of the summary
		lacks   []string // texts that must not be in the summary
	}{
		{name: "no file", want: []string{"port: 18789, default", "mode: not set, ", "bind: loopback, default", "child: --port 18789 --allow-unconfigured",
			"not startable: ~/.openclaw/openclaw.json: gateway.auth.token: there is none, here or in OPENCLAW_GATEWAY_TOKEN"}},
		{name: "no file, token in the environment", env: []string{"OPENCLAW_GATEWAY_TOKEN= abc "},
			want: []string{"token: from environment OPENCLAW_GATEWAY_TOKEN, environment OPENCLAW_GATEWAY_TOKEN", "secret: abc", "sets OPENCLAW_GATEWAY_TOKEN=abc", "startable"}},
		{name: "XU2 clobbered", config: `{meta: {}}`, want: []string{"child: --port 18789",
			"not startable: ~/.openclaw/openclaw.json: gateway.mode: it is missing, so that the file may have lost its contents"}},
		{name: "XU3 remote over ssh", config: `mode: "remote", remote: {url: "ws://127.0.0.1:18789", sshTarget: "me@there"}`,
			want: []string{"mode: remote, openclaw.json: gateway.mode", "remote gateway: ws://127.0.0.1:18789, openclaw.json: gateway.mode", "url: ws://127.0.0.1:18789",
				"not startable: ~/.openclaw/openclaw.json: gateway.mode: it is remote: the gateway runs elsewhere, at ws://127.0.0.1:18789"}},
		{name: "remote, direct", config: `mode: "remote", remote: {transport: "direct", url: "wss://gw.example:443/x?y", token: "far"}`,
			want: []string{"url: wss://gw.example:443/x?y", "opens: https://gw.example:443/"}},
		{name: "XU4 $NAME unset", config: local + `auth: {token: "$OPENCLAW_GATEWAY_TOKEN"}`,
			want:  []string{"not startable: ~/.openclaw/openclaw.json: gateway.auth.token refers to the environment variable OPENCLAW_GATEWAY_TOKEN, which is not set", "secret: "},
			lacks: []string{"secret: $"}},
		{name: "XU4 ${NAME} unset", config: local + `auth: {token: "${MY_TOKEN}"}`,
			want: []string{"not startable: ~/.openclaw/openclaw.json: gateway.auth.token refers to the environment variable MY_TOKEN, which is not set"}},
		{name: "XU4 ${NAME} empty", config: local + `auth: {token: "${MY_TOKEN}"}`, env: []string{"MY_TOKEN="},
			want: []string{"not startable: ~/.openclaw/openclaw.json: gateway.auth.token refers to the environment variable MY_TOKEN, which is not set"}},
		{name: "XU4 ${NAME} set", config: local + `auth: {token: "${MY_TOKEN}"}`, env: []string{"MY_TOKEN=abc"},
			want: []string{"token: from openclaw.json: gateway.auth.token, openclaw.json: gateway.auth.token", "secret: abc", "startable"}, lacks: []string{"sets "}},
		{name: "$NAME set, also to the variable that clawtray drops", config: local + `auth: {token: "$OPENCLAW_GATEWAY_TOKEN"}`, env: []string{"OPENCLAW_GATEWAY_TOKEN=abc"},
			want: []string{"secret: abc", "sets OPENCLAW_GATEWAY_TOKEN=abc", "startable"}},
		{name: "another of OpenClaw's variables", config: local + `auth: {token: "x-${OPENCLAW_MINE}"}`, env: []string{"OPENCLAW_MINE=1"},
			want: []string{"secret: x-1", "sets OPENCLAW_MINE=1"}},
		{name: "$name is a text", config: local + `auth: {token: "$name"}`, want: []string{"secret: $name", "startable"}},
		{name: "$${NAME} is a text", config: local + `auth: {token: "$${NAME}"}`, want: []string{"secret: ${NAME}", "startable"}},
		{name: "$$NAME and ${name} are texts", config: local + `auth: {token: "$$NAME ${name} ${"}`, want: []string{"secret: $$NAME ${name} ${", "startable"}},
		{name: "XU7 the value in .env", config: local + `auth: {token: "${MY_TOKEN}"}`, files: []string{".openclaw/.env", "MY_TOKEN='abc' # mine\n"}, want: []string{"secret: abc", "startable"}},
		{name: "XU7 the environment before .env", config: local + `auth: {token: "${MY_TOKEN}"}`, files: []string{".openclaw/.env", "MY_TOKEN=wrong"}, env: []string{"MY_TOKEN=abc"}, want: []string{"secret: abc"}},
		{name: "a variable that is set to nothing hides .env, but not the env block", config: `{env: {vars: {A: "abc"}}, gateway: {mode: "local", auth: {token: "${A}"}, controlUi: {basePath: "${B}"}}}`,
			files: []string{".openclaw/.env", "A=wrong\nB=wrong"}, env: []string{"A=", "B="}, want: []string{"secret: abc", "not startable: ~/.openclaw/openclaw.json: gateway.controlUi.basePath refers to the environment variable B, which is not set"}},
		{name: "XU7 .env before the env block", config: `{env: {vars: {MY_TOKEN: "wrong"}}, gateway: {mode: "local", auth: {token: "${MY_TOKEN}"}}}`, files: []string{".openclaw/.env", "MY_TOKEN=abc"}, want: []string{"secret: abc"}},
		{name: "env block", config: `{env: {vars: {MY_TOKEN: "wrong"}, " MY_TOKEN ": "abc", shellEnv: {}}, gateway: {mode: "local", auth: {token: "$MY_TOKEN"}}}`, want: []string{"secret: abc"}},
		{name: "env block with a reference does not count", config: `{env: {MY_TOKEN: "${OTHER}"}, gateway: {mode: "local", auth: {token: "$MY_TOKEN"}}}`, env: []string{"OTHER=x"},
			want: []string{"not startable: ~/.openclaw/openclaw.json: gateway.auth.token refers to the environment variable MY_TOKEN, which is not set"}},
		{name: "XU7 token only in .env", config: local, files: []string{".openclaw/.env", "export OPENCLAW_GATEWAY_TOKEN=\"abc\"\n"},
			want: []string{"token: from ~/.openclaw/.env: OPENCLAW_GATEWAY_TOKEN, ~/.openclaw/.env: OPENCLAW_GATEWAY_TOKEN", "secret: abc", "startable"}, lacks: []string{"sets "}},
		{name: "K2 all the places", config: local + tok, files: []string{".openclaw/.env", "OPENCLAW_GATEWAY_TOKEN=from-file"}, env: []string{"OPENCLAW_GATEWAY_TOKEN=from-env"}, given: Overrides{Token: "mine"},
			want: []string{"token: from openclaw.json: gateway.auth.token, openclaw.json: gateway.auth.token; not another one, ~/.openclaw/.env: OPENCLAW_GATEWAY_TOKEN; not another one, clawtray's settings; not another one, environment OPENCLAW_GATEWAY_TOKEN",
				"secret: abc"}, lacks: []string{"sets "}},
		{name: "K2 clawtray's setting before the environment", config: local, env: []string{"OPENCLAW_GATEWAY_TOKEN=wrong"}, given: Overrides{Token: "mine"},
			want: []string{"secret: mine", "sets OPENCLAW_GATEWAY_TOKEN=mine", "startable"}},
		{name: "XU7 secret reference env", config: local + `auth: {token: {source: "env", provider: "default", id: "MY_TOKEN"}}`, env: []string{"MY_TOKEN=abc"}, want: []string{"secret: abc", "startable"}},
		{name: "secret reference env without a provider", config: local + `auth: {token: {source: "env", id: "MY_TOKEN"}}`, files: []string{".openclaw/.env", "MY_TOKEN=abc"}, want: []string{"secret: abc"}},
		{name: "secret reference env, not allowed", config: `{secrets: {providers: {e: {source: "env", allowlist: ["OTHER"]}}}, gateway: {mode: "local", auth: {token: {source: "env", provider: "e", id: "MY_TOKEN"}}}}`, env: []string{"MY_TOKEN=abc"},
			want: []string{"not startable: ~/.openclaw/openclaw.json: gateway.auth.token: secrets.providers.e.allowlist lacks MY_TOKEN"}},
		{name: "secret reference exec", config: local + `auth: {token: {source: "exec", provider: "vault", id: "gw"}}`,
			want: []string{"token: from openclaw.json: gateway.auth.token, which only OpenClaw can read (exec:vault:gw), openclaw.json: gateway.auth.token", "secret: ", "startable"}},
		{name: "secret reference store", config: local + `auth: {mode: "password", password: {source: "store", provider: "default", id: "GW"}}`,
			want: []string{"password: from openclaw.json: gateway.auth.password, which only OpenClaw can read (store:default:GW), openclaw.json: gateway.auth.password", "startable"}},
		{name: "variable of the working folder's .env", config: local + `auth: {token: "$MY_TOKEN"}`, files: []string{".env", "MY_TOKEN=x\nOPENCLAW_GATEWAY_TOKEN=refused\n"},
			want: []string{"token: from openclaw.json: gateway.auth.token, which only OpenClaw can read ($MY_TOKEN in ~/.env), openclaw.json: gateway.auth.token", "startable"}},
		{name: "token that is a number", config: local + `auth: {token: 5}`, want: []string{"not startable: ~/.openclaw/openclaw.json: gateway.auth.token: it is neither a text nor a reference to a secret"}},
		{name: "XU5 TLS", config: local + tok + `tls: {enabled: true, autoGenerate: true}`,
			want: []string{"TLS: on; the certificate is not there yet: ~/.openclaw/gateway/tls/gateway-cert.pem, openclaw.json: gateway.tls", "url: wss://127.0.0.1:18789", "opens: https://127.0.0.1:18789/", "startable"}},
		{name: "TLS elsewhere", config: local + tok + `tls: {enabled: true, certPath: "~/tls/c.pem"}`, want: []string{"TLS: on; the certificate is not there yet: ~/tls/c.pem, openclaw.json: gateway.tls"}},
		{name: "XU6 trusted-proxy", config: local + `trustedProxies: ["127.0.0.1"], auth: {mode: "trusted-proxy", trustedProxy: {userHeader: "x-user", allowLoopback: true}, password: "pw"}`,
			env: []string{"OPENCLAW_GATEWAY_TOKEN=x"}, given: Overrides{Token: "mine"},
			want: []string{"sign-in: trusted-proxy, openclaw.json: gateway.auth.mode", "trusted-proxy: from openclaw.json: gateway.auth.password, openclaw.json: gateway.auth.password", "secret: pw", "startable"}, lacks: []string{"sets "}},
		{name: "XU6 trusted-proxy without a password", config: local + `auth: {mode: "trusted-proxy"}`, want: []string{"secret: ", "startable"}},
		{name: "XU6 trusted-proxy with a token in .env", config: local + `auth: {mode: "trusted-proxy"}`, files: []string{".openclaw/.env", "OPENCLAW_GATEWAY_TOKEN=x"},
			want: []string{"not startable: ~/.openclaw/openclaw.json: gateway.auth.mode: it is trusted-proxy, which excludes the token from ~/.openclaw/.env: OPENCLAW_GATEWAY_TOKEN"}},
		{name: "XU6 trusted-proxy that refers to the token", config: local + `auth: {mode: "trusted-proxy", password: "$OPENCLAW_GATEWAY_TOKEN"}`, env: []string{"OPENCLAW_GATEWAY_TOKEN=x"}, lacks: []string{"sets "}},
		{name: "XU7 password", config: local + `auth: {mode: "password", password: "pw"}`, env: []string{"OPENCLAW_GATEWAY_TOKEN=x"}, want: []string{"sign-in: password, openclaw.json: gateway.auth.mode", "secret: pw", "startable"}, lacks: []string{"sets "}},
		{name: "password without a mode", config: local + `auth: {password: "pw"}`, env: []string{"OPENCLAW_GATEWAY_TOKEN=x"}, want: []string{"sign-in: password, openclaw.json: gateway.auth.password", "secret: pw", "startable"}},
		{name: "password by the environment", config: local, env: []string{"OPENCLAW_GATEWAY_PASSWORD=pw"}, want: []string{"sign-in: password, environment OPENCLAW_GATEWAY_PASSWORD", "secret: pw", "startable"}},
		{name: "password and none there", config: local + `auth: {mode: "password"}`, want: []string{"not startable: ~/.openclaw/openclaw.json: gateway.auth.password: there is none, here or in OPENCLAW_GATEWAY_PASSWORD"}},
		{name: "token and password without a mode", config: local + `auth: {token: "abc", password: "pw"}`,
			want: []string{"not startable: ~/.openclaw/openclaw.json: gateway.auth.mode: gateway.auth.token and gateway.auth.password are both set, and this does not say which counts"}},
		{name: "no sign-in", config: local + `auth: {mode: "none"}`, env: []string{"OPENCLAW_GATEWAY_TOKEN=x"}, want: []string{"sign-in: none, openclaw.json: gateway.auth.mode", "secret: ", "startable"}, lacks: []string{"sets "}},
		{name: "the remote token is the local one, too", config: local + `remote: {token: "far"}`, want: []string{"secret: far", "startable"}},
		{name: "XU8 port", config: local + tok + `port: 28999`, want: []string{"port: 28999, openclaw.json: gateway.port", "url: ws://127.0.0.1:28999", "child: --port 28999"}},
		{name: "XU8 the environment's port", config: local + tok + `port: 28999`, env: []string{"OPENCLAW_GATEWAY_PORT=29000"}, want: []string{"port: 29000, environment OPENCLAW_GATEWAY_PORT; not 28999, openclaw.json: gateway.port"}},
		{name: "an address as the port", config: local + tok, env: []string{"OPENCLAW_GATEWAY_PORT=127.0.0.1:29000"}, want: []string{"port: 29000, environment OPENCLAW_GATEWAY_PORT"}},
		{name: "no port in the environment", config: local + tok + `port: 28999`, env: []string{"OPENCLAW_GATEWAY_PORT=soon"}, want: []string{"port: 28999, openclaw.json: gateway.port"}},
		{name: "the command line's port", config: local + tok + `port: 28999`, env: []string{"OPENCLAW_GATEWAY_PORT=29000"}, given: Overrides{Port: 30000, PortSource: SourceCommandLine},
			want: []string{"port: 30000, the command line; not 29000, environment OPENCLAW_GATEWAY_PORT; not 28999, openclaw.json: gateway.port"}},
		{name: "port in .env and in the env block", config: `{env: {OPENCLAW_GATEWAY_PORT: "31000"}, gateway: {mode: "local", auth: {token: "abc"}}}`, files: []string{".openclaw/.env", "OPENCLAW_GATEWAY_PORT=29000"},
			want: []string{"port: 29000, ~/.openclaw/.env: OPENCLAW_GATEWAY_PORT; not 31000, openclaw.json: env.OPENCLAW_GATEWAY_PORT"}},
		{name: "a port that is a text", config: local + tok + `port: "28999"`, want: []string{"port: 18789, default", "problem: ~/.openclaw/openclaw.json: gateway.port: it is not a port number from 1 to 65535", "startable"}},
		{name: "XU9 profile", profile: "work", files: []string{".openclaw-work/openclaw.json", `{gateway: {mode: "local", auth: {token: "abc"}}}`},
			want: []string{"state folder: ~/.openclaw-work, the profile work", "port: 41984, the profile work" /* measured, 2026.9.6 */, "secret: abc", "sets OPENCLAW_PROFILE=work",
				"sets OPENCLAW_STATE_DIR=~/.openclaw-work", "sets OPENCLAW_CONFIG_PATH=~/.openclaw-work/openclaw.json", "startable"}},
		{name: "XU9 profile beside the default one's .env", profile: "work", config: local, files: []string{".openclaw/.env", "OPENCLAW_GATEWAY_TOKEN=x", ".openclaw-work/openclaw.json", `{gateway: {mode: "local", port: 1234}}`},
			want: []string{"port: 1234, openclaw.json: gateway.port", "not startable: ~/.openclaw-work/openclaw.json: gateway.auth.token: there is none, here or in OPENCLAW_GATEWAY_TOKEN"}},
		{name: "XU9 a profile's .env moves no folder", profile: "work", files: []string{".openclaw-work/.env", "OPENCLAW_STATE_DIR=~/x\nOPENCLAW_GATEWAY_TOKEN=abc"}, want: []string{"state folder: ~/.openclaw-work, the profile work", "secret: abc"}},
		{name: "OPENCLAW_PROFILE alone", config: local + tok, env: []string{"OPENCLAW_PROFILE=work"}, want: []string{"state folder: ~/.openclaw, default", "port: 41984, environment OPENCLAW_PROFILE" /* measured, 2026.9.6 */, "startable"}},
		{name: "OPENCLAW_PROFILE that is none", config: local + tok, env: []string{"OPENCLAW_PROFILE=a.b"}, want: []string{"port: 18789, default"}},
		{name: "profile dev", profile: "dev", want: []string{"port: 19001, the profile dev"}},
		{name: "a state folder beats a profile", profile: "work", env: []string{"OPENCLAW_STATE_DIR=~/s"}, want: []string{"state folder: ~/s, environment OPENCLAW_STATE_DIR", "configuration: ~/s/openclaw.json, environment OPENCLAW_STATE_DIR"}},
		{name: "another profile's folder does not", profile: "work", env: []string{"OPENCLAW_STATE_DIR=~/.openclaw-play", "OPENCLAW_CONFIG_PATH=~/.openclaw-play/openclaw.json", "OPENCLAW_PROFILE=play"},
			want: []string{"state folder: ~/.openclaw-work, the profile work", "configuration: ~/.openclaw-work/openclaw.json, the profile work"}},
		{name: ".env moves the configuration", files: []string{".openclaw/.env", "OPENCLAW_CONFIG_PATH=~/c/my.json", "c/my.json", `{gateway: {mode: "local", port: 1234, auth: {token: "abc"}}}`},
			want: []string{"configuration: ~/c/my.json, ~/.openclaw/.env: OPENCLAW_CONFIG_PATH", "port: 1234, my.json: gateway.port"}},
		{name: "a configuration elsewhere has its own .env", env: []string{"OPENCLAW_CONFIG_PATH=~/c/my.json"}, files: []string{"c/.env", "OPENCLAW_GATEWAY_TOKEN=abc", "c/my.json", `{gateway: {mode: "local"}}`}, want: []string{"secret: abc"}},
		{name: "the old gateway.env", config: local, files: []string{".config/openclaw/gateway.env", "OPENCLAW_GATEWAY_TOKEN=abc"}, want: []string{"secret: abc"}},
		{name: "XU10 bind and base path", config: local + tok + `bind: "lan", controlUi: {basePath: "claw/"}`,
			want: []string{"bind: lan, openclaw.json: gateway.bind", "url: ws://127.0.0.1:18789", "opens: http://127.0.0.1:18789/claw/", "dashboard path: /claw, openclaw.json: gateway.controlUi.basePath"}},
		{name: "no dashboard", config: local + tok + `controlUi: {enabled: false}`, want: []string{"opens: "}},
		{name: "bind custom", config: local + tok + `bind: "custom", customBindHost: "192.0.2.7"`, want: []string{"bind: custom, openclaw.json: gateway.bind", "url: ws://127.0.0.1:18789"}},
		{name: "bind by a variable that is missing", config: local + tok + `bind: "${BIND}"`, want: []string{"not startable: ~/.openclaw/openclaw.json: gateway.bind refers to the environment variable BIND, which is not set"}},
		{name: "bind by a variable", config: local + tok + `bind: "${BIND}"`, env: []string{"BIND=tailnet"}, want: []string{"bind: tailnet, openclaw.json: gateway.bind"}},
		{name: "a way of binding that is none", config: local + tok + `bind: "all"`, want: []string{"bind: loopback, default", "problem: ~/.openclaw/openclaw.json: gateway.bind: it is none of loopback, lan, tailnet, auto and custom", "startable"}},
		{name: "XU7 include", config: local + `auth: {$include: "secrets/auth.json5"}`, files: []string{".openclaw/secrets/auth.json5", `{mode: "token", token: "abc" /* mine */}`}, want: []string{"secret: abc", "startable"}},
		{name: "include a list, with overrides", config: `{$include: ["a.json", "./b.json"], gateway: {port: 3}}`,
			files: []string{".openclaw/a.json", `{gateway: {port: 1, mode: "local", bind: "lan"}}`, ".openclaw/b.json", `{gateway: {port: 2, bind: "auto", auth: {$include: "./c.json"}}}`, ".openclaw/c.json", `{token: "abc"}`},
			want:  []string{"port: 3, openclaw.json: gateway.port", "bind: auto, openclaw.json: gateway.bind", "secret: abc", "startable"}},
		{name: "include from a root", config: local + `auth: {$include: "../shared/auth.json"}`, env: []string{"OPENCLAW_INCLUDE_ROOTS=~/shared"}, files: []string{"shared/auth.json", `{token: "abc"}`}, want: []string{"secret: abc"}},
		{name: "reload", config: local + tok + `reload: {mode: "hot", debounceMs: 300}`, want: []string{"reload: hot, openclaw.json: gateway.reload.mode", "reload after: 300ms, openclaw.json: gateway.reload.debounceMs"}},
		{name: "reload by default", config: local + tok + `reload: {mode: "sideways", debounceMs: 1e9}`, want: []string{"reload: hybrid, default", "reload after: 1m0s, openclaw.json: gateway.reload.debounceMs"}},
		{name: "gateway is a text", config: `{gateway: "x"}`, want: []string{"port: 18789, default", "not startable: ~/.openclaw/openclaw.json: gateway.mode: it is missing, so that the file may have lost its contents"}},
		{name: "__proto__", config: `{__proto__: {gateway: {mode: "local", port: 5}}, gateway: {mode: "local", auth: {token: "abc"}}}`, want: []string{"port: 18789, default", "secret: abc"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newUserHome(t)
			h.in.Profile, h.in.Given = c.profile, c.given
			h.setenv(c.env...)
			switch {
			case strings.HasPrefix(c.config, "{"):
				h.config(c.config)
			case c.config != "":
				h.config("// a comment\n{ gateway: { " + c.config + " } }")
			}
			for i := 0; i < len(c.files); i += 2 {
				h.write(c.files[i], c.files[i+1])
			}
			got := h.summary(h.mustRead())
			for _, line := range c.want {
				if !strings.Contains("\n"+got, "\n"+line+"\n") {
					t.Errorf("no line %q in\n%s", line, got)
				}
			}
			for _, part := range c.lacks {
				if strings.Contains(got, part) {
					t.Errorf("%q in\n%s", part, got)
				}
			}
		})
	}
}

// TestO2_Unreadable: for a file that cannot be read, there is a typed error and no value.
func TestO2_Unreadable(t *testing.T) {
	deep := []string{".openclaw/1.json", `{$include: "2.json"}`}
	for i := 2; i <= 12; i++ {
		deep = append(deep, fmt.Sprintf(".openclaw/%d.json", i), fmt.Sprintf(`{$include: "%d.json"}`, i+1))
	}
	for _, c := range []struct {
		name, config string
		files        []string
		kind         ConfigErrorKind
		says         string
	}{
		{"XU12 cut", `{gateway: {mode: "local", auth: {token: "canary`, nil, ConfigBroken, "~/.openclaw/openclaw.json is not valid JSON5: line 1, column 48: unexpected end of the text"},
		{"XW9 empty", "", nil, ConfigEmpty, "~/.openclaw/openclaw.json: the file is empty"},
		{"blank", " \n\ufeff", nil, ConfigEmpty, "~/.openclaw/openclaw.json: the file is empty"},
		{"zero bytes", "\x00\x00\x00", nil, ConfigBroken, "unexpected character U+0000"},
		{"a list", "[]", nil, ConfigBroken, "not an object"},
		{"null", "null", nil, ConfigBroken, "not an object"},
		{"too deep", strings.Repeat("[", 100_000), nil, ConfigBroken, "inside each other"},
		{"included file missing", `{$include: "gone.json"}`, nil, ConfigInclude, "gone.json: file does not exist"},
		{"included file cut", `{$include: "a.json"}`, []string{".openclaw/a.json", "{a:"}, ConfigBroken, "~/.openclaw/a.json is not valid JSON5: line 1, column 4"},
		{"included file empty", `{$include: "a.json"}`, []string{".openclaw/a.json", "\n"}, ConfigEmpty, "~/.openclaw/a.json: the file is empty"},
		{"include outside", `{$include: "../a.json"}`, []string{"a.json", "{}"}, ConfigInclude, "outside the folder"},
		{"include of a number", `{gateway: {$include: 5}}`, nil, ConfigInclude, "a path or a list of paths"},
		{"include of a list with a number", `{gateway: {$include: [5]}}`, nil, ConfigInclude, "must hold paths"},
		{"include of a list beside others", `{$include: "a.json", b: 1}`, []string{".openclaw/a.json", "[1]"}, ConfigInclude, "not an object"},
		{"include of itself", `{$include: "a.json"}`, []string{".openclaw/a.json", `{$include: "./b.json"}`, ".openclaw/b.json", `{$include: "a.json"}`}, ConfigInclude, "include each other"},
		{"include too deep", `{$include: "1.json"}`, deep, ConfigInclude, "more than 10"},
		{"include a folder", `{$include: "d"}`, []string{".openclaw/d/x", ""}, ConfigUnreadable, "not a regular file"},
		{"include a long path", `{$include: "` + strings.Repeat("a", 5000) + `"}`, nil, ConfigInclude, "too long"},
		{"include a large file", `{$include: "a.json"}`, []string{".openclaw/a.json", strings.Repeat(" ", maxInclude+1)}, ConfigUnreadable, "too large"},
		{"includes that are large together", `{$include: [` + strings.Repeat(`"a.json", `, maxTotalSize/maxInclude+1) + `]}`, []string{".openclaw/a.json", strings.Repeat(" ", maxInclude-2) + "{}"}, ConfigUnreadable, "with what it includes"},
		{"many includes", `{$include: [` + strings.Repeat(`"a.json", `, maxIncludedFiles+1) + `]}`, []string{".openclaw/a.json", "{}"}, ConfigInclude, "more than 1000 files"},
		{"a large file", strings.Repeat(" ", maxConfigSize+1), nil, ConfigUnreadable, "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newUserHome(t)
			h.setenv("OPENCLAW_GATEWAY_TOKEN=canary", "OPENCLAW_GATEWAY_PORT=5")
			h.config(c.config)
			for i := 0; i < len(c.files); i += 2 {
				h.write(c.files[i], c.files[i+1])
			}
			e, err := h.read()
			if !IsConfigError(err, c.kind) || !strings.Contains(strings.ReplaceAll(err.Error(), h.dir, "~"), c.says) || strings.Contains(err.Error(), "canary") {
				t.Fatalf("%v", err)
			}
			if problem, _ := errors.AsType[*ConfigError](err); problem.Changed.IsZero() || !problem.Settled(time.Now(), time.Minute) || problem.Settled(problem.Changed.Add(time.Second), time.Minute) {
				t.Errorf("changed at %v", problem.Changed)
			}
			if _, known := e.SignIn.Secret().Value(); known || e.Listen.Port.Value != 0 || e.SignIn.Mode.Value != "" || !e.File.Exists {
				t.Errorf("invented: %+v", e)
			}
		})
	}
}

// TestO1_Pin: the client accepts only the gateway's certificate, and no certificate before
// that exists.
func TestO1_Pin(t *testing.T) {
	h := newUserHome(t)
	h.config(`{gateway: {mode: "local", tls: {enabled: true}, auth: {token: "abc"}}}`)
	r := h.reader()
	read := func() Effective {
		e, err := r.Read(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if c, err := read().ClientTLS(); c != nil || !IsConfigError(err, ConfigUnreadable) {
		t.Errorf("without a certificate: %v, %v", c, err)
	}
	mine, text := certificate(t)
	h.write(".openclaw/gateway/tls/gateway-cert.pem", text)
	e := read()
	c, err := e.ClientTLS()
	if err != nil || e.TLS.Fingerprint != fingerprintOf(mine) {
		t.Fatalf("%+v, %v", e.TLS, err)
	}
	if err := c.VerifyConnection(tlsState(mine)); err != nil {
		t.Error(err)
	}
	other, renewed := certificate(t)
	if err := c.VerifyConnection(tlsState(other)); !errors.Is(err, ErrWrongCertificate) {
		t.Errorf("another certificate: %v", err)
	}
	h.write(".openclaw/gateway/tls/gateway-cert.pem", renewed+text)
	if got := read().TLS.Fingerprint; got != fingerprintOf(other) {
		t.Error("the renewed certificate is not the pin")
	}
	for _, text := range []string{"", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		h.write(".openclaw/gateway/tls/gateway-cert.pem", text)
		if got := read(); got.TLS.Fingerprint != "" {
			t.Errorf("%q is a certificate: %v", text, got.TLS)
		}
	}
}

func certificate(t *testing.T) (*x509.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "openclaw-gateway"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestO4_Tunnel: the command for a gateway that is reached through ssh.
func TestO4_Tunnel(t *testing.T) {
	for remote, want := range map[string]string{
		`url: "ws://127.0.0.1:19000", sshTarget: "me@there"`:                                          "ssh -N -L 19000:127.0.0.1:19000 me@there",
		`url: "ws://127.0.0.1:19000", remotePort: 29443, sshTarget: "me@there", sshIdentity: "~/key"`: "ssh -N -L 19000:127.0.0.1:29443 -i ~/key me@there",
		`sshTarget: "there"`:                         "ssh -N -L 18789:127.0.0.1:18789 there",
		`url: "ws://127.0.0.1:19000"`:                "",
		`sshTarget: "-oProxyCommand=x"`:              "",
		`transport: "direct", sshTarget: "me@there"`: "",
	} {
		h := newUserHome(t)
		h.config(`{gateway: {mode: "remote", remote: {` + remote + `}}}`)
		if got := strings.Join(h.mustRead().Remote.Tunnel(), " "); got != want {
			t.Errorf("%s: %q, want %q", remote, got, want)
		}
	}
}

// TestO4_RemotePin: the fingerprint is accepted in each form that OpenClaw accepts.
func TestO4_RemotePin(t *testing.T) {
	cert, _ := certificate(t)
	plain := fingerprintOf(cert)
	var colons []string
	for i := 0; i < len(plain); i += 2 {
		colons = append(colons, strings.ToUpper(plain[i:i+2]))
	}
	for written, good := range map[string]bool{plain: true, "SHA256:" + plain: true, strings.Join(colons, ":"): true, plain[1:]: false, "x": false} {
		h := newUserHome(t)
		h.config(`{gateway: {mode: "remote", remote: {transport: "direct", url: "wss://gw.example", tlsFingerprint: "` + written + `"}}}`)
		e := h.mustRead()
		c, err := e.ClientTLS()
		if (err == nil) != good || (c != nil) != good {
			t.Errorf("%q: %v, %v, %v", written, c, err, e.Problems)
		}
		if good && c.VerifyConnection(tlsState(cert)) != nil {
			t.Errorf("%q is not the pin", written)
		}
	}
}

func TestO5_ProfileNames(t *testing.T) {
	for name, ok := range map[string]bool{"": true, "work": true, "a-b_2": true, "0": true, strings.Repeat("a", 64): true,
		".": false, "..": false, "a.b": false, "Work": false, "-a": false, "_a": false, "a/b": false, "ä": false, "a b": false, strings.Repeat("a", 65): false} {
		if err := CheckProfile(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestQ4_Lost(t *testing.T) {
	h := newUserHome(t)
	h.config(`{gateway: {mode: "local"}, agents: {}}`)
	good := h.mustRead().File
	if good.LostSince(ConfigFile{}) != "" || good.LostSince(good) != "" {
		t.Error("lost without a loss")
	}
	for text, want := range map[string]string{`{meta: {}}`: "has no gateway section any more", `{gateway: {}}`: "has no gateway.mode any more", `{gateway: {mode: "remote"}}`: ""} {
		h.config(text)
		if got := h.mustRead().File.LostSince(good); got != want {
			t.Errorf("%s %q, want %q", text, got, want)
		}
	}
	if err := os.Remove(h.at(".openclaw/openclaw.json")); err != nil {
		t.Fatal(err)
	}
	if got := h.mustRead().File.LostSince(good); got != "is not there any more" {
		t.Errorf("removed: %q", got)
	}
}

// TestK3_EffectiveDoesNotPrint: logging the whole value logs no secret.
func TestK3_EffectiveDoesNotPrint(t *testing.T) {
	h := newUserHome(t)
	h.setenv("OPENCLAW_GATEWAY_TOKEN=canary", "OPENCLAW_GATEWAY_PASSWORD=canary")
	h.config(`{gateway: {mode: "local", auth: {mode: "token", token: "${OPENCLAW_GATEWAY_TOKEN}"}, remote: {token: "canary"}}}`)
	e := h.mustRead()
	if secret, _ := e.SignIn.Secret().Value(); secret != "canary" {
		t.Fatal("no secret to hide")
	}
	for _, verb := range []string{"%v", "%s", "%+v", "%#v", "%q", "%x"} {
		for _, v := range []any{e, &e, e.SignIn, e.SignIn.Token, e.Child(), e.Rows(), []any{e}} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "canary") || strings.Contains(text, fmt.Sprintf("%x", "canary")) {
				t.Errorf("%s of %T prints %s", verb, v, text)
			}
		}
	}
}

func tlsState(cert *x509.Certificate) tls.ConnectionState {
	return tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
}

// TestO4_ThePortOfARemoteGateway: it is the port in the gateway's address.
func TestO4_ThePortOfARemoteGateway(t *testing.T) {
	for address, want := range map[string]int{"ws://127.0.0.1:28999": 28999, "wss://gw.example/x": 443, "ws://gw.example": 80} {
		h := newUserHome(t)
		h.config(fmt.Sprintf(`{gateway: {mode: "remote", port: 5, remote: {transport: "direct", url: %q}}}`, address))
		if got := h.mustRead().Listen.Port; got.Value != want {
			t.Errorf("%s: port %d, %s", address, got.Value, got.Source)
		}
	}
}
