//go:build unix

package doctor

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clawtray/rpc/gatewaytest"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/machine"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
	"clawtray/supervisor/supervisortest"
	"clawtray/supervisor/words"
	"clawtray/supervisor/words/wordstest"
)

var update = flag.Bool("update", false, "write the golden file")

// computer is a made-up computer below a temporary root, with a working runtime.
type computer struct {
	t    *testing.T
	root string
	dirs settings.Dirs
	env  []string

	words *words.Texts
}

func newMachine(t *testing.T) *computer {
	// The path is short, because the path of a socket must be short.
	root, err := os.MkdirTemp("", "ct-")
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	m := &computer{t: t, root: root, words: &words.English}
	m.dirs = settings.Dirs{Config: m.at("home/.config/clawtray"), State: m.at("home/.local/state/clawtray"),
		Data: m.at("data"), Cache: m.at("home/.cache/clawtray")}
	m.set("PATH=" + m.at("bin"))
	m.file("bin/node", 0o755, "#!/bin/sh\ncase $1 in -p) echo 'v24.21.0 %s';; *) echo v24.21.0;; esac\n", m.at("bin/node"))
	m.file("bin/python3", 0o755, "#!/bin/sh\n")
	m.file("home/.npm-global/lib/node_modules/openclaw/package.json", 0o644, `{"name":"openclaw","version":"2026.9.6","engines":{"node":">=24.16.0 <25"}}`)
	m.file("home/.npm-global/lib/node_modules/openclaw/openclaw.mjs", 0o755, "// stub\n")
	m.file("home/.openclaw/openclaw.json", 0o600, `{gateway: {mode: "local", bind: "loopback", reload: {mode: "hybrid"}}}`)
	m.settings("")
	return m
}

func (m *computer) at(path string) string { return filepath.Join(m.root, path) }

func (m *computer) set(variable string) { m.env = append(m.env, variable) }

func (m *computer) file(path string, mode os.FileMode, format string, args ...any) {
	m.t.Helper()
	path = m.at(path)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, fmt.Appendf(nil, format, args...), mode)
	}
	if err == nil {
		err = os.Chmod(path, mode) // independent of the umask
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// settings writes clawtray's settings file, with a port that nobody uses.
func (m *computer) settings(text string) {
	m.file("home/.config/clawtray/clawtray.toml", 0o600, "port = %d\n%s", freePort(m.t), text)
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (m *computer) subject() Subject {
	voice := Voice{Texts: m.words, Sentence: supervisor.Cause.Sentence, Remedy: supervisor.Cause.Remedy, Reason: func(r supervisor.Reason) string { return r.Text }}
	file := settings.Read(m.dirs.File())
	return Subject{Voice: voice, Version: "1.2.3 (abc)", Program: "/usr/bin/clawtray", Dirs: m.dirs, File: file, Machine: &machine.Machine{
		Search: openclaw.Search{Home: m.at("home"), DataDir: m.dirs.Data, Env: m.env, NodePath: file.Node, EntryPath: file.OpenClaw, Root: m.root, OS: "linux"},
		Env:    m.env, Home: m.at("home"), Given: openclaw.Overrides{Port: file.Port, PortSource: openclaw.SourceSettings, Token: file.Token}, StateDir: m.dirs.State, CacheDir: m.dirs.Cache, Log: slog.New(slog.DiscardHandler)}}
}

func (m *computer) examine() Findings {
	s := m.subject()
	checks := s.Checks()
	for i := range checks {
		checks[i].Limit = time.Hour // a busy machine is no finding here
	}
	return Examine(m.t.Context(), checks, s.Voice.Doctor, s.Redactor(m.t.Context()).String)
}

func (f Findings) named(name string) (found []Finding) {
	for _, one := range f {
		if one.Name == name {
			found = append(found, one)
		}
	}
	return found
}

// runClawtray runs a clawtray on this machine until the test ends. With start, it is asked
// to start, which fails because it has no Node.
func (m *computer) runClawtray(start bool) {
	instance, err := control.Claim(m.dirs.State)
	if err != nil {
		m.t.Fatal(err)
	}
	s := supervisor.New(supervisor.Config{Port: m.subject().File.Port}, supervisortest.Bare{})
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { s.Run(ctx) })
	all.Go(func() { control.Serve(ctx, instance, s) })
	m.t.Cleanup(func() {
		stop()
		all.Wait()
		instance.Close()
	})
	if start {
		s.Do(ctx, supervisor.Request{Intent: supervisor.Start})
	}
}

// listen makes a program that is not a gateway listen on the port.
func (m *computer) listen(port int) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		m.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	m.t.Cleanup(func() { l.Close(); <-done })
}

