package commands

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
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"clawtray/packaging/outside"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/openclaw"
)

// patience limits the wait for one action of a real gateway. It is not an expectation: a
// start takes 4 s on an idle machine and may take a minute on a busy one.
const patience = 4 * time.Minute

// binary is the tested program: the one in binaryVar, or one that is built once.
var binary string

// binaryVar is the variable in which `make test` names a program called clawtray that is
// built with the flags of a release. Building it here would compile everything again.
const binaryVar = "CLAWTRAY_TEST_BINARY"

// compiled is the compile cache that all tests with a gateway share. Otherwise every first
// start would compile 40 MB of code again.
var compiled string

// sideBySide is how many tests with a gateway run at once by default (-parallel changes
// it). They wait for minutes and work for seconds, so it is more than the number of
// processors. Each gateway takes up to 1 GB of memory.
const sideBySide = "4"

func TestMain(m *testing.M) {
	heedSignals()
	flag.Set("test.parallel", sideBySide)
	flag.Parse() // reads -parallel, if it is given
	dir, err := os.MkdirTemp("", "clawtray-test-")
	if err != nil {
		panic(err)
	}
	binary, compiled = filepath.Join(dir, "clawtray"), filepath.Join(dir, "cache")
	if given := os.Getenv(binaryVar); given != "" {
		binary = given
	} else if out, err := exec.Command("go", "build", "-o", binary, "clawtray").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building clawtray: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// heedSignals makes the programs that the tests start receive Ctrl-C and the end of the
// terminal, even when these signals are ignored for the tests (nohup, a shell's &). When a
// program catches a signal, its children do not inherit that it was ignored.
func heedSignals() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGHUP)
	go func() {
		<-ended
		os.Exit(exitInterrupted)
	}()
}

// user is a person with an empty home, an own port, and a clawtray.
type user struct {
	t        *testing.T
	home     string
	port     int
	settings string // clawtray's settings, as TOML without the port
	runtime  installed
	env      []string
	through  []string // a program that starts clawtray, with its arguments
	client   *control.Client
	process  *exec.Cmd
	ended    chan struct{}
	output   bytes.Buffer // clawtray's output; read it after ended
}

// installed are the paths of a Node and of an openclaw.mjs.
type installed struct{ node, entry string }

// settings tells clawtray to use this runtime.
func (r installed) settings() string {
	return fmt.Sprintf("node = %q\nopenclaw = %q\n", r.node, r.entry)
}

// The versions of OpenClaw that the tests can use. `make test` installs the newest, `make
// check` the others, too. packaging/runtime.sh sets a variable for each, with these endings.
const (
	newest = ""
	quick  = "_8_2" // starts with a third of the processor time that the newest needs
	oldest = "_6_11"
)

func realRuntime(t *testing.T, version string) installed {
	t.Helper()
	r := installed{os.Getenv("CLAWTRAY_TEST_NODE" + version), os.Getenv("CLAWTRAY_TEST_OPENCLAW" + version)}
	if r.node == "" || r.entry == "" {
		how := fmt.Sprintf("CLAWTRAY_TEST_NODE%s and CLAWTRAY_TEST_OPENCLAW%[1]s are not set; `make test` or `make check` installs a runtime and sets them", version)
		if os.Getenv("CI") == "true" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	return r
}

// long leaves a test to `make check`, because `make test` has only ten minutes, for one or
// two gateways of each kind.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("long: make check runs it")
	}
}

