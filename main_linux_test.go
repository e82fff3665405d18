package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/openclaw"
)

// patience bounds the wait for one thing a real gateway does. It is no
// expectation: a start takes 4 s on an idle machine and may take a minute on a
// busy one.
const patience = 4 * time.Minute

// binary is the program under test, built once.
var binary string

// compiled is the cache folder that the tests with a gateway share: with one each,
// every first start would compile 40 MB of code anew.
var compiled string

// sideBySide is how many tests with a gateway run at once, unless -parallel says
// otherwise. They wait for minutes and work for seconds, so it is more than
// there are processors; each gateway takes up to 1 GB of memory.
const sideBySide = "4"

func TestMain(m *testing.M) {
	flag.Set("test.parallel", sideBySide)
	flag.Parse() // takes -parallel, if it is given
	dir, err := os.MkdirTemp("", "clawtray-test-")
	if err != nil {
		panic(err)
	}
	binary, compiled = filepath.Join(dir, "clawtray"), filepath.Join(dir, "cache")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building clawtray: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// user is a person with an empty home, a port of their own, and clawtray.
type user struct {
	t        *testing.T
	home     string
	port     int
	settings string // of clawtray, TOML without the port
	env      []string
	client   *control.Client
	process  *exec.Cmd
	ended    chan struct{}
	output   bytes.Buffer // of clawtray; read after ended
}

// realRuntime returns the Node and OpenClaw that `make test` installs.
func realRuntime(t *testing.T) (node, entry string) {
	t.Helper()
	node, entry = os.Getenv("CLAWTRAY_TEST_NODE"), os.Getenv("CLAWTRAY_TEST_OPENCLAW")
	if node == "" || entry == "" {
		const how = "CLAWTRAY_TEST_NODE and CLAWTRAY_TEST_OPENCLAW are not set; `make test` installs a runtime and sets them"
		if os.Getenv("CI") == "true" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	return node, entry
}

func newUser(t *testing.T, settings string) *user {
	t.Helper()
	u := &user{t: t, home: t.TempDir(), port: freePort(t), ended: make(chan struct{})}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !strings.HasPrefix(name, "XDG_") && !strings.HasPrefix(name, "OPENCLAW_") && name != "HOME" && name != "DBUS_SESSION_BUS_ADDRESS" {
			u.env = append(u.env, v)
		}
	}
	// No test talks to the chat services a developer may have configured.
	u.env = append(u.env, "HOME="+u.home, "OPENCLAW_SKIP_CHANNELS=1")
	u.settings = settings
	u.configure()
	u.client = control.NewClient(filepath.Join(u.home, ".local/state/clawtray/run"))
	t.Cleanup(u.cleanUp)
	return u
}

// withGateway is a user who has the real runtime, and further settings. Such
// tests wait more than they work, so they run side by side.
func withGateway(t *testing.T, settings ...string) *user {
	t.Helper()
	t.Parallel()
	node, entry := realRuntime(t)
	u := newUser(t, fmt.Sprintf("node = %q\nopenclaw = %q\n%s", node, entry, strings.Join(settings, "\n")))
	u.env = append(u.env, "XDG_CACHE_HOME="+compiled)
	return u
}

// configure writes clawtray's settings: the user's own and then further ones.
func (u *user) configure(settings ...string) {
	u.t.Helper()
	u.write(".config/clawtray/clawtray.toml", fmt.Sprintf("port = %d\n%s\n%s\n", u.port, u.settings, strings.Join(settings, "\n")))
}

// The ports of the tests. The system hands out those from 32768 on to whoever
// asks for any, and so might give a gateway's away between two of its lives.
const firstPort, ports = 10000, 20000

// usedPorts counts up from a place of this process's own.
var usedPorts atomic.Int64

func init() { usedPorts.Store(int64(os.Getpid()) * 100) }

func freePort(t *testing.T) int {
	t.Helper()
	for range ports {
		if port := firstPort + int(usedPorts.Add(1)%ports); portFree(port) {
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func (u *user) write(name, text string) {
	u.t.Helper()
	path := filepath.Join(u.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		u.t.Fatal(err)
	}
}

// run starts clawtray and waits until it answers.
func (u *user) run() {
	u.t.Helper()
	u.process = exec.Command(binary, "--headless")
	u.process.Env, u.process.Stdout, u.process.Stderr = u.env, &u.output, &u.output
	if err := u.process.Start(); err != nil {
		u.t.Fatal(err)
	}
	ended := make(chan struct{})
	u.ended = ended
	go func() {
		u.process.Wait()
		close(ended)
	}()
	eventually(u.t, "clawtray answers", func() bool {
		select {
		case <-ended:
			u.t.Fatalf("clawtray ended at once:\n%s", u.output.String())
		default:
		}
		_, _, err := u.client.Report(u.t.Context())
		if err != nil && !errors.Is(err, control.ErrNotRunning) {
			u.t.Fatal(err)
		}
		return err == nil
	})
}

// eventually looks at what no channel tells about, such as another process, until
// it is as it should be.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	giveUp := time.After(patience)
	for !ok() {
		select {
		case <-look.C:
		case <-giveUp:
			t.Fatalf("never came: %s", what)
		}
	}
}

// cleanUp ends what a failed test left behind, and shows its log.
func (u *user) cleanUp() {
	if u.process == nil {
		return
	}
	if u.t.Failed() {
		u.t.Logf("clawtray's log:\n%s", u.log())
	}
	select {
	case <-u.ended:
	default:
		u.process.Process.Signal(syscall.SIGTERM)
		<-u.ended
	}
}

// log is what clawtray has logged so far, nothing if there is no log.
func (u *user) log() string {
	log, _ := os.ReadFile(filepath.Join(u.home, ".local/state/clawtray/clawtray.log"))
	return string(log)
}

// cli runs a command and returns its output and exit code.
func (u *user) cli(args ...string) (string, int) {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = u.env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		u.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// must runs a command that has to succeed.
func (u *user) must(args ...string) string {
	u.t.Helper()
	out, code := u.cli(args...)
	if code != 0 {
		u.t.Fatalf("clawtray %v: exit %d\n%s", args, code, out)
	}
	return out
}

// until waits for a status.
func (u *user) until(what string, ok func(supervisor.Status) bool) supervisor.Status {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), patience)
	defer cancel()
	var last supervisor.Status
	for s, err := range u.client.Watch(ctx) {
		if err != nil {
			u.t.Fatal(err)
		}
		if last = s; ok(s) {
			return s
		}
	}
	u.t.Fatalf("never came: %s; the last status is %+v", what, last)
	return last
}

func running(s supervisor.Status) bool { return s.State == supervisor.Running }

func (u *user) healthz() int {
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", u.port))
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// marked lists the processes that carry a run id of this user's clawtray.
func (u *user) marked() []int {
	var pids []int
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		env, err := os.ReadFile(filepath.Join(d, "environ"))
		if err != nil || !bytes.Contains(env, []byte(openclaw.RunIDVar+"=")) || !bytes.Contains(env, []byte("HOME="+u.home+"\x00")) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(d))
		pids = append(pids, pid)
	}
	return pids
}

func portFree(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		l.Close()
	}
	return err == nil
}

