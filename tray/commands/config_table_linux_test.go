package commands

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"clawtray/packaging/outside"
	"clawtray/rpc"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/openclaw"
)

// configuration is a configuration that a user of OpenClaw may have, with the expected
// result: a running gateway, or a cause.
type configuration struct {
	name    string
	arrange func(u *user)
	during  func(u *user) // called when clawtray runs
	profile string

	// The expected gateway: how clients sign in to it, with which secret, and where.
	signIn string // token, password, none or trusted-proxy
	secret string // empty when only the device token signs in, or when no sign-in is needed
	tls    bool
	path   string // the path of the dashboard; "off" when there is none

	// The expected cause without a gateway, and words of its sentence.
	cause supervisor.CauseCode
	says  string

	rewritten  bool   // OpenClaw itself changes the file
	restarts   bool   // the gateway is also restarted, because it signs in or listens in another way
	oldDiffers string // why the row does not apply to OpenClaw 2026.6.11
	spare      bool   // a gateway shows nothing here that it does not show elsewhere: only make test-matrix starts it
}

// inShort is the row that `make test` plays. No gateway starts in it.
const inShort = "XU12 cut in the middle"

// everyRow plays everything with the newest OpenClaw. Each of its starts takes 10 to 25
// seconds of a processor, so `make check` leaves to `make test-matrix` what another OpenClaw
// or another test shows as well.
var everyRow = flag.Bool("every-row", false, "play all tables in full, with the newest OpenClaw")

// TestXU_RealConfigurations starts clawtray with the configurations of the table and the
// newest OpenClaw: with -every-row all of them, in `make test` one.
func TestXU_RealConfigurations(t *testing.T) {
	t.Parallel()
	r := realRuntime(t, newest)
	for _, c := range configurations {
		if *everyRow || testing.Short() && c.name == inShort {
			t.Run(c.name, func(t *testing.T) { c.play(t, r) })
		}
	}
}

// TestXU_RealConfigurationsOfOldVersions is the same table with OpenClaw 2026.6.11.
// Without -every-row, it leaves out the spare rows.
func TestXU_RealConfigurationsOfOldVersions(t *testing.T) {
	long(t)
	t.Parallel()
	r := realRuntime(t, oldest)
	for _, c := range configurations {
		if c.oldDiffers != "" || !*everyRow && c.spare {
			continue
		}
		t.Run(c.name, func(t *testing.T) { c.play(t, r) })
	}
}

// play runs one life of a gateway with the configuration.
func (c configuration) play(t *testing.T, r installed) {
	t.Parallel()
	u := newOwner(t, r)
	u.write(".config/clawtray/clawtray.toml", u.settings) // without a port, because OpenClaw's configuration has it
	c.arrange(u)
	before := u.openclawFile(c.profile)
	var args []string
	if c.profile != "" {
		args = []string{"--profile", c.profile}
		u.client = control.NewClient(filepath.Join(u.home, ".local/state/clawtray-"+c.profile))
		u.write(".config/clawtray-"+c.profile+"/clawtray.toml", u.settings)
	}
	u.run(args...)
	if c.during != nil {
		c.during(u)
		before = u.openclawFile(c.profile)
	}
	s := u.until("an end", func(s supervisor.Status) bool { return running(s) || s.State == supervisor.Failed })
	if c.cause != "" {
		c.isRefused(u, s)
	} else {
		c.runs(u, s)
	}
	if now := u.openclawFile(c.profile); !c.rewritten && now != before {
		t.Errorf("openclaw.json was changed from %q to %q", before, now)
	}
	if log := u.log(); strings.Contains(log, "canary-") {
		t.Error("the log tells a secret")
	}
	u.must(append(args, "quit")...)
	<-u.ended
	if s.Mode == supervisor.Managed {
		u.nothingIsLeft("after " + c.name)
	}
}

// openclawFile returns the text of openclaw.json; empty when it cannot be read.
func (u *user) openclawFile(profile string) string {
	folder := ".openclaw"
	if profile != "" {
		folder += "-" + profile
	}
	text, _ := os.ReadFile(filepath.Join(u.home, folder, "openclaw.json"))
	return string(text)
}

// isRefused checks the cause, and that no configuration was created.
func (c configuration) isRefused(u *user, s supervisor.Status) {
	u.t.Helper()
	if s.State != supervisor.Failed || s.Cause.Code != c.cause || !strings.Contains(s.Error, c.says) {
		u.t.Errorf("%s, %q: %s; want %q with %q", s.State, s.Cause.Code, s.Error, c.cause, c.says)
	}
	if _, err := os.Stat(filepath.Join(u.home, ".local/state/clawtray/gateway-token")); err == nil {
		u.t.Error("a token was made up")
	}
}

// runs checks the gateway as another client and as a browser.
func (c configuration) runs(u *user, s supervisor.Status) {
	t := u.t
	t.Helper()
	remote := s.Mode == supervisor.Attached
	if s.State != supervisor.Running || s.Port != u.port || s.Mode != supervisor.Managed && !remote {
		t.Fatalf("%s, %s on port %d: %s", s.State, s.Mode, s.Port, s.Error)
	}
	dashboard, err := u.client.Dashboard(t.Context())
	switch want := c.address("http", u.port) + c.path + "/"; {
	case c.path == "off":
		if err == nil {
			t.Error("there is a dashboard at " + dashboard)
		}
	case err != nil:
		t.Error(err)
	case !c.isDashboard(dashboard, want):
		t.Errorf("the dashboard is at %s, want %s", dashboard, want)
	}
	if c.secret != "" || c.signIn == openclaw.SignInNone { // otherwise only clawtray's device can sign in
		if got := c.greeting(t, u.port).AuthMode; got != c.signIn {
			t.Errorf("clients sign in by %q, want %q", got, c.signIn)
		}
	}
	if c.restarts && !remote && c.profile == "" {
		u.must("restart")
		if again := u.until("running again", running); again.Launches != s.Launches+1 {
			t.Errorf("%d launches, then %d", s.Launches, again.Launches)
		}
	}
}

