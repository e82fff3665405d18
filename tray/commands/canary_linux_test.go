package commands

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"

	"clawtray/packaging/needs"
	"clawtray/packaging/outside"
	"clawtray/rpc"
	"clawtray/supervisor"
)

// canary is a user with a secret of each kind, each in the file or variable where it
// belongs, and with a gateway that prints all of them.
type canary struct {
	*user
	secrets map[string]string   // key: the kind of secret
	homes   map[string][]string // the secrets that a file below the home may contain
	seen    map[string][]byte   // everything that other people could see or store
	mu      sync.Mutex          // guards shown
	shown   bytes.Buffer        // the shown notifications
}

// newSecret returns 26 small letters and digits that occur in no text of clawtray.
func newSecret() string { return strings.ToLower(rand.Text()) }

// newCanary returns such a user, with further settings.
func newCanary(t *testing.T, settings string) *canary {
	t.Helper()
	c := &canary{secrets: map[string]string{}, homes: map[string][]string{}, seen: map[string][]byte{}}
	for _, kind := range []string{"gateway token", "gateway password", "token of the settings", "token of the variable", "device token", "npm token", "npm password",
		"npm variable", "proxy password", "provider key of the variable", "provider key of the env block", "provider key of .env", "channel token"} {
		c.secrets[kind] = newSecret()
	}
	s := c.secrets
	c.user = newUser(t, fmt.Sprintf("token = %q\n%s", s["token of the settings"], settings))
	c.keep(".config/clawtray/clawtray.toml", "", "token of the settings") // newUser has written this file
	c.keep(".openclaw/openclaw.json", fmt.Sprintf(`{"gateway": {"mode": "local", "auth": {"mode": "token", "token": %q, "password": %q}},
		"env": {"ANTHROPIC_API_KEY": %q}, "channels": {"telegram": {"enabled": false, "botToken": %q}}}`,
		s["gateway token"], s["gateway password"], s["provider key of the env block"], s["channel token"]),
		"gateway token", "gateway password", "provider key of the env block", "channel token")
	// The last good configuration is a copy of the file, readable only for the user
	// (BEHAVIOUR Q2).
	c.keep(".local/state/clawtray/config-accepted.json", "", "gateway token", "gateway password", "provider key of the env block", "channel token")
	c.keep(".openclaw/.env", "GEMINI_API_KEY="+s["provider key of .env"]+"\n", "provider key of .env")
	c.keep(".npmrc", "//npm.example/:_authToken="+s["npm token"]+"\n//old.example/:_password="+
		base64.StdEncoding.EncodeToString([]byte(s["npm password"]))+"\n//old.example/:username=user\n", "npm token", "npm password")
	c.keep(".local/state/clawtray/device-tokens.json", fmt.Sprintf(`{"device": %q}`, s["device token"]), "device token")
	identity := filepath.Join(c.home, ".local/state/clawtray/identity.pem")
	if _, _, err := rpc.LoadOrCreateIdentity(identity); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(identity)
	if err != nil {
		t.Fatal(err)
	}
	c.secrets["device key"] = strings.Split(string(pem), "\n")[1]
	c.keep(".local/state/clawtray/identity.pem", "", "device key")
	c.env = append(c.env, "OPENCLAW_GATEWAY_TOKEN="+s["token of the variable"], "NPM_TOKEN="+s["npm variable"],
		"OPENAI_API_KEY="+s["provider key of the variable"], "http_proxy=http://user:"+s["proxy password"]+"@127.0.0.1:9/",
		"no_proxy=127.0.0.1", "npm_config_registry=http://127.0.0.1:9")
	return c
}

// keep writes a file and records which secrets it may contain. An empty text writes
// nothing.
func (c *canary) keep(name, text string, secrets ...string) {
	c.t.Helper()
	if text != "" {
		c.write(name, text)
	}
	c.homes[filepath.Join(c.home, name)] = secrets
}