// TestFirstLight is a day with a real gateway: start, crash, restart, reload,
// stop, start, quit with nothing left.
func TestFirstLight(t *testing.T) {
	u := withGateway(t)
	u.run()
	first := u.until("running", running)
	if first.Mode != supervisor.Managed || first.PID == 0 || first.GatewayVersion == "" {
		t.Errorf("running as %+v", first)
	}
	if code := u.healthz(); code != http.StatusOK {
		t.Errorf("/healthz answered %d", code)
	}
	var shown struct {
		State, Mode, GatewayVersion string
		PID                         int
	}
	if err := json.Unmarshal([]byte(u.must("status", "--json")), &shown); err != nil {
		t.Fatal(err)
	}
	if shown.State != "running" || shown.Mode != "managed" || shown.GatewayVersion != first.GatewayVersion || shown.PID != first.PID {
		t.Errorf("status --json says %+v, want %+v", shown, first)
	}
	if out := u.must(); !strings.Contains(out, "running already") {
		t.Errorf("a second clawtray said %q", out)
	}

	// G1: a crash is recovered, once, and recorded as one incident.
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := u.until("running with a new process", func(s supervisor.Status) bool { return running(s) && s.PID != first.PID })
	if len(second.Incidents) != 1 || second.Incidents[0].Open() || second.Incidents[0].Cause.Code != supervisor.Killed {
		t.Errorf("incidents after the crash: %+v", second.Incidents)
	}
	if owner := u.marked(); !slices.Contains(owner, second.PID) || slices.Contains(owner, first.PID) {
		t.Errorf("processes of ours: %v, the gateway is %d", owner, second.PID)
	}

	// D: a restart over the protocol keeps the process.
	u.must("restart")
	if s := u.until("running", running); s.PID != second.PID || s.Launches != second.Launches+1 || len(s.Incidents) != 1 {
		t.Errorf("after a restart: %+v", s)
	}

	// E2, E4: reload says what it did.
	if out := u.must("reload"); !strings.Contains(out, "has read its configuration") {
		t.Errorf("a reload right after the restart said %q", out)
	}

	// C: stop ends everything, start begins again.
	u.must("stop")
	if pids := u.marked(); len(pids) != 0 || !portFree(u.port) {
		t.Errorf("after a stop: processes %v, port free %v", pids, portFree(u.port))
	}
	u.must("start")
	if s := u.until("running", running); s.PID == second.PID {
		t.Errorf("after stop and start: %+v", s)
	}
	u.secretsStaySecret()

	began := time.Now()
	u.must("quit")
	<-u.ended
	if took := time.Since(began); took > supervisor.DefaultPolicy().QuitLimit+2*time.Second { // the promise of C4, not a measurement
		t.Errorf("quitting took %v", took)
	}
	if code := u.process.ProcessState.ExitCode(); code != 0 {
		t.Errorf("clawtray ended with %d", code)
	}
	if pids := u.marked(); len(pids) != 0 || !portFree(u.port) {
		t.Errorf("after quit: processes %v, port free %v", pids, portFree(u.port))
	}
	if _, code := u.cli("status"); code == 0 {
		t.Error("status without clawtray succeeded")
	}
}

