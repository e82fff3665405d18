package machine

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"clawtray/supervisor/openclaw"
)

// The tests of this file, and of the files beside it for one system, run real processes: the
// test binary itself, in one of these roles.
const (
	roleVar  = "CLAWTRAY_TEST_ROLE"  // which role, by name
	dirVar   = "CLAWTRAY_TEST_DIR"   // clawtray's state directory, for the role clawtray
	childVar = "CLAWTRAY_TEST_CHILD" // the role of its gateway
	codeVar  = "CLAWTRAY_TEST_CODE"  // exit code, for the role exits
	runVar   = "CLAWTRAY_TEST_RUN"   // testRun
	countVar = "CLAWTRAY_TEST_COUNT" // how many lines, for the role burst
)

const testPort = 18789

// testRun is the run id of this test process and of its roles. Each test process has its own,
// because tests end all processes of a run.
var testRun = cmp.Or(os.Getenv(runVar), "TEST-"+rand.Text())

// patience bounds the wait for another process. Tests do not expect that it takes so long.
const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	setUp()
	if role := os.Getenv(roleVar); role != "" {
		roles[role]()
		os.Exit(0)
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// roles are what the test binary plays when it is run as a child. A role that
// returns exits with 0.
var roles = map[string]func(){
	"gateway":  gatewayRole,
	"stubborn": stubbornRole,
	"exits":    exitsRole,
	"flood":    floodRole,
	"burst":    burstRole,
	"clawtray": clawtrayRole,
}

func exitsRole() {
	fmt.Fprintln(os.Stderr, "the last words")
	code, _ := strconv.Atoi(os.Getenv(codeVar))
	os.Exit(code)
}

// gatewayRole ends when it is asked to, as a gateway does.
func gatewayRole() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, endSignals...)
	fmt.Println("ready")
	fmt.Println("asked to end by", <-asked)
}

// stubbornRole does not end when it is asked to, as a gateway that drains.
func stubbornRole() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, endSignals...)
	fmt.Println("ready")
	for s := range asked {
		fmt.Println("still working after", s)
	}
}

// burstRole prints lines on stderr as fast as it can.
func burstRole() {
	n, _ := strconv.Atoi(os.Getenv(countVar))
	out := bufio.NewWriter(os.Stderr)
	defer out.Flush()
	for i := range n {
		fmt.Fprintln(out, "line", i)
	}
}

const floodSize = 1 << 30 // bytes on each of stdout and stderr

func floodRole() {
	block := []byte(strings.Repeat("A", 1<<20))
	for range floodSize / len(block) {
		os.Stdout.Write(block)
		os.Stderr.Write(block)
	}
	fmt.Print("\nthe end of stdout\n")
	fmt.Fprint(os.Stderr, "\nthe end of stderr\n")
}

// clawtrayRole is a clawtray that starts a gateway, says its pid, and lives until it is killed.
func clawtrayRole() {
	c, err := starter(os.Getenv(dirVar), testRun).start(self(os.Getenv(childVar), testRun))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for l := range c.Lines() {
		if l.Text == "ready" {
			fmt.Println(c.PID())
		}
	}
}

// starter starts gateways of a run.
func starter(dir, runID string) launcher {
	return launcher{dir: dir, runID: runID, port: testPort, kin: new(kin), log: slog.New(slog.DiscardHandler)}
}

// self is the command that plays a role, with the run id in its environment.
func self(role, runID string, env ...string) openclaw.Command {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	// The race detector would hold up each end for a second.
	env = append(env, roleVar+"="+role, runVar+"="+testRun, openclaw.RunIDVar+"="+runID, "GORACE=atexit_sleep_ms=0")
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name != roleVar && name != runVar && name != openclaw.RunIDVar {
			env = append(env, v)
		}
	}
	return openclaw.Command{Path: path, Env: env}
}

// asCommand is the same for a process that clawtray does not start.
func asCommand(c openclaw.Command) *exec.Cmd {
	return &exec.Cmd{Path: c.Path, Args: []string{c.Path}, Env: c.Env}
}

// tempDir is t.TempDir, without its failing under wine, which cannot remove
// folders the way Go does.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "clawtray-child-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// launch starts a child in a role and ends it with the test.
func launch(t *testing.T, role string, env ...string) *child {
	t.Helper()
	c, err := starter(tempDir(t), testRun).start(self(role, testRun, env...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endChild(t, c) })
	return c
}

func endChild(t *testing.T, c Process) {
	if err := c.Kill(context.Background()); err != nil {
		t.Error(err)
	}
	ended(t, c)
	c.Release(context.Background())
}

// hears waits for a line of the child that begins with this text, and returns the line.
func hears(t *testing.T, c Process, start string) string {
	t.Helper()
	giveUp := time.After(patience)
	for {
		select {
		case l, open := <-c.Lines():
			if !open {
				t.Fatalf("the child ended without saying %q", start)
			}
			if strings.HasPrefix(l.Text, start) {
				return l.Text
			}
		case <-giveUp:
			t.Fatalf("the child never said %q", start)
		}
	}
}

func ended(t *testing.T, c Process) Exit {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(patience):
		t.Fatal("the child did not end")
	}
	return c.Exit()
}