// writeStub installs a Node that gives clawtray the expected answers. As gateway and as
// doctor, it prints every secret in every spelling and exits with this code.
func (c *canary) writeStub(code string) {
	c.t.Helper()
	const version = ".local/share/clawtray/runtime/2026.9.6-node24.21.0-1/"
	c.write(version+"openclaw/node_modules/openclaw/openclaw.mjs", "// stub")
	c.write(version+"openclaw/node_modules/openclaw/package.json", `{"name": "openclaw", "version": "2026.9.6"}`)
	c.write(version+"node/bin/node", "#!/bin/sh\n[ \"$1\" = -p ] && { echo \"v24.21.0 $0\"; exit; }\n"+
		"cat \"$HOME/says\" >&2\ncat \"$HOME/says\"\nexit "+code+"\n")
	c.write(".local/share/clawtray/runtime/current", "2026.9.6-node24.21.0-1\n")
	if err := os.Chmod(filepath.Join(c.home, version, "node/bin/node"), 0o755); err != nil {
		c.t.Fatal(err)
	}
	var says strings.Builder
	for kind, secret := range c.secrets {
		for spelling, text := range spelled(secret) {
			fmt.Fprintf(&says, "%s, %s: it was %s here\nError: %s\n", kind, spelling, text, text)
		}
	}
	for _, secret := range c.secrets {
		fmt.Fprintf(&says, "%s,%s|", secret, secret[:20])
	}
	fmt.Fprintf(&says, "\n%s%s\n", strings.Repeat("x", 4096-10), c.secrets["gateway token"]) // the line is shortened within the secret
	c.write("says", says.String())
	c.homes[filepath.Join(c.home, "says")] = slices.Collect(maps.Keys(c.secrets))
}

// spelled returns a text in the spellings that programs use.
func spelled(s string) map[string]string {
	quoted, _ := json.Marshal(s)
	unicode := ""
	escaped := ""
	for i := range len(s) {
		unicode += fmt.Sprintf(`\u%04x`, s[i])
		escaped += fmt.Sprintf("%%%02X", s[i])
	}
	return map[string]string{"plain": s, "in JSON": string(quoted), "in JSON, all escaped": unicode, "in an address": url.QueryEscape(s),
		"in an address, all escaped": escaped, "in base64": base64.StdEncoding.EncodeToString([]byte(s)), "in base64 after a byte": base64.RawURLEncoding.EncodeToString([]byte("u" + s)),
		"in base64 after two": base64.RawURLEncoding.EncodeToString([]byte("u:" + s)), "in hex": hex.EncodeToString([]byte(s)), "as a buffer": fmt.Sprintf("<Buffer % x>", s)}
}

// leaks returns the kinds of secrets of which text contains eight successive characters, in
// any spelling.
func (c *canary) leaks(text []byte) (kinds []string) {
	plain := string(text)
	digits := strings.ToLower(strings.NewReplacer(" ", "", ":", "", "\\u00", "", "%", "").Replace(plain))
	for kind, secret := range c.secrets {
		for i := range len(secret) - 8 {
			piece, wider := secret[i:i+8], secret[i:i+9]
			found := strings.Contains(plain, piece) || strings.Contains(digits, hex.EncodeToString([]byte(piece)))
			for before := range 3 { // leave out characters of base64 that contain bits of a neighbour
				whole := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("x", before) + wider))
				found = found || strings.Contains(plain, whole[(before*8+5)/6:(before+9)*8/6])
			}
			if found {
				kinds = append(kinds, fmt.Sprintf("%s (%s)", kind, piece))
				break
			}
		}
	}
	return kinds
}

// look runs a command and records its output.
func (c *canary) look(args ...string) {
	c.t.Helper()
	out, _ := c.cli(args...)
	c.seen[fmt.Sprintf("clawtray %v, %d", args, len(c.seen))] = []byte(out)
}

