package machine

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"clawtray/supervisor/openclaw"
)

// at is a machine with a home of its own, and this openclaw.json.
func at(t *testing.T, json5 string) *Machine {
	t.Helper()
	home := t.TempDir()
	if json5 != "" {
		put(t, filepath.Join(home, ".openclaw", "openclaw.json"), json5)
	}
	return &Machine{Home: home, Env: []string{"HOME=" + home}, StateDir: filepath.Join(home, "clawtray"), Log: slog.New(slog.DiscardHandler)}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestK2_OwnToken: clawtray makes a token only for a configuration that is whole, has
// none, and asks for one.
func TestK2_OwnToken(t *testing.T) {
	for json5, makes := range map[string]bool{
		`{gateway: {mode: "local"}}`:                              true,
		`{gateway: {mode: "local", auth: {token: "the-token"}}}`:  false,
		`{gateway: {mode: "local", auth: {mode: "password"}}}`:    false,
		`{gateway: {mode: "local", auth: {token: "$NOT_THERE"}}}`: false,
		`{gateway: {mode: "remote"}}`:                             false,
		`{gateway: {mode: "local", `:                              false,
		`{}`:                                                      false,
		``:                                                        false,
	} {
		m := at(t, json5)
		var tokens [2]string
		for i := range tokens {
			e, _ := m.Gateway(t.Context())
			tokens[i], _ = e.Credentials()
		}
		_, err := os.Stat(TokenFile(m.StateDir))
		if made := err == nil; made != makes || makes && (tokens[0] == "" || tokens[0] != tokens[1]) {
			t.Errorf("%s: made %v", json5, made)
		}
	}
}

// TestO6_AnOpenClawThatCannotWriteOne: a gateway whose OpenClaw cannot write a configuration
// runs without one, with clawtray's own token.
func TestO6_AnOpenClawThatCannotWriteOne(t *testing.T) {
	m := at(t, "")
	e, err := m.FirstRun(t.Context(), openclaw.Runtime{Node: filepath.Join(m.Home, "no-node"), Entry: "openclaw.mjs"})
	token, _ := e.Credentials()
	if err != nil || e.File.Exists || token == "" || e.Startable() != nil {
		t.Fatalf("%v, %v", err, e.Startable())
	}
	again, err := m.Gateway(t.Context())
	if same, _ := again.Credentials(); err != nil || same != token || !slices.Contains(again.Child().Args, "--allow-unconfigured") {
		t.Errorf("then: %v, %v", again.Child(), err)
	}
}

// TestQ4_AcceptedIsRemembered: what a gateway accepted is kept for later runs, for the same
// file only, and as long as the state directory exists.
func TestQ4_AcceptedIsRemembered(t *testing.T) {
	m := at(t, `{gateway: {mode: "local", auth: {token: "the-token"}}}`)
	if err := os.MkdirAll(m.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	e, err := m.Gateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if before := m.LastAccepted(t.Context(), e); before.Exists {
		t.Errorf("before: %+v", before)
	}
	m.Accepted(t.Context(), e)
	next := &Machine{Home: m.Home, Env: m.Env, StateDir: m.StateDir, Log: m.Log}
	if got := next.LastAccepted(t.Context(), e); !got.Exists || !got.HasGateway || !got.HasMode {
		t.Errorf("remembered %+v", got)
	}
	if lost := (openclaw.ConfigFile{}).LostSince(next.LastAccepted(t.Context(), e)); lost != "is not there any more" {
		t.Errorf("lost %q", lost)
	}
	other := e
	other.Paths.ConfigPath += ".other"
	if got := next.LastAccepted(t.Context(), other); got.Exists {
		t.Errorf("for another file: %+v", got)
	}
	if err := os.RemoveAll(e.Paths.StateDir); err != nil {
		t.Fatal(err)
	}
	if got := next.LastAccepted(t.Context(), e); got.Exists {
		t.Errorf("when all was removed on purpose: %+v", got)
	}
}

// TestXH12_StateOwner: a lock names its owner while that lives, and whatever else lies
// there names nobody.
func TestXH12_StateOwner(t *testing.T) {
	me, err := inspect(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		fmt.Sprintf(`{"pid": %d, "port": 19001, "startTime": %d}`, me.pid, me.start): true,
		fmt.Sprintf(`{"pid": %d, "port": 19001}`, me.pid):                            true,
		`{"pid": 2147483646, "port": 19001}`:                                         false,
		`{"pid": 0, "port": 19001}`:                                                  false,
		fmt.Sprintf(`{"pid": %d, "port": 70000}`, me.pid):                            false,
		`{"pid": `: false,
		``:         false,
	} {
		m := at(t, "")
		dir := filepath.Join(m.Home, "state [1]") // is no pattern
		put(t, filepath.Join(dir, "tmp", "openclaw-1000", "gateway.state.lock"), text)
		if o := m.StateOwner(t.Context(), dir); (o != nil) != want || want && (o.PID != me.pid || o.Port != 19001) {
			t.Errorf("%s: %+v", text, o)
		}
	}
	if o := at(t, "").StateOwner(t.Context(), "/nowhere"); o != nil {
		t.Errorf("%+v", o)
	}
}

// TestXS9_CheckPeer: a connection to a program of our own user is trusted.
func TestXS9_CheckPeer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	m := at(t, "")
	if err := m.CheckPeer(t.Context(), conn); err != nil {
		t.Error(err)
	}
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	if err := m.CheckPeer(t.Context(), here); err == nil {
		t.Error("what is no TCP connection is trusted")
	}
}