// gateway starts somebody else's gateway.
func (m *computer) gateway() {
	gw := gatewaytest.New(gatewaytest.Config{Token: "canary-of-others"})
	l, err := gw.ListenOn("127.0.0.1:0")
	if err != nil {
		m.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); gw.Serve(l) }()
	m.t.Cleanup(func() { gw.Close(); l.Close(); <-done })
	m.file("home/.config/clawtray/clawtray.toml", 0o600, "port = %d\n", l.Addr().(*net.TCPAddr).Port)
}

// machines are computers on which something is wrong.
var machines = map[string]struct {
	make  func(*computer)
	found string // a line each: "name level: words of the detail | words of the remedy"
}{
	"healthy":                {func(*computer) {}, ""},
	"a mistake":              {func(m *computer) { m.settings("prot = 1\n") }, "settings problem: mistakes | clawtray config --default"},
	"no Node":                {func(m *computer) { os.Remove(m.at("bin/node")) }, "runtime problem: needs Node 24.16 | clawtray install"},
	"no OpenClaw":            {func(m *computer) { os.RemoveAll(m.at("home/.npm-global")) }, "runtime problem: OpenClaw is not installed | clawtray install"},
	"a configured Node gone": {func(m *computer) { m.settings("node = \"/nowhere/node\"\n") }, "runtime problem: The configured Node /nowhere/node cannot be used | Correct the setting"},
	"no Python":              {func(m *computer) { os.Remove(m.at("bin/python3")) }, "tools warning: Python | Install it"},
	"two tokens": {func(m *computer) {
		m.settings("token = \"canary-mine\"\n")
		m.file("home/.openclaw/openclaw.json", 0o600, `{gateway: {mode: "local", auth: {token: "canary-other"}}}`)
	}, "token warning: from openclaw.json: gateway.auth.token | Remove the one"},
	"a token kept elsewhere": {func(m *computer) {
		m.file("home/.openclaw/openclaw.json", 0o600, `{gateway: {mode: "local", auth: {token: "${SECRET}"}}}`)
	}, "token problem: the environment variable SECRET, which is not set | Correct gateway.auth\nopenclaw.json problem: the environment variable SECRET, which is not set | Correct"},
	"a damaged kept token": {func(m *computer) { m.file("home/.local/state/clawtray/gateway-token", 0o600, "\n") }, "token problem: damaged | Remove the file"},
	"broken openclaw.json": {func(m *computer) { m.file("home/.openclaw/openclaw.json", 0o600, `{gateway: `) }, "openclaw.json problem: not valid JSON5 | Correct"},
	"a gateway elsewhere":  {func(m *computer) { m.file("home/.openclaw/openclaw.json", 0o600, `{gateway: {mode: "remote"}}`) }, "openclaw.json warning: elsewhere | Set gateway.mode"},
	"an open identity":     {func(m *computer) { m.file("home/.local/state/clawtray/identity.pem", 0o644, "x") }, "secrets problem: identity.pem is open to other users (mode 0644) | chmod 600"},
	"an open configuration token": {func(m *computer) {
		m.file("home/.openclaw/openclaw.json", 0o644, `{gateway: {mode: "local", auth: {token: "canary-other"}}}`)
	}, "secrets problem: openclaw.json is open | chmod 600"},
	"an open folder": {func(m *computer) {
		m.file("home/.local/state/clawtray/x", 0o600, "")
		os.Chmod(m.dirs.State, 0o755)
	}, "secrets warning: clawtray is open to other users (mode 0755) | chmod 700"},
	"a state folder that is a file": {func(m *computer) {
		os.RemoveAll(m.at("home/.openclaw"))
		m.file("home/.openclaw", 0o600, "")
	}, "folders problem: is not a folder | Correct\nopenclaw.json problem: not a directory | Correct"},
	"a damaged run file":         {func(m *computer) { m.file("home/.local/state/clawtray/gateway-run.json", 0o600, "{") }, "last-run warning: cannot be read | Nothing"},
	"somebody else's program":    {func(m *computer) { m.listen(m.subject().File.Port) }, "port problem: which does not answer as a gateway | Quit that program, or choose another port"},
	"a gateway without clawtray": {(*computer).gateway, "port warning: a gateway listens on | Start clawtray"},
	"a clawtray in trouble":      {func(m *computer) { m.runClawtray(true) }, "instance problem: error (Node.js was not found) | clawtray install"},
}