// secretsStaySecret looks for the token (K3) in what the program writes and in
// the arguments of every process.
func (u *user) secretsStaySecret() {
	u.t.Helper()
	kept, err := os.ReadFile(filepath.Join(u.home, ".local/state/clawtray/gateway-token"))
	if err != nil {
		u.t.Fatal(err)
	}
	token := bytes.TrimSpace(kept)
	if len(token) < 16 {
		u.t.Fatalf("the token is only %d bytes long", len(token))
	}
	for _, args := range [][]string{{"status"}, {"status", "--json"}} {
		if strings.Contains(u.must(args...), string(token)) {
			u.t.Errorf("clawtray %v shows the token", args)
		}
	}
	err = filepath.WalkDir(filepath.Join(u.home, ".local/state/clawtray"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "gateway-token" {
			return err
		}
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, token) {
			u.t.Errorf("%s holds the token", path)
		}
		return nil
	})
	if err != nil {
		u.t.Error(err)
	}
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, token) {
			u.t.Errorf("%s holds the token", path)
		}
	}
}

// TestM3_OurDeath: SIGKILL of clawtray leaves no gateway behind, and the next
// start works.
func TestM3_OurDeath(t *testing.T) {
	u := withGateway(t)
	u.run()
	first := u.until("running", running)
	u.process.Process.Kill()
	<-u.ended
	eventually(t, "nothing of the dead clawtray is left", func() bool { return len(u.marked()) == 0 })
	u.run()
	s := u.until("running", running)
	if s.PID == first.PID || s.Mode != supervisor.Managed {
		t.Errorf("after the second start: %+v", s)
	}
	if g := u.gateways(); !slices.Equal(g, []int{s.PID}) {
		t.Errorf("the gateways are %v, not only %d", g, s.PID)
	}
	u.must("quit")
	<-u.ended
}

// TestM1_PortTakenByAStranger: the error names the program and the program is untouched.
func TestM1_PortTakenByAStranger(t *testing.T) {
	u := newUser(t, "")
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(u.port)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	u.run()
	s := u.until("an error", func(s supervisor.Status) bool { return s.State == supervisor.Failed })
	me := fmt.Sprintf("pid %d", os.Getpid())
	name := filepath.Base(os.Args[0])
	if s.Mode != supervisor.Conflict || !strings.Contains(s.Error, me) || !strings.Contains(s.Error, name[:min(len(name), 15)]) {
		t.Errorf("status %+v; want %s and %s named", s, name, me)
	}
	if out, code := u.cli("start"); code == 0 || !strings.Contains(out, me) {
		t.Errorf("start: exit %d, %s", code, out)
	}
	if conn, err := net.Dial("tcp", l.Addr().String()); err != nil {
		t.Errorf("the other program is gone: %v", err)
	} else {
		conn.Close()
	}
	u.must("quit")
	<-u.ended
}

// TestL7_BadCommandLines: usage on stderr and exit 2.
func TestL7_BadCommandLines(t *testing.T) {
	u := newUser(t, "")
	for _, args := range [][]string{{"--no-such-flag"}, {"no-such-command"}, {"status", "--no-such-flag"}, {"stop", "now"}, {"--port", "x"}} {
		out, code := u.cli(args...)
		if code != exitUsage || !strings.Contains(out, "Usage:") {
			t.Errorf("clawtray %v: exit %d, %s", args, code, out)
		}
	}
}

// TestBadInput: one clear sentence each, and nothing started.
func TestBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		settings, args, want string
	}{
		"port out of range":       {"", "--port=70000", "70000 is not a port"},
		"port zero in the file":   {"", "--port=-1", "-1 is not a port"},
		"unknown key in the file": {"prot = 1", "config", `there is no setting "prot"; did you mean "port"?`},
		"wrong type in the file":  {"node = 1", "config", "it has to be a text"},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUser(t, c.settings)
			out, code := u.cli(c.args)
			if code != 1 || !strings.Contains(out, c.want) {
				t.Errorf("exit %d, %s", code, out)
			}
		})
	}
}

// TestB3_IdentityOthersCanRead is left alone and reported.
func TestB3_IdentityOthersCanRead(t *testing.T) {
	u := newUser(t, "")
	const path = ".local/state/clawtray/identity.pem"
	u.write(path, "not a key, but nobody may say so")
	if err := os.Chmod(filepath.Join(u.home, path), 0o644); err != nil {
		t.Fatal(err)
	}
	u.run()
	eventually(t, "the remedy in the log", func() bool { return strings.Contains(u.log(), "chmod 600") })
	u.must("quit")
	<-u.ended
	if data, err := os.ReadFile(filepath.Join(u.home, path)); err != nil || !strings.HasPrefix(string(data), "not a key") {
		t.Errorf("the file was touched: %q, %v", data, err)
	}
}