func newUser(t *testing.T, settings string) *user {
	t.Helper()
	// Not t.TempDir, because its path contains the test's name and the path of a socket has
	// at most 107 bytes.
	home, err := os.MkdirTemp("", "clawtray-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	u := &user{t: t, home: home, port: freePort(t), ended: make(chan struct{})}
	u.env = outside.Env(os.Environ(), home)
	// Some skills of OpenClaw need Python, and clawtray reports it when it is missing. The
	// tests must not depend on whether this machine has Python.
	u.write("bin/python3", "#!/bin/sh\nexit 1\n")
	if err := os.Chmod(filepath.Join(u.home, "bin/python3"), 0o700); err != nil {
		t.Fatal(err)
	}
	u.env = append(u.env, "PATH="+filepath.Join(u.home, "bin")+":"+os.Getenv("PATH"))
	u.settings = settings
	u.configure()
	u.client = control.NewClient(filepath.Join(u.home, ".local/state/clawtray"))
	t.Cleanup(u.cleanUp)
	return u
}

// withGateway returns a user who has the newest OpenClaw, and further settings. Such tests
// mostly wait, so they run in parallel.
func withGateway(t *testing.T, settings ...string) *user {
	t.Helper()
	t.Parallel()
	return newOwner(t, realRuntime(t, newest), settings...)
}

// withAnyGateway is withGateway for a test that passes with each version of OpenClaw. `make
// check` plays it with a quick one, `make test-matrix` with the newest.
func withAnyGateway(t *testing.T, settings ...string) *user {
	t.Helper()
	t.Parallel()
	u := newOwner(t, anyRuntime(t), settings...)
	u.write(".openclaw/openclaw.json", withoutDashboard)
	return u
}

// withoutDashboard is the least that a gateway needs. Without a file, OpenClaw runs once more
// to write it, and with the dashboard each start takes a fifth more of a processor.
const withoutDashboard = `{gateway: {mode: "local", controlUi: {enabled: false}}}`

func anyRuntime(t *testing.T) installed {
	t.Helper()
	if *everyRow {
		return realRuntime(t, newest)
	}
	return realRuntime(t, quick)
}

// newOwner returns a user who has this runtime, and further settings.
func newOwner(t *testing.T, r installed, settings ...string) *user {
	t.Helper()
	u := newUser(t, r.settings()+strings.Join(settings, "\n"))
	u.runtime = r
	u.env = append(u.env, "XDG_CACHE_HOME="+compiled)
	return u
}

// configure writes clawtray's settings: the user's own and then further ones.
func (u *user) configure(settings ...string) {
	u.t.Helper()
	u.write(".config/clawtray/clawtray.toml", fmt.Sprintf("port = %d\n%s\n%s\n", u.port, u.settings, strings.Join(settings, "\n")))
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := outside.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
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

// run starts clawtray without an icon and waits until it answers.
func (u *user) run(args ...string) {
	u.t.Helper()
	u.begin(append([]string{"--headless"}, args...)...)
}

// begin starts clawtray and waits until it answers.
func (u *user) begin(args ...string) {
	u.t.Helper()
	command := append(slices.Concat(u.through, []string{binary}), args...)
	u.process = exec.Command(command[0], command[1:]...)
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

// eventually checks again and again until ok returns true. It is for things that no channel
// reports, such as other processes.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	keepLooking(ok, func() { t.Fatalf("never came: %s", what) })
}

func keepLooking(ok func() bool, never func()) {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	giveUp := time.After(patience)
	for !ok() {
		select {
		case <-look.C:
		case <-giveUp:
			never()
		}
	}
}

// cleanUp ends the processes of a failed test, and shows its log.
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

// log returns what clawtray has logged so far; empty when there is no log.
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

// must runs a command that has to succeed, and returns its output.
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

// quit quits clawtray and waits until it has ended.
func (u *user) quit() {
	u.t.Helper()
	u.must("quit")
	<-u.ended
}

// nothingIsLeft checks that no process of the gateway runs and that its port is free.
func (u *user) nothingIsLeft(when string) {
	u.t.Helper()
	if pids := outside.Marked(u.home); len(pids) != 0 {
		u.t.Errorf("%s: processes %v", when, pids)
	}
	// A process that was killed has no environment any more, so the check of processes does
	// not find it. On a busy machine its sockets stay open a little longer.
	eventually(u.t, "the port is free "+when, func() bool { return outside.PortFree(u.port) })
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

// TestFirstLight plays a day with a real gateway: start, crash, restart, reload, stop,
// start, quit, with nothing left.
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

	second := u.recoversFromAKill(first)

	// D: a restart over the protocol keeps the process.
	u.must("restart")
	if s := u.until("running", running); s.PID != second.PID || s.Launches != second.Launches+1 || len(s.Incidents) != 1 {
		t.Errorf("after a restart: %+v", s)
	}

	// E2, E4: reload says what it has done.
	if out := u.must("reload"); !strings.Contains(out, "has not changed since the gateway started") {
		t.Errorf("a reload right after the restart said %q", out)
	}

	// C: stop ends everything, start begins again.
	u.must("stop")
	u.nothingIsLeft("after a stop")
	u.must("start")
	if s := u.until("running", running); s.PID == second.PID {
		t.Errorf("after stop and start: %+v", s)
	}
	u.secretsStaySecret()

	u.quitsInTime()
	if _, code := u.cli("status"); code == 0 {
		t.Error("status without clawtray succeeded")
	}
}

// recoversFromAKill kills the gateway. clawtray starts one new gateway and records one
// incident (G1).
func (u *user) recoversFromAKill(first supervisor.Status) (second supervisor.Status) {
	u.t.Helper()
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		u.t.Fatal(err)
	}
	second = u.until("running with a new process", func(s supervisor.Status) bool { return running(s) && s.PID != first.PID })
	if len(second.Incidents) != 1 || second.Incidents[0].Open() || second.Incidents[0].Cause.Code != supervisor.Killed {
		u.t.Errorf("incidents after the crash: %+v", second.Incidents)
	}
	if owner := outside.Marked(u.home); !slices.Contains(owner, second.PID) || slices.Contains(owner, first.PID) {
		u.t.Errorf("processes of ours: %v, the gateway is %d", owner, second.PID)
	}
	return second
}

// quitsInTime checks the limit of C4. It does not measure the speed.
func (u *user) quitsInTime() {
	u.t.Helper()
	began := time.Now()
	u.quit()
	if took := time.Since(began); took > supervisor.DefaultPolicy().QuitLimit+2*time.Second {
		u.t.Errorf("quitting took %v", took)
	}
	if code := u.process.ProcessState.ExitCode(); code != 0 {
		u.t.Errorf("clawtray ended with %d", code)
	}
	u.nothingIsLeft("after quit")
}

// token returns the gateway's token: the one in its configuration, else the one that
// clawtray keeps.
func (u *user) token() string {
	u.t.Helper()
	e, err := openclaw.NewReader(openclaw.Inputs{Env: u.env, Home: u.home}).Read(u.t.Context())
	if err != nil {
		u.t.Fatal(err)
	}
	if token, _ := e.Credentials(); token != "" {
		return token
	}
	kept, err := os.ReadFile(filepath.Join(u.home, ".local/state/clawtray/gateway-token"))
	if err != nil {
		u.t.Fatal(err)
	}
	return strings.TrimSpace(string(kept))
}

// secretsStaySecret searches for the token (K3) in what the program writes and in the
// arguments of every process.
func (u *user) secretsStaySecret() {
	u.t.Helper()
	token := []byte(u.token())
	if len(token) < 16 {
		u.t.Fatalf("the token is only %d bytes long", len(token))
	}
	for _, args := range [][]string{{"status"}, {"status", "--json"}} {
		if strings.Contains(u.must(args...), string(token)) {
			u.t.Errorf("clawtray %v shows the token", args)
		}
	}
	err := filepath.WalkDir(filepath.Join(u.home, ".local/state/clawtray"), func(path string, d fs.DirEntry, err error) error {
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

// TestM3_OurDeath: after SIGKILL of clawtray, its gateway ends, too, and the next start
// works.
func TestM3_OurDeath(t *testing.T) {
	long(t)
	u := withAnyGateway(t)
	u.run()
	first := u.until("running", running)
	u.process.Process.Kill()
	<-u.ended
	eventually(t, "nothing of the dead clawtray is left", func() bool { return len(outside.Marked(u.home)) == 0 })
	u.run()
	s := u.until("running", running)
	if s.PID == first.PID || s.Mode != supervisor.Managed {
		t.Errorf("after the second start: %+v", s)
	}
	if g := outside.Gateways(u.home); !slices.Equal(g, []int{s.PID}) {
		t.Errorf("the gateways are %v, not only %d", g, s.PID)
	}
	u.quit()
}

// TestM1_PortTakenByAStranger: the error names the other program, and that program keeps
// running.
func TestM1_PortTakenByAStranger(t *testing.T) {
	t.Parallel()
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
	u.quit()
}

// TestBadInput: each mistake gives one clear sentence, and nothing is started.
func TestBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		settings, args, want string
	}{
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

// TestB3_IdentityOthersCanRead: the file is not changed, and the problem is reported.
func TestB3_IdentityOthersCanRead(t *testing.T) {
	u := newUser(t, "")
	const path = ".local/state/clawtray/identity.pem"
	u.write(path, "not a key, but nobody may say so")
	if err := os.Chmod(filepath.Join(u.home, path), 0o644); err != nil {
		t.Fatal(err)
	}
	u.run()
	eventually(t, "the remedy in the log", func() bool { return strings.Contains(u.log(), "chmod 600") })
	u.quit()
	if data, err := os.ReadFile(filepath.Join(u.home, path)); err != nil || !strings.HasPrefix(string(data), "not a key") {
		t.Errorf("the file was touched: %q, %v", data, err)
	}
}

// TestXP5_InterruptedIsExit130: Ctrl-C ends a command without output. The clawtray in this
// test accepts the connection and never answers.
func TestXP5_InterruptedIsExit130(t *testing.T) {
	u := newUser(t, "")
	i, err := control.Claim(filepath.Join(u.home, ".local/state/clawtray"))
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	cmd := exec.Command(binary, "stop")
	var out bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = u.env, &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := i.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the test checks the exit code
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || out.Len() > 0 {
		t.Errorf("exit %d, %q", code, out.String())
	}
}