// TestN4_Machines: what is wrong is found, and only that.
func TestN4_Machines(t *testing.T) {
	for name, c := range machines {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			c.make(m)
			expected := slices.DeleteFunc(strings.Split(c.found, "\n"), func(line string) bool { return line == "" })
			for _, f := range m.examine() {
				if f.Level == OK {
					continue
				}
				if f.Remedy == "" || strings.Contains(f.Remedy, "\n") {
					t.Errorf("%s has the remedy %q, want one line", f.Name, f.Remedy)
				}
				before := len(expected)
				expected = slices.DeleteFunc(expected, func(line string) bool {
					head, rest, _ := strings.Cut(line, ": ")
					detail, remedy, _ := strings.Cut(rest, " | ")
					return head == f.Name+" "+string(f.Level) && strings.Contains(f.Detail, detail) && strings.Contains(f.Remedy, remedy)
				})
				if len(expected) == before {
					t.Errorf("%s %s: %s | %s", f.Name, f.Level, f.Detail, f.Remedy)
				}
			}
			if len(expected) > 0 {
				t.Errorf("not found: %s", strings.Join(expected, "\n"))
			}
		})
	}
}

// XT9: in Chinese no finding is left in English.
func TestXT9_FindingsInChinese(t *testing.T) {
	for name, c := range machines {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.words = &words.Chinese
			c.make(m)
			for _, f := range m.examine() {
				for _, text := range append(f.More, f.Detail, f.Remedy) {
					if english := wordstest.English(text); english != "" && f.Name != "instance" { // whose causes the tray translates
						t.Errorf("%s: %q is left in English: %s", f.Name, english, text)
					}
				}
			}
		})
	}
}

func TestN4_ARunningClawtrayIsAsked(t *testing.T) {
	m := newMachine(t)
	m.runClawtray(false)
	if got := m.examine().named("instance"); len(got) != 1 || got[0].Level != OK || !strings.Contains(got[0].Detail, "clawtray is running; the gateway: stopped") {
		t.Errorf("got %+v", got)
	}
}

func TestN4_ALeftRunFileIsExplained(t *testing.T) {
	m := newMachine(t)
	m.file("home/.local/state/clawtray/gateway-run.json", 0o600, `{"pid": %d, "created": 5, "runId": "gone"}`, os.Getpid())
	if got := m.examine().named("last-run"); len(got) != 1 || got[0].Level != OK || !strings.Contains(got[0].Detail, "is gone") {
		t.Errorf("got %+v", got)
	}
}