// lookAtAll runs each command that prints something about the gateway.
func (c *canary) lookAtAll(when string) {
	c.t.Helper()
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"doctor"}, {"logs"}, {"config"}, {"install"}, {"install", "--check"}, {"reload"}} {
		c.look(args...)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	watch := exec.CommandContext(ctx, binary, "status", "--watch")
	watch.Env = c.env
	out, err := watch.StdoutPipe()
	if err == nil {
		err = watch.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n') // the current status comes at once
	if err != nil {
		c.t.Error("status --watch: ", err)
	}
	cancel()
	_ = watch.Wait()
	c.seen["status --watch, "+when] = []byte(line)

	zipped := filepath.Join(c.home, when+".zip")
	c.must("diagnostics", "-o", zipped)
	report, err := zip.OpenReader(zipped)
	if err != nil {
		c.t.Fatal(err)
	}
	defer report.Close()
	for _, part := range report.File {
		r, err := part.Open()
		if err != nil {
			c.t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			c.t.Fatal(err)
		}
		c.seen[part.Name+" in the report, "+when] = text
	}
}

// check searches everything in seen, and every file below the home that OpenClaw itself has
// not written.
func (c *canary) check() {
	c.t.Helper()
	theirs := filepath.Join(c.home, ".openclaw") + string(filepath.Separator)
	for where, text := range c.seen {
		if found := c.leaks(text); len(found) > 0 {
			c.t.Errorf("%s shows %q", where, found)
		}
	}
	err := filepath.WalkDir(c.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(path, theirs) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found := slices.DeleteFunc(c.leaks(text), func(leak string) bool {
			kind, _, _ := strings.Cut(leak, " (")
			return slices.Contains(c.homes[path], kind)
		})
		if len(found) > 0 {
			c.t.Errorf("%s holds %q", path, found)
		}
		return nil
	})
	if err != nil {
		c.t.Error(err)
	}
}

// TestXS5_CanaryRun: a gateway prints every secret in every spelling while it crashes and
// while it rejects its configuration. Each secret may only be found where it belongs.
func TestXS5_CanaryRun(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{"crash": "1", "refusal": "78"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCanary(t, "")
			c.writeStub(code)
			c.run("--debug", "--trace-rpc")
			c.until("a failure", func(s supervisor.Status) bool { return len(s.Incidents) > 0 && s.State != supervisor.Starting })
			c.lookAtAll(name)
			c.look("open")
			c.quit()
			c.seen["what clawtray itself wrote"] = c.output.Bytes()
			if !strings.Contains(c.log(), "[redacted]") || !strings.Contains(c.log(), "it was") {
				t.Errorf("the gateway's words did not reach the log:\n%s", c.log())
			}
			c.check()
		})
	}
}

// TestXS5_CanaryWithAGateway: a real gateway uses these secrets and runs normally. Of the three
// tokens, it takes the one in its configuration (K2).
func TestXS5_CanaryWithAGateway(t *testing.T) {
	long(t)
	t.Parallel()
	c := newCanary(t, anyRuntime(t).settings())
	c.env = append(c.env, "XDG_CACHE_HOME="+compiled)
	c.run("--debug", "--trace-rpc")
	c.until("running", running)
	c.lookAtAll("running")
	c.quit()
	c.seen["what clawtray itself wrote"] = c.output.Bytes()
	c.check()
}

// TestXS5_CanaryOnTheDesktop: notifications, the menu and the clipboard contain no secret,
// either.
func TestXS5_CanaryOnTheDesktop(t *testing.T) {
	c := newCanary(t, "")
	c.writeStub("78") // a code with which a person is told at once
	c.write("bin/xclip", "#!/bin/sh\ncat >\"$HOME/clipboard.new\" && mv \"$HOME/clipboard.new\" \"$HOME/clipboard\"\n")
	if err := os.Chmod(filepath.Join(c.home, "bin/xclip"), 0o700); err != nil {
		t.Fatal(err)
	}
	c.env = slices.DeleteFunc(c.env, func(v string) bool { return strings.HasPrefix(v, "WAYLAND_DISPLAY=") })
	panel := c.startPanel()
	c.runWithIcon()
	menu := panel.menu(t)
	c.until("a failure", func(s supervisor.Status) bool { return s.State == supervisor.Failed })
	eventually(t, "a notification", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.shown.Len() > 0
	})
	menu.click(t, "Copy diagnostics")
	clipboard := filepath.Join(c.home, "clipboard")
	eventually(t, "something on the clipboard", func() bool { _, err := os.Stat(clipboard); return err == nil })
	c.seen["the menu"] = []byte(fmt.Sprint(menu.layout(t)))
	c.quit()
	c.seen["notifications"] = c.shown.Bytes()
	c.check()
}

