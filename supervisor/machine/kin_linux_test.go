package machine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	roles["hides"] = hidesRole
	roles["nofiles"] = noFilesRole
	roles["sleepers"] = sleepersRole
}

// hide is a shell command that leaves a process in a session of its own, with an
// empty environment and without its parent, and prints its pid.
const hide = `env -i setsid sh -c 'echo $$; exec sleep 1000 >/dev/null 2>&1'`

// hidesRole is a gateway that starts such a process, by a launcher that ends at once.
func hidesRole() {
	cmd := exec.Command("sh", "-c", hide+" &")
	out, err := cmd.Output()
	if err != nil {
		panic(err)
	}
	fmt.Print("started ", string(out))
	stubbornRole()
}

func startedPID(t *testing.T, c Process) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(hears(t, c, "started "), "started ")))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// XH25: a process that hides in every way that a shell knows is found and ended. A process
// that we start for another reason, such as a browser, is not ended.
func TestXH25_HiddenDescendants(t *testing.T) {
	out, err := exec.Command("sh", "-c", hide+" &").Output()
	if err != nil {
		t.Fatal(err)
	}
	browser, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(browser, syscall.SIGKILL) })
	c := launch(t, "hides")
	hidden := startedPID(t, c)
	info, err := inspect(hidden)
	if shows, _ := unbranded(testRun, 0).environment(hidden); err != nil || info.parent == c.PID() || shows {
		t.Fatalf("it does not hide: %+v, %v", info, err)
	}
	if found := remains(t, c); !slices.Contains(found, hidden) || slices.Contains(found, browser) {
		t.Errorf("of %d and the browser %d are found %v", hidden, browser, found)
	}
	if !c.Owns(t.Context(), hidden) || c.Owns(t.Context(), browser) {
		t.Error("the child does not know what belongs to it")
	}
	if err := c.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended(t, c)
	eventually(t, "the end of what hid", func() bool { return !alive(hidden) })
	if left := remains(t, c); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if !alive(browser) {
		t.Error("the browser was ended")
	}
}