// isDashboard compares an address with the expected one, which has the token at its end
// when a token is used.
func (c configuration) isDashboard(got, want string) bool {
	address, token, _ := strings.Cut(got, "#token=")
	return address == want && (c.signIn != openclaw.SignInToken || c.secret == "" || token == url.QueryEscape(c.secret))
}

func (c configuration) address(scheme string, port int) string {
	if c.tls {
		scheme += "s"
	}
	return fmt.Sprintf("%s://127.0.0.1:%d", scheme, port)
}

// greeting signs another client in with the expected secret, and returns what the gateway
// says about itself.
func (c configuration) greeting(t *testing.T, port int) rpc.HelloSnapshot {
	t.Helper()
	o := rpc.Options{Gateway: rpc.Gateway{URL: c.address("ws", port), Trusted: true, TLSConfig: &tls.Config{InsecureSkipVerify: true}}, Limits: slowly}
	if c.signIn == openclaw.SignInToken {
		o.Credentials.Token = c.secret
	} else {
		o.Credentials.Password = c.secret
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	session, err := rpc.Dial(ctx, o)
	if err != nil {
		t.Errorf("another client cannot sign in: %v", err)
		return rpc.HelloSnapshot{}
	}
	defer session.Close()
	return session.Hello().Snapshot
}

// local returns an openclaw.json with the user's port and further keys of gateway.
func (u *user) local(keys string) string {
	return fmt.Sprintf("{gateway: {mode: \"local\", port: %d, %s}}", u.port, keys)
}

// openclawJSON writes the whole file.
func (u *user) openclawJSON(text string) { u.write(".openclaw/openclaw.json", text) }

// withKeys creates a configuration of a local gateway with these keys, and other files.
func withKeys(keys string, files ...string) func(u *user) {
	return func(u *user) {
		u.openclawJSON(u.local(keys))
		for i := 0; i < len(files); i += 2 {
			u.write(files[i], strings.ReplaceAll(files[i+1], "<home>", u.home))
		}
	}
}

// withFile creates a configuration file with exactly this text, in which <port> and <home>
// are replaced by the user's.
func withFile(text string, env ...string) func(u *user) {
	return func(u *user) {
		u.openclawJSON(strings.NewReplacer("<port>", fmt.Sprint(u.port), "<home>", u.home).Replace(text))
		for _, v := range env {
			u.env = append(u.env, strings.ReplaceAll(v, "<port>", fmt.Sprint(u.port)))
		}
	}
}

// program writes a program that the user may run.
func (u *user) program(name, text string) {
	u.t.Helper()
	u.write(name, text)
	if err := os.Chmod(filepath.Join(u.home, name), 0o700); err != nil {
		u.t.Fatal(err)
	}
}

// vault is a program that returns the secret, like those of password managers.
const vault = "#!/bin/sh\ncat >/dev/null\necho '{\"protocolVersion\": 1, \"values\": {\"gateway/token\": \"canary-of-the-vault\"}}'\n"

// withVault refers to the secret of vault.
const withVault = `{secrets: {providers: {vault: {source: "exec", command: "<home>/vault"}}},
	gateway: {mode: "local", port: <port>, bind: "loopback", auth: {mode: "token", token: {source: "exec", provider: "vault", id: "gateway/token"}}}}`

// certificate writes a key and a self-signed certificate, and returns its fingerprint.
func (u *user) certificate(key, cert string) string {
	u.t.Helper()
	return u.certificateUntil(time.Now().Add(time.Hour), key, cert)
}

// certificateUntil is certificate with a time when it expires.
func (u *user) certificateUntil(end time.Time, key, cert string) string {
	u.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		u.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a gateway"},
		NotBefore: end.Add(-2 * time.Hour), NotAfter: end, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		u.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		u.t.Fatal(err)
	}
	u.write(key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
	u.write(cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// elsewhere starts a gateway with another home and these keys, as if it were on another
// machine, and makes its port the user's. It ends with the test.
func (u *user) elsewhere(keys string, prepare func(other *user) string) (prepared string) {
	u.t.Helper()
	other := newOwner(u.t, u.runtime)
	u.port = other.port
	if prepare != nil {
		prepared = prepare(other)
	}
	other.openclawJSON(other.local(strings.ReplaceAll(keys, "<home>", other.home)))
	other.ownGateway()
	eventually(u.t, "the gateway elsewhere listens", func() bool { return !outside.PortFree(u.port) })
	return prepared
}

// ownGateway starts the gateway of the user's configuration as the user would without
// clawtray. It ends with the test.
func (u *user) ownGateway() *exec.Cmd {
	u.t.Helper()
	cmd := exec.Command(u.runtime.node, u.runtime.entry, "gateway")
	cmd.Env = append(u.env, "OPENCLAW_NO_RESPAWN=1", "OPENCLAW_DISABLE_BONJOUR=1")
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	return cmd
}