// runWithIcon starts clawtray with its icon, and waits until it answers.
func (c *canary) runWithIcon() {
	c.t.Helper()
	c.process = exec.Command(binary, "--debug")
	c.process.Env, c.process.Stdout, c.process.Stderr = c.env, &c.output, &c.output
	if err := c.process.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan struct{})
	c.ended = ended
	go func() {
		c.process.Wait()
		close(ended)
	}()
	eventually(c.t, "clawtray answers", func() bool { _, _, err := c.client.Report(c.t.Context()); return err == nil })
}

// panel is the desktop on a private bus: it shows the icon and the notifications.
type panel struct {
	conn       *dbus.Conn
	registered chan string // bus names of icons
	canary     *canary
}

func (p *panel) RegisterStatusNotifierItem(_ string, from dbus.Sender) *dbus.Error {
	p.registered <- string(from)
	return nil
}

func (p *panel) GetCapabilities() ([]string, *dbus.Error) { return []string{"actions", "body"}, nil }

func (p *panel) CloseNotification(uint32) *dbus.Error { return nil }

func (p *panel) Notify(app string, _ uint32, icon, summary, body string, buttons []string, hints map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	p.canary.mu.Lock()
	defer p.canary.mu.Unlock()
	fmt.Fprintln(&p.canary.shown, app, icon, summary, body, buttons, hints)
	return 1, nil
}

func (c *canary) startPanel() *panel {
	c.t.Helper()
	needs.Tools(c.t, "dbus-daemon")
	bus, err := outside.StartBus(c.home, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(bus.Stop)
	p := &panel{registered: make(chan string, 10), canary: c}
	if p.conn, err = dbus.Connect(bus.Address); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { p.conn.Close() })
	c.env = append(c.env, "DBUS_SESSION_BUS_ADDRESS="+bus.Address)
	const watcher, notifications = "org.kde.StatusNotifierWatcher", "org.freedesktop.Notifications"
	_, err = prop.Export(p.conn, "/StatusNotifierWatcher", prop.Map{watcher: {"IsStatusNotifierHostRegistered": {Value: true}}})
	for path, name := range map[dbus.ObjectPath]string{"/StatusNotifierWatcher": watcher, "/org/freedesktop/Notifications": notifications} {
		if err == nil {
			err = p.conn.Export(p, path, name)
		}
		if err == nil {
			_, err = p.conn.RequestName(name, dbus.NameFlagDoNotQueue)
		}
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// iconMenu reads the menu of an icon.
type iconMenu struct {
	dbus.BusObject
}

func (p *panel) menu(t *testing.T) iconMenu {
	t.Helper()
	select {
	case name := <-p.registered:
		return iconMenu{p.conn.Object(name, "/StatusNotifierItem/menu")}
	case <-time.After(patience):
		t.Fatal("the icon never came")
	}
	return iconMenu{}
}

// menuEntry is an entry of the menu with its submenu.
type menuEntry struct {
	ID    int32
	Props map[string]dbus.Variant
	Below []dbus.Variant
}

// layout returns the whole menu.
func (m iconMenu) layout(t *testing.T) (root menuEntry) {
	t.Helper()
	for range 2 { // the first answer after the start lacks the submenus
		var revision uint32
		root = menuEntry{}
		if err := m.Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func (m iconMenu) click(t *testing.T, label string) {
	t.Helper()
	id, ok := m.layout(t).find(label)
	if !ok {
		t.Fatalf("no entry %q in %v", label, m.layout(t))
	}
	if err := m.Call("com.canonical.dbusmenu.Event", 0, id, "clicked", dbus.MakeVariant(int32(0)), uint32(0)).Err; err != nil {
		t.Fatal(err)
	}
}

// find returns the entry with a label, at any depth.
func (e menuEntry) find(label string) (id int32, ok bool) {
	if e.Props["label"].Value() == label {
		return e.ID, true
	}
	for _, raw := range e.Below {
		var below menuEntry
		if dbus.Store(raw.Value().([]any), &below.ID, &below.Props, &below.Below) != nil {
			continue
		}
		if id, ok := below.find(label); ok {
			return id, true
		}
	}
	return 0, false
}