// secretive returns a machine with a secret in every place that can have one.
func secretive(t *testing.T) *computer {
	m := newMachine(t)
	m.settings("token = \"canary-settings\"\nprot = 1\n")
	m.set("OPENCLAW_GATEWAY_TOKEN=canary-environment")
	m.set("OPENCLAW_GATEWAY_PASSWORD=canary-password")
	m.set("HTTPS_PROXY=http://user:canary-proxy@127.0.0.1:1")
	m.file("home/.openclaw/openclaw.json", 0o644, `{gateway: {mode: "local", auth: {mode: "token", token: "canary-openclaw"}}}`)
	m.file("home/.local/state/clawtray/gateway-token", 0o644, "canary-kept\n")
	m.file("home/.local/state/clawtray/identity.pem", 0o644, "canary-identity")
	m.file("home/.local/state/clawtray/device-tokens.json", 0o644, `{"x": "canary-device"}`)
	return m
}

// TestK3_NoSecretIsTold checks the findings as text and as JSON.
func TestK3_NoSecretIsTold(t *testing.T) {
	findings := secretive(t).examine()
	var text strings.Builder
	findings.Text(&text, words.English.Doctor, "", true)
	asJSON, err := json.Marshal(findings)
	if err != nil || findings.Healthy() {
		t.Fatal(findings, err)
	}
	for form, got := range map[string]string{"text": text.String(), "JSON": string(asJSON)} {
		if i := strings.Index(got, "canary"); i >= 0 {
			t.Errorf("the %s form tells a secret: %s", form, got[max(0, i-80):min(len(got), i+80)])
		}
	}
	if got := findings.named("token"); len(got) != 1 || !strings.Contains(got[0].Detail, "from openclaw.json: gateway.auth.token") {
		t.Errorf("the token's source is not told: %+v", got)
	}
	// Secrets that get into a text are removed at the end, too.
	s := secretive(t).subject()
	leaky := Check{Name: "leaky", Look: func(context.Context) []Finding {
		return []Finding{{Detail: "canary-settings", Remedy: "canary-environment", More: []string{"canary-openclaw", "canary-password"}}}
	}}
	if got := fmt.Sprint(Examine(t.Context(), []Check{leaky}, words.English.Doctor, s.Redactor(t.Context()).String)); strings.Contains(got, "canary") {
		t.Errorf("not redacted: %s", got)
	}
}

// TestN4_NothingIsChanged: no file is created, changed or removed.
func TestN4_NothingIsChanged(t *testing.T) {
	for name, m := range map[string]*computer{"secretive": secretive(t), "healthy": newMachine(t)} {
		m.file("home/.local/state/clawtray/gateway-run.json", 0o600, `{"pid": 1, "created": 5, "runId": "gone"}`)
		before := m.snapshot()
		m.examine()
		if after := m.snapshot(); !slices.Equal(before, after) {
			t.Errorf("%s: before\n%s\nafter\n%s", name, strings.Join(before, "\n"), strings.Join(after, "\n"))
		}
	}
}

func (m *computer) snapshot() (all []string) {
	err := filepath.WalkDir(m.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			all = append(all, fmt.Sprint(path, info.Mode(), info.Size(), info.ModTime()))
		}
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return all
}

// TestN4_Text compares the whole text for a machine with one warning with a golden file.
func TestN4_Text(t *testing.T) {
	m := newMachine(t)
	os.Remove(m.at("bin/python3"))
	m.file("home/.config/clawtray/clawtray.toml", 0o600, "port = %d\nlog_level = \"debug\"\n", freePort(t))
	var text strings.Builder
	m.examine().Text(&text, m.words.Doctor, m.at("home"), false)
	got := strings.ReplaceAll(text.String(), m.root, "")
	got = strings.ReplaceAll(got, fmt.Sprint(m.subject().File.Port), "18789")
	got = regexp.MustCompile(`\d+ MB left`).ReplaceAllString(got, "9 MB left")
	got = regexp.MustCompile(`(\(abc\)), \w+/\w+`).ReplaceAllString(got, "$1, os/arch")
	got = regexp.MustCompile(`(?m)(PATH=/bin).*$`).ReplaceAllString(got, "$1") // and the folders of this system
	const path = "testdata/text.golden"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || got != string(want) {
		t.Errorf("differs from %s (%v); go test ./supervisor/doctor -update writes it anew. Got:\n%s", path, err, got)
	}
}
