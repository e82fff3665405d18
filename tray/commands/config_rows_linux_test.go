package commands

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"clawtray/packaging/needs"
	"clawtray/supervisor"
	"clawtray/supervisor/openclaw"
)

// Short names for the ways to sign in.
const (
	byToken    = openclaw.SignInToken
	byPassword = openclaw.SignInPassword
	byNothing  = openclaw.SignInNone
	byProxy    = openclaw.SignInTrustedProxy
)

// loop is the bind of all rows that do not test binding.
const loop = `bind: "loopback", `

// aToken is the sign-in of all rows that do not test signing in.
const aToken = loop + `auth: {mode: "token", token: "canary-token"}`

// onlyDevices is a sign-in for which a client of this machine needs a device token.
const onlyDevices = loop + `trustedProxies: ["127.0.0.1"], auth: {mode: "trusted-proxy", trustedProxy: {userHeader: "x-user", allowLoopback: true}}`

// All secrets below begin with canary-, so that a search finds them in a log. Most spare rows
// differ from others only in what is read, and the tests of package openclaw check that.
var configurations = []configuration{
	// How to sign in.
	{name: "XU7 a token", spare: true, restarts: true, arrange: withKeys(aToken), signIn: byToken, secret: "canary-token"},
	{name: "XU7 a password", arrange: withKeys(loop + `auth: {mode: "password", password: "canary-password"}`), signIn: byPassword, secret: "canary-password"},
	{name: "XU7 a password by the environment", spare: true, arrange: withFile(`{gateway: {mode: "local", port: <port>, bind: "loopback"}}`, "OPENCLAW_GATEWAY_PASSWORD=canary-password"), signIn: byPassword, secret: "canary-password"},
	{name: "O3 none", arrange: withKeys(loop + `auth: {mode: "none"}`), signIn: byNothing},
	{name: "XU6 a trusted proxy with a password", signIn: byProxy, secret: "canary-proxy-password", arrange: func(u *user) {
		withKeys(loop + `trustedProxies: ["127.0.0.1"], auth: {mode: "trusted-proxy", password: "canary-proxy-password", trustedProxy: {userHeader: "x-user", allowLoopback: true}}`)(u)
		u.env = append(u.env, "OPENCLAW_GATEWAY_TOKEN=a-token-of-the-shell")
	}},
	{name: "XU6 a trusted proxy with a token in .env", arrange: withKeys(`auth: {mode: "trusted-proxy", trustedProxy: {userHeader: "x-user"}}`, ".openclaw/.env", "OPENCLAW_GATEWAY_TOKEN=canary-x\n"),
		cause: supervisor.ConfigConflict, says: "trusted-proxy, which excludes the token"},
	{name: "XU7 a token and a password", arrange: withKeys(`auth: {token: "canary-a", password: "canary-b"}`), cause: supervisor.ConfigConflict, says: "does not say which counts"},
	{name: "XU7 a token only in .env", spare: true, arrange: withKeys(loop+`auth: {mode: "token"}`, ".openclaw/.env", "OPENCLAW_GATEWAY_TOKEN=canary-dotenv\n"), signIn: byToken, secret: "canary-dotenv"},
	{name: "XU8 no token at all", arrange: withKeys(loop + `auth: {mode: "token"}`), signIn: byToken},
	{name: "O3 the device token first", spare: true, arrange: pairedBefore, signIn: byProxy},

	// References to secrets.
	{name: "XU7 a reference to .env", spare: true, arrange: withKeys(loop+`auth: {token: "${MY_OWN_TOKEN}"}`, ".openclaw/.env", "MY_OWN_TOKEN=canary-dotenv\n"), signIn: byToken, secret: "canary-dotenv"},
	{name: "XU7 a reference as an object", spare: true, arrange: withFile(`{gateway: {mode: "local", port: <port>, bind: "loopback", auth: {token: {source: "env", provider: "default", id: "MY_OWN_TOKEN"}}}}`, "MY_OWN_TOKEN=canary-env"), signIn: byToken, secret: "canary-env"},
	{name: "XU7 a reference to a file", spare: true, signIn: byToken, secret: "canary-file", arrange: func(u *user) {
		withFile(`{secrets: {providers: {f: {source: "file", path: "<home>/secrets.json", mode: "json"}}},
			gateway: {mode: "local", port: <port>, bind: "loopback", auth: {mode: "token", token: {source: "file", provider: "f", id: "/gateway/token"}}}}`)(u)
		u.write("secrets.json", `{"gateway": {"token": "canary-file"}}`)
	}},
	{name: "XU7 a reference to a program", spare: true, signIn: byToken, secret: "canary-of-the-vault", arrange: func(u *user) {
		withFile(withVault)(u)
		u.program("vault", vault)
	}},
	{name: "XW8 a program that is not there", arrange: withFile(withVault), cause: supervisor.SecretUnresolved, says: "vault"},
	{name: "XU4 a variable that is gone", arrange: withKeys(`auth: {token: "$NO_SUCH_VARIABLE_HERE"}`), cause: supervisor.SecretUnresolved, says: "NO_SUCH_VARIABLE_HERE"},

	// Variables that only the login shell sets. OpenClaw asks it for those of the sign-in, and for no others.
	{name: "O2 the login shell's token", arrange: withLogin(`{env: {shellEnv: {enabled: true}}, gateway: {mode: "local", port: <port>, bind: "loopback"}}`), signIn: byToken, secret: "canary-login"},
	{name: "O2 a reference to the login shell's token", spare: true, arrange: withLogin(`{env: {shellEnv: {enabled: true}}, gateway: {mode: "local", port: <port>, bind: "loopback", auth: {mode: "token", token: "${OPENCLAW_GATEWAY_TOKEN}"}}}`), signIn: byToken, secret: "canary-login"},
	{name: "O2 another variable of the login shell", arrange: withLogin(`{env: {shellEnv: {enabled: true}}, gateway: {mode: "local", port: <port>, auth: {token: "${MY_OWN_TOKEN}"}}}`), cause: supervisor.SecretUnresolved, says: "MY_OWN_TOKEN"},
	{name: "O2 a login shell that is not asked", arrange: withLogin(`{gateway: {mode: "local", port: <port>, auth: {token: "${OPENCLAW_GATEWAY_TOKEN}"}}}`), cause: supervisor.SecretUnresolved, says: "OPENCLAW_GATEWAY_TOKEN"},

	// Where it listens.
	{name: "O1 the port of the environment", spare: true, arrange: withFile(`{gateway: {mode: "local", port: 1, `+aToken+`}}`, "OPENCLAW_GATEWAY_PORT=<port>"), signIn: byToken, secret: "canary-token"},
	{name: "O1 the port of .env", spare: true, signIn: byToken, secret: "canary-token", arrange: func(u *user) {
		withFile(`{gateway: {mode: "local", port: 1, ` + aToken + `}}`)(u)
		u.write(".openclaw/.env", fmt.Sprintf("OPENCLAW_GATEWAY_PORT=%d\n", u.port))
	}},
	{name: "O1 the port of the env block", spare: true, arrange: withFile(`{env: {vars: {OPENCLAW_GATEWAY_PORT: "<port>"}}, gateway: {mode: "local", port: 1, ` + aToken + `}}`), signIn: byToken, secret: "canary-token"},
	{name: "O1 a port by reference is none", spare: true, arrange: withFile(`{gateway: {mode: "local", port: "${MY_PORT}", `+aToken+`}}`, "MY_PORT=<port>"), cause: supervisor.ConfigInvalid, says: "gateway.port", rewritten: true},
	{name: "O1 a port out of range", spare: true, arrange: withFile(`{gateway: {mode: "local", port: 70000, `+aToken+`}}`, "OPENCLAW_GATEWAY_PORT=<port>"), signIn: byToken, secret: "canary-token", rewritten: true,
		oldDiffers: "2026.6.11 calls the file invalid, 2026.9.6 takes the port out of it"},
	{name: "XU10 a LAN bind and a base path", arrange: withKeys(`bind: "lan", controlUi: {basePath: "/claw"}, auth: {token: "canary-lan"}`), signIn: byToken, secret: "canary-lan", path: "/claw"},
	{name: "O1 a bind of its own", spare: true, arrange: withKeys(`bind: "custom", customBindHost: "127.0.0.1", auth: {token: "canary-custom"}`), signIn: byToken, secret: "canary-custom"},
	{name: "O1 a bind to an address that is not here", spare: true, arrange: withKeys(`bind: "custom", customBindHost: "192.0.2.77", auth: {token: "canary-custom"}`), cause: supervisor.BindFailed, says: "requested 192.0.2.77"},
	{name: "O1 a bind to a tailnet that is not here", spare: true, arrange: withKeys(`bind: "tailnet", auth: {token: "canary-tailnet"}`), signIn: byToken, secret: "canary-tailnet"},
	{name: "O1 no dashboard", spare: true, arrange: withKeys(`controlUi: {enabled: false}, ` + aToken), signIn: byToken, secret: "canary-token", path: "off"},
	{name: "XU5 TLS", restarts: true, arrange: withKeys(`tls: {enabled: true, autoGenerate: true}, ` + aToken), signIn: byToken, secret: "canary-token", tls: true},
	{name: "O1 TLS with an own certificate", spare: true, signIn: byToken, secret: "canary-token", tls: true, arrange: func(u *user) {
		u.certificate("key.pem", "cert.pem")
		u.openclawJSON(u.local(strings.ReplaceAll(`tls: {enabled: true, certPath: "<home>/cert.pem", keyPath: "<home>/key.pem"}, `, "<home>", u.home) + aToken))
	}},
	{name: "O1 TLS with a certificate that has expired", spare: true, signIn: byToken, secret: "canary-token", tls: true, arrange: func(u *user) {
		u.certificateUntil(time.Now().Add(-time.Hour), "key.pem", "cert.pem")
		u.openclawJSON(u.local(strings.ReplaceAll(`tls: {enabled: true, certPath: "<home>/cert.pem", keyPath: "<home>/key.pem"}, `, "<home>", u.home) + aToken))
	}},
	{name: "XW8 TLS with a key of another certificate", cause: supervisor.CertificateBad, says: "key values mismatch", arrange: func(u *user) {
		u.certificate("key.pem", "other.pem")
		u.certificate("other-key.pem", "cert.pem")
		u.openclawJSON(u.local(strings.ReplaceAll(`tls: {enabled: true, certPath: "<home>/cert.pem", keyPath: "<home>/key.pem"}, `, "<home>", u.home) + aToken))
	}},

	// Profiles and gateways elsewhere.
	{name: "O5 a profile", spare: true, profile: "work", signIn: byToken, secret: "canary-work", arrange: func(u *user) {
		u.openclawJSON(`{gateway: {mode: "local", port: 1, auth: {token: "canary-of-the-default"}}}`)
		u.write(".openclaw-work/openclaw.json", u.local(loop+`auth: {token: "canary-work"}`))
	}},
	{name: "O4 remote by ws", spare: true, signIn: byToken, secret: "canary-far", arrange: func(u *user) {
		u.elsewhere(loop+`auth: {token: "canary-far"}`, nil)
		withFile(`{gateway: {mode: "remote", remote: {transport: "direct", url: "ws://127.0.0.1:<port>", token: "canary-far"}}}`)(u)
	}},
	{name: "O4 remote by wss with its pin", signIn: byToken, secret: "canary-far", tls: true, arrange: func(u *user) {
		pin := u.elsewhere(loop+`tls: {enabled: true, certPath: "<home>/cert.pem", keyPath: "<home>/key.pem"}, auth: {token: "canary-far"}`, func(other *user) string { return other.certificate("key.pem", "cert.pem") })
		withFile(`{gateway: {mode: "remote", remote: {transport: "direct", url: "wss://127.0.0.1:<port>", token: "canary-far", tlsFingerprint: "sha256:` + pin + `"}}}`)(u)
	}},
	{name: "O4 remote by wss with another pin", spare: true, cause: supervisor.WrongCertificate, says: "another certificate", arrange: func(u *user) {
		u.elsewhere(loop+`tls: {enabled: true}, auth: {token: "canary-far"}`, nil)
		withFile(`{gateway: {mode: "remote", remote: {transport: "direct", url: "wss://127.0.0.1:<port>", token: "canary-far", tlsFingerprint: "` + strings.Repeat("0", 64) + `"}}}`)(u)
	}},
	{name: "XU3 remote by ssh", arrange: withFile(`{gateway: {mode: "remote", remote: {url: "ws://127.0.0.1:18789", sshTarget: "me@host.example"}}}`), cause: supervisor.RemoteGateway, says: "ssh -N -L"},

	// JSON5 and files that include others.
	{name: "XW1 JSON5 in full", spare: true, arrange: withFile("/*\n * see https://example.org/a\n */\n{\u00a0gateway: {mode: '\\x6cocal',\v port: <port>, bind: 'loop\\\nback', auth: {token: 'canary-json5-token',},},\n} // the end"), signIn: byToken, secret: "canary-json5-token"},
	{name: "O2 a byte order mark", spare: true, arrange: withFile("\ufeff{\"gateway\": {\"mode\": \"local\", \"port\": <port>, \"bind\": \"loopback\", \"auth\": {\"token\": \"canary-bom\"}}}"), signIn: byToken, secret: "canary-bom"},
	{name: "O2 a hexadecimal port", spare: true, signIn: byToken, secret: "canary-token", arrange: func(u *user) {
		u.openclawJSON("{gateway: {mode: 'local', port: 0x" + strconv.FormatInt(int64(u.port), 16) + ", " + aToken + "}}")
	}},
	{name: "XU7 an included token", spare: true, arrange: withKeys(loop+`auth: {$include: "./auth.json5"}`, ".openclaw/auth.json5", `{mode: "token", token: "canary-included"}`), signIn: byToken, secret: "canary-included"},
	{name: "O2 includes in includes, and a list that is merged", spare: true, signIn: byToken, secret: "canary-nested", arrange: func(u *user) {
		u.openclawJSON(fmt.Sprintf(`{$include: ["a.json5", "sub/b.json5"], gateway: {port: %d}}`, u.port))
		u.write(".openclaw/a.json5", `{gateway: {mode: "local", port: 1, bind: "lan"}}`)
		u.write(".openclaw/sub/b.json5", `{gateway: {port: 2, bind: "loopback", auth: {$include: "./c.json5"}}}`)
		u.write(".openclaw/sub/c.json5", `{token: "canary-nested"}`)
	}},
	{name: "O2 an include outside", arrange: withKeys(`auth: {$include: "/etc/hostname"}`), cause: supervisor.ConfigBroken, says: "outside the folder"},
	{name: "O2 an include that includes itself", arrange: withKeys(`auth: {$include: "./a.json5"}`, ".openclaw/a.json5", `{$include: "./a.json5"}`), cause: supervisor.ConfigBroken, says: "include each other"},
	{name: "O2 an include that is not there", arrange: withKeys(`auth: {$include: "./gone.json5"}`), cause: supervisor.ConfigBroken, says: "gone.json5"},

	// Files that cannot be used.
	{name: "XU12 cut in the middle", arrange: withFile(`{"gateway": {"mode": "local", "auth": {`), cause: supervisor.ConfigBroken, says: "not valid JSON5"},
	{name: "XW9 empty", arrange: withFile("\n"), cause: supervisor.ConfigBroken, says: "empty"},
	{name: "XU2 clobbered", arrange: withFile(`{ "meta": {} }`), cause: supervisor.ConfigClobbered, says: "gateway.mode"},
	{name: "B7 an unknown key, which doctor takes out", arrange: withKeys(`bogus: 1, ` + aToken), signIn: byToken, secret: "canary-token", rewritten: true},
	{name: "O2 a value of another type", spare: true, arrange: withKeys(`controlUi: {enabled: "perhaps"}, ` + aToken), cause: supervisor.ConfigInvalid, says: "controlUi"},
	{name: "O2 not ours to read", arrange: unreadable(0, 0), cause: supervisor.ConfigUnreadable, says: "permission denied"},
	{name: "O2 somebody else's", arrange: unreadable(somebody, 0o600), cause: supervisor.ConfigForeign, says: "permission denied"},
	{name: "XW9 while somebody writes it", arrange: withFile(`{"gateway": {"mode": "loc`), signIn: byToken, secret: "canary-token", during: func(u *user) {
		u.until("a wait for the file", func(s supervisor.Status) bool { return s.Phase == supervisor.AwaitingConfig })
		withKeys(aToken)(u)
	}},
}

// withLogin is a configuration of a user whose login shell, and nothing else, sets variables.
func withLogin(text string) func(u *user) {
	return func(u *user) {
		withFile(text, "SHELL=/bin/bash")(u)
		u.write(".bash_profile", "export OPENCLAW_GATEWAY_TOKEN=canary-login MY_OWN_TOKEN=canary-own\n")
	}
}

// pairedBefore is a user whose clawtray signed in by a token once. Now there is
// neither a token nor a password, and what it was given then has to do.
func pairedBefore(u *user) {
	withKeys(aToken)(u)
	u.run()
	u.until("running", running)
	u.quit()
	withKeys(onlyDevices)(u)
}

// unreadable creates a configuration with this owner and mode. clawtray runs without the
// capabilities with which root can read everything.
func unreadable(owner int, mode os.FileMode) func(u *user) {
	return func(u *user) {
		needs.Root(u.t)
		withKeys(aToken)(u)
		u.through = []string{"setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"}
		path := filepath.Join(u.home, ".openclaw/openclaw.json")
		if err := os.Chown(path, owner, owner); err != nil {
			u.t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			u.t.Fatal(err)
		}
	}
}