// XH25: while we have the brand of a gateway, we may start a process for another reason.
// That process loses the brand, and so do we.
func TestXH25_AnotherStartInTheSameMoment(t *testing.T) {
	browser, gateway := asCommand(self("stubborn", "")), asCommand(self("stubborn", ""))
	m, err := startBranded(testRun, 0, func() (int, error) {
		started(t, browser)
		started(t, gateway)
		return gateway.Process.Pid, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pid, want := range map[int]bool{gateway.Process.Pid: true, browser.Process.Pid: false, os.Getpid(): false} {
		info, err := inspect(pid)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.on(info); got != want || err != nil {
			t.Errorf("%d of the gateway %d, the browser %d and us carries the mark: %v, %v", pid, gateway.Process.Pid, browser.Process.Pid, got, err)
		}
	}
}

// XH25: where a process is allowed no brand, the environment tells whose it is.
func TestXH25_WithoutABrand(t *testing.T) {
	early := asCommand(self("stubborn", testRun))
	started(t, early)
	info, err := inspect(early.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if ours, err := (runFile{RunID: testRun, OwnerStart: info.start}).mark().on(info); !ours || err != nil {
		t.Errorf("it is not found: %v", err)
	}
	if ours, _ := (runFile{RunID: testRun, Branded: true}).mark().on(info); ours {
		t.Error("the environment is looked at although its run has a brand")
	}
	if ours, _ := unbranded(testRun, info.start+1).on(info); ours {
		t.Error("a process that is older than the clawtray is taken for its")
	}
}

// XH23: what an adopted gateway leaves when it crashes is found by a stop, also
// when another gateway runs in its place.
func TestXH23_LeftoversOfAnAdoptedGateway(t *testing.T) {
	dir, pid := orphaned(t, "hides")
	m := &Machine{StateDir: dir, Log: slog.New(slog.DiscardHandler)}
	c, err := m.Orphan(t.Context())
	if err != nil || c == nil {
		syscall.Kill(pid, syscall.SIGKILL)
		t.Fatalf("adopted %v, %v", c, err)
	}
	t.Cleanup(func() { endChild(t, c) })
	if c.Port() != testPort {
		t.Errorf("it listens on port %d", c.Port())
	}
	if f, err := readRunFile(filepath.Join(dir, runFileName)); err != nil || !f.Branded {
		t.Errorf("the run file: %+v, %v", f, err)
	}
	left := slices.DeleteFunc(remains(t, c), func(p int) bool { return p == pid })
	if len(left) != 1 {
		t.Fatalf("%d has left %v", pid, left)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	ended(t, c)
	if found := remains(t, c); !slices.Equal(found, left) {
		t.Errorf("after its end are found %v, not %v", found, left)
	}
	next, err := m.launcher(testPort).start(self("gateway", m.RunID()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endChild(t, next) })
	if found := remains(t, next); !slices.Contains(found, left[0]) {
		t.Errorf("the next gateway's stop finds %v, not %v", found, left)
	}
	if err := next.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of what was left", func() bool { return !alive(left[0]) })
}

// XH23: the same holds for a gateway that has ended together with its clawtray.
func TestXH23_LeftoversOfAGatewayThatIsGone(t *testing.T) {
	dir, pid := orphaned(t, "hides")
	f, err := readRunFile(filepath.Join(dir, runFileName))
	if err != nil {
		t.Fatal(err)
	}
	k := new(kin)
	k.add(f.mark())
	var hidden int
	eventually(t, "the gateway is alone with what it has hidden", func() bool {
		found, err := k.living(t.Context())
		if err != nil || len(found) != 2 {
			return false
		}
		hidden = found[0].pid + found[1].pid - pid
		return true
	})
	t.Cleanup(func() { syscall.Kill(hidden, syscall.SIGKILL) })
	syscall.Kill(pid, syscall.SIGKILL)
	eventually(t, "the end of the gateway", func() bool { return !alive(pid) })
	m := &Machine{StateDir: dir, Log: slog.New(slog.DiscardHandler)}
	if c, err := m.Orphan(t.Context()); c != nil || err != nil {
		t.Fatalf("adopted %v, %v", c, err)
	}
	next, err := m.launcher(testPort).start(self("gateway", m.RunID()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endChild(t, next) })
	if found := remains(t, next); !slices.Contains(found, hidden) {
		t.Errorf("the next gateway's stop finds %v, not %d", found, hidden)
	}
}

// XH23: the kernel tells of the end of a process that is not our child.
func TestXH23_TheEndIsTold(t *testing.T) {
	_, pid := orphaned(t, "stubborn")
	info, err := inspect(pid)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan error)
	go func() {
		_, err := (&child{identity: info.identity}).awaitEnd()
		told <- err
	}()
	select {
	case err := <-told:
		t.Errorf("told while it lives: %v", err)
	default:
	}
	syscall.Kill(pid, syscall.SIGKILL)
	if err := <-told; err != nil {
		t.Errorf("the kernel does not tell: %v", err)
	}
	if _, err := (&child{identity: info.identity}).awaitEnd(); err != nil {
		t.Errorf("of one that has ended: %v", err)
	}
	info.pid = os.Getpid() // the pid has changed hands
	if _, err := (&child{identity: info.identity}).awaitEnd(); err != nil {
		t.Errorf("of one whose pid is another's: %v", err)
	}
}

// XU1, M2: while a clawtray lives, no other takes its gateway, whatever it finds
// in the state directory.
func TestXU1_AnotherClawtrayLives(t *testing.T) {
	dir := tempDir(t)
	owner := asCommand(self("clawtray", "", childVar+"=stubborn", dirVar+"="+dir))
	pid, err := strconv.Atoi(started(t, owner))
	if err != nil {
		t.Fatal(err)
	}
	m := &Machine{StateDir: dir, Log: slog.New(slog.DiscardHandler)}
	if c, err := m.Orphan(t.Context()); c != nil || err != nil {
		t.Errorf("adopted %v, %v", c, err)
	}
	if f, err := readRunFile(filepath.Join(dir, runFileName)); err != nil || f.PID != pid {
		t.Errorf("the run file: %+v, %v", f, err)
	}
	owner.Process.Kill()
	owner.Wait()
	c, err := m.Orphan(t.Context())
	if err != nil || c == nil {
		syscall.Kill(pid, syscall.SIGKILL)
		t.Fatalf("adopted %v, %v", c, err)
	}
	endChild(t, c)
}

// M2: the run file of an older clawtray names neither port nor owner.
func TestM2_AnOlderRunFile(t *testing.T) {
	dir, pid := orphaned(t, "stubborn")
	path := filepath.Join(dir, runFileName)
	f, err := readRunFile(path)
	if err != nil || f.OwnerPID == 0 {
		t.Fatal(f, err)
	}
	if err := writeSmallFile(path, runFile{PID: f.PID, Start: f.Start, RunID: f.RunID}); err != nil {
		t.Fatal(err)
	}
	c, err := (&Machine{StateDir: dir, Log: slog.New(slog.DiscardHandler)}).Orphan(t.Context())
	if err != nil || c == nil {
		syscall.Kill(pid, syscall.SIGKILL)
		t.Fatalf("adopted %v, %v", c, err)
	}
	if c.PID() != pid || c.Port() != 0 {
		t.Errorf("pid %d, port %d", c.PID(), c.Port())
	}
	endChild(t, c)
}

// noFilesRole is a clawtray without file descriptors to spare, that ends its gateway.
func noFilesRole() {
	ctx := context.Background()
	polite, err := starter(os.Getenv(dirVar), testRun).start(self("gateway", testRun))
	if err != nil {
		panic(err)
	}
	for l := range polite.Lines() {
		if l.Text == "ready" {
			break
		}
	}
	stubborn, err := starter(os.Getenv(dirVar), testRun).start(self("stubborn", testRun))
	if err != nil {
		panic(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: 0}); err != nil {
		panic(err)
	}
	_, err = starter(os.Getenv(dirVar), testRun).start(self("gateway", testRun))
	var refused *LaunchError
	fmt.Println("launch:", errors.As(err, &refused) && refused.Kind == Retry)
	pids, err := polite.Remains(ctx)
	fmt.Println("remains:", pids, kindOf(err) == Retry)
	fmt.Println("terminate:", polite.Terminate(ctx))
	<-polite.Done()
	fmt.Println("ended:", polite.Exit())
	fmt.Println("kill:", kindOf(stubborn.Kill(ctx)) == Retry)
	<-stubborn.Done()
	fmt.Println("ended:", stubborn.Exit())
	_, alive, err := LastRun(os.Getenv(dirVar))
	fmt.Println("last run:", alive, kindOf(err) == Retry)
	_, err = unbranded(testRun, 0).environment(os.Getpid())
	fmt.Println("environment:", kindOf(err) == Retry)
	_, err = launcher{dir: os.Getenv(dirVar), runID: "THE-NEXT-RUN", kin: new(kin)}.adopt()
	fmt.Println("orphan:", kindOf(err) == Retry)
}

// XH18: without free file descriptors our own gateway is ended all the same, and a process
// that cannot be looked at does not count as ended. XH9: a launch may be tried again.
func TestXH18_WithoutDescriptors(t *testing.T) {
	role := asCommand(self("nofiles", "", dirVar+"="+tempDir(t)))
	role.Stderr = t.Output()
	out, err := role.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var want strings.Builder
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	lines.Scan()
	fmt.Fprintln(&want, "launch: true")
	pid := 0
	lines.Scan()
	fmt.Sscanf(lines.Text(), "remains: [%d]", &pid)
	fmt.Fprintf(&want, "remains: [%d] true\nterminate: <nil>\nended: {0 }\nkill: true\nended: {-1 SIGKILL}\nlast run: false true\nenvironment: true\norphan: true\n", pid)
	if string(out) != want.String() || pid == 0 {
		t.Errorf("got\n%swant\n%s", out, want.String())
	}
}

// XH24: the search for our processes looks at each process once, whatever the tree is like,
// and it ends also when the list makes no sense.
func TestXH24_EachProcessIsLookedAtOnce(t *testing.T) {
	const n, me, leader = 6000, 1, 100
	for name, parent := range map[string]func(pid int) int{
		"a chain":  func(pid int) int { return pid - 1 },
		"a fan":    func(int) int { return leader },
		"a circle": func(pid int) int { return (pid-leader+1)%n + leader },
	} {
		t.Run(name, func(t *testing.T) {
			var all []processInfo
			for pid := leader; pid < leader+n; pid++ {
				all = append(all, processInfo{identity: identity{pid: pid}, parent: parent(pid)})
			}
			slices.Reverse(all)
			looks := 0
			found := family(all, me, func(p processInfo) bool { looks++; return p.pid == leader })
			if len(found) != n || looks > n {
				t.Errorf("%d of %d are found with %d looks", len(found), n, looks)
			}
			looks = 0
			if found := family(all, me, func(processInfo) bool { looks++; return false }); len(found) != 0 || looks > n {
				t.Errorf("%d are found with %d looks where none is ours", len(found), looks)
			}
		})
	}
}

// That a process is a descendant of ours does not make it the gateway's.
func TestC6_FamilyLeavesUsOut(t *testing.T) {
	all := []processInfo{{identity: identity{pid: 1}}, {identity: identity{pid: 2}, parent: 1}, {identity: identity{pid: 3}, parent: 2},
		{identity: identity{pid: 4}, parent: 3}, {identity: identity{pid: 5}, parent: 2}, {identity: identity{pid: 6}, parent: 3, ended: true}}
	const me = 2
	carries := func(p processInfo) bool { return p.pid == 1 || p.pid == me || p.pid == 3 } // we run inside somebody's gateway
	var pids []int
	for _, p := range family(all, me, carries) {
		pids = append(pids, p.pid)
	}
	slices.Sort(pids)
	if !slices.Equal(pids, []int{1, 3, 4}) {
		t.Errorf("found %v", pids)
	}
}

// sleepersRole has many children that do nothing.
func sleepersRole() {
	n, _ := strconv.Atoi(os.Getenv(countVar))
	cmd := exec.Command("sh", "-c", fmt.Sprintf(`i=0; while [ $i -lt %d ]; do sleep 1000 & i=$((i+1)); done; echo ready; wait`, n))
	cmd.Stdout = os.Stdout
	cmd.Run()
}

// BenchmarkXH24_Remains looks for what is left among many processes that are
// not ours, and started later than our gateway.
func BenchmarkXH24_Remains(b *testing.B) {
	c, err := starter(b.TempDir(), testRun).start(self("gateway", testRun))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { c.Kill(context.Background()); <-c.Done() }()
	for _, n := range []int{0, 1000, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			others := asCommand(self("sleepers", "", fmt.Sprintf("%s=%d", countVar, n)))
			others.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			out, err := others.StdoutPipe()
			if err == nil {
				err = others.Start()
			}
			if err != nil {
				b.Fatal(err)
			}
			defer others.Wait()
			defer syscall.Kill(-others.Process.Pid, syscall.SIGKILL)
			if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
				b.Fatal(err)
			}
			var before, after unix.Rusage
			unix.Getrusage(unix.RUSAGE_SELF, &before)
			for b.Loop() {
				if pids, err := c.Remains(b.Context()); err != nil || len(pids) != 1 {
					b.Fatal(pids, err)
				}
			}
			unix.Getrusage(unix.RUSAGE_SELF, &after)
			used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
			b.ReportMetric(float64(used)/1e6/float64(b.N), "cpu-ms/op")
		})
	}
}