// started runs a command of the test's own and returns what it says first.
func started(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("%v ended without a word: %v", cmd.Args, lines.Err())
	}
	return strings.TrimSpace(lines.Text())
}

// remains lists what is left of a child.
func remains(t *testing.T, c Process) []int {
	t.Helper()
	pids, err := c.Remains(t.Context())
	if err != nil {
		t.Error(err)
	}
	return pids
}

func alive(pid int) bool {
	info, err := inspect(pid)
	return err == nil && !info.ended
}

// orphaned starts a gateway in a role through a clawtray that is then killed.
func orphaned(t *testing.T, role string) (dir string, pid int) {
	t.Helper()
	dir = tempDir(t)
	clawtray := asCommand(self("clawtray", "", childVar+"="+role, dirVar+"="+dir))
	pid, err := strconv.Atoi(started(t, clawtray))
	if err != nil {
		t.Fatal(err)
	}
	clawtray.Process.Kill()
	clawtray.Wait()
	return dir, pid
}

// eventually looks again and again at something that no channel tells of, such as another
// process, until the condition holds.
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

// C4: the request to end reaches the leader, and its end is known with its code.
func TestC4_AskedToEnd(t *testing.T) {
	c := launch(t, "gateway")
	hears(t, c, "ready")
	if c.Owns(t.Context(), os.Getpid()) || !c.Owns(t.Context(), c.PID()) {
		t.Error("the child does not know what belongs to it")
	}
	if _, _, err := c.Activity(t.Context()); err != nil {
		t.Errorf("activity: %v", err)
	}
	if err := c.Terminate(t.Context()); err != nil {
		t.Fatal(err)
	}
	hears(t, c, "asked to end")
	if exit := ended(t, c); exit != (Exit{}) {
		t.Errorf("it ended with %v", exit)
	}
	eventually(t, "nothing is left", func() bool { return len(remains(t, c)) == 0 }) // a console takes a moment
	if err := c.Terminate(t.Context()); err != nil {
		t.Errorf("ending what has ended: %v", err)
	}
}

// M2: the run file of a living child names it, and nothing else does.
func TestM2_Recognised(t *testing.T) {
	c := launch(t, "gateway")
	hears(t, c, "ready")
	f, err := readRunFile(c.run)
	if err != nil {
		t.Fatal(err)
	}
	if why, err := stranger(f); why != "" || err != nil || f.PID != c.PID() {
		t.Errorf("%+v is taken for a stranger: %s, %v", f, why, err)
	}
	for _, other := range []runFile{
		{PID: os.Getpid(), Start: f.Start, RunID: f.RunID}, {PID: f.PID, Start: f.Start + 1, RunID: f.RunID}, {PID: f.PID, Start: f.Start, RunID: "ANOTHER-RUN"},
	} {
		if why, err := stranger(other); why == "" || err != nil {
			t.Errorf("%+v is taken for ours", other)
		}
	}
}

// C4: a process that does not end when it is asked to is ended by force.
func TestC4_IgnoresTheRequest(t *testing.T) {
	c := launch(t, "stubborn")
	hears(t, c, "ready")
	if err := c.Terminate(t.Context()); err != nil {
		t.Fatal(err)
	}
	hears(t, c, "still working")
	if err := c.Kill(context.Background()); err != nil {
		t.Fatal(err)
	}
	if exit := ended(t, c); exit != killedExit {
		t.Errorf("it ended with %v", exit)
	}
}

// G1, J1: the exit code and the last words of a child that ends at once.
func TestG1_ExitCodeAndLastWords(t *testing.T) {
	for _, code := range []int{0, 1, 78} {
		c := launch(t, "exits", fmt.Sprintf("%s=%d", codeVar, code))
		hears(t, c, "the last words")
		if exit := ended(t, c); exit != (Exit{Code: code}) {
			t.Errorf("it ended with %v", exit)
		}
	}
}

// J1: a child that prints a gigabyte without a line end on each of its two streams does not
// wait for us and does not fill memory or disk, and its last words are read.
func TestJ1_Flood(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c := launch(t, "flood")
	var texts []string
	for l := range c.Lines() {
		if len(l.Text) > maxLine+len("…") {
			t.Fatalf("a line of %d bytes", len(l.Text))
		}
		texts = append(texts, l.Text)
	}
	if exit := ended(t, c); exit != (Exit{}) {
		t.Fatalf("it ended with %v", exit)
	}
	const enough = 64 << 20 // bytes; a sixteenth of one of the two streams
	if runtime.ReadMemStats(&after); after.HeapSys > before.HeapSys+enough {
		t.Errorf("the heap grew by %d MB", (after.HeapSys-before.HeapSys)>>20)
	}
	all := strings.Join(texts, "\n")
	for _, last := range []string{"the end of stdout", "the end of stderr"} {
		if !strings.Contains(all, last) {
			t.Errorf("%q is lost", last)
		}
	}
	for _, name := range []string{stdoutName, stderrName} {
		if n := space(t, filepath.Join(filepath.Dir(c.run), name)); n > maxOutput+tailChunk {
			t.Errorf("%s takes %d bytes", name, n)
		}
	}
}
