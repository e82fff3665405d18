package machine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"clawtray/supervisor/openclaw"
)

// The tests of this file notice mutations of `make mutate` that no other test notices.

func init() {
	roles["short"] = shortRole
	roles["shares"] = sharesRole
	roles["echoes"] = echoesRole
}

// echoesRole says each signal that it gets.
func echoesRole() {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGTERM, os.Interrupt)
	fmt.Println("ready")
	for s := range got {
		fmt.Println(s)
	}
}

// endThreads ends all threads of this process to which no goroutine is locked: when a
// goroutine ends that is locked to its thread, the thread ends, too.
func endThreads(t *testing.T) {
	t.Helper()
	const more = 30 // than there are threads at rest
	var tids [more]int
	var met, left sync.WaitGroup
	met.Add(more)
	for i := range tids {
		left.Go(func() {
			runtime.LockOSThread()
			tids[i] = unix.Gettid()
			met.Done()
			met.Wait()
		})
	}
	left.Wait()
	for _, tid := range tids {
		if tid != os.Getpid() { // the first thread ends with the process only
			eventually(t, "the end of a thread", func() bool {
				_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", tid))
				return err != nil
			})
		}
	}
}

// M3: the gateway is asked to end when we die, not when the thread that started it ends,
// because Go may end a thread at any time.
func TestM3_ThreadsComeAndGo(t *testing.T) {
	for range 4 {
		cmd := asCommand(self("echoes", testRun))
		cmd.SysProcAttr = sysProcAttr()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		said := bufio.NewReader(out)
		c := &child{runID: testRun, kin: new(kin), held: true, done: make(chan struct{})}
		progress := make(chan error)
		go c.wait(cmd, 0, progress)
		if err := <-progress; err != nil {
			t.Fatal(err)
		}
		said.ReadString('\n') // it hears signals from now on
		endThreads(t)         // the goroutine that waits for the process rests meanwhile: it wants to go on telling
		if err := <-progress; err != nil {
			t.Error(err)
		}
		for range 2 { // a signal of a lower number may overtake one
			c.leader.Signal(os.Interrupt)
			if line, err := said.ReadString('\n'); err != nil || !strings.Contains(line, "interrupt") {
				t.Errorf("it says %q, %v", line, err)
			}
		}
		c.leader.Kill()
		<-c.done
	}
}

// open counts our descriptors of files whose names begin with this text.
func open(t *testing.T, start string) (n int) {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range all {
		if to, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasPrefix(to, start) {
			n++
		}
	}
	return n
}

// XH18: no descriptor stays open when it is not needed any more. A program that runs for
// months must not leave that to the garbage collector.
func TestXH18_NothingStaysOpen(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	dir := tempDir(t)
	if _, err := starter(dir, testRun).start(openclaw.Command{Path: filepath.Join(dir, "nothing")}); err == nil {
		t.Fatal("it started")
	}
	if n := open(t, dir); n != 0 {
		t.Errorf("after a start that failed %d files are open", n)
	}
	c, err := starter(dir, testRun).start(self("stubborn", testRun))
	if err != nil {
		t.Fatal(err)
	}
	hears(t, c, "ready")
	if n := open(t, dir); n != 2 {
		t.Errorf("%d files are open to read two", n)
	}
	const handles = "anon_inode:[pidfd]"
	before := open(t, handles)
	(&child{identity: identity{pid: c.pid, start: c.start + 1}}).awaitEnd()
	endProcess(identity{pid: c.pid, start: c.start + 1})
	if after := open(t, handles); after != before {
		t.Errorf("looking at a process leaves %d handles open", after-before)
	}
	before = open(t, "/proc")
	if _, err := table(); err != nil {
		t.Error(err)
	}
	if after := open(t, "/proc"); after != before {
		t.Errorf("looking at all leaves %d files open", after-before)
	}
	endChild(t, c)
	if n := open(t, dir); n != 0 {
		t.Errorf("after its end %d files are open", n)
	}
}

// limitFiles leaves this process this many free descriptors.
func limitFiles(free int) (restore func()) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		panic(err)
	}
	last := 0
	for fd := range 1 << 10 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			last = fd
		}
	}
	var fill []int
	for {
		fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			panic(err)
		}
		fill = append(fill, fd)
		if fd > last {
			break
		}
	}
	unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(fill[len(fill)-1] + 1 + free), Max: before.Max})
	return func() {
		unix.Setrlimit(unix.RLIMIT_NOFILE, &before)
		for _, fd := range fill {
			unix.Close(fd)
		}
	}
}

// shortRole is a clawtray that finds the gateway of an earlier run and has few
// descriptors: it says what it makes of that with none, one, two ...
func shortRole() {
	dir, ctx := os.Getenv(dirVar), context.Background()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	os.FindProcess(os.Getpid()) // the system is asked once whether it has handles of processes
	for free := range 10 {
		restore := limitFiles(free)
		_, unlisted := listener(ctx, l.Addr().(*net.TCPAddr).Port, 0)
		all, unseen := table()
		obstacle := obstacle(dir)
		c, err := launcher{dir: dir, runID: "THE-NEXT-RUN", kin: new(kin), log: slog.New(slog.DiscardHandler)}.adopt()
		restore()
		if unseen == nil && len(all) < 2 { // us and our parent
			fmt.Println(free, "nobody runs")
		}
		if _, gone := os.Stat(filepath.Join(dir, runFileName)); gone != nil {
			fmt.Println("the run file is gone")
		}
		for what, err := range map[string]error{"listener": unlisted, "table": unseen, "obstacle": obstacle, "adopt": err} {
			if err != nil && kindOf(err) != Retry {
				fmt.Println(free, what, err)
			}
		}
		if c != nil {
			fmt.Println("adopted", c.PID())
			return
		}
		if err == nil {
			fmt.Println(free, "taken for nothing there")
		}
	}
}

// XH18: whichever look fails because there is no free descriptor, a clawtray does not give up
// the gateway of an earlier run and does not say that there is none.
func TestXH18_EachLookMayFail(t *testing.T) {
	dir, pid := orphaned(t, "stubborn")
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	role := asCommand(self("short", "", dirVar+"="+dir))
	role.Stderr = t.Output()
	out, err := role.Output()
	if want := fmt.Sprintf("adopted %d\n", pid); err != nil || string(out) != want {
		t.Errorf("%v, it says\n%swant\n%s", err, out, want)
	}
}

// XH23: when we can neither wait for an adopted process nor look at it, it does not count as
// ended.
func TestXH23_NobodyKnowsOfTheEnd(t *testing.T) {
	cmd := asCommand(self("stubborn", ""))
	started(t, cmd)
	info, err := inspect(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		c := &child{identity: info.identity, done: make(chan struct{})}
		restore := limitFiles(0)
		go c.watch()
		synctest.Wait()
		restore()
		if closed(c.done) {
			t.Error("it is taken for ended")
		}
		cmd.Process.Kill()
		<-c.done
	})
}

// XH23: the end of an adopted process is told when it has ended, and not before.
func TestXH23_TheEndIsNotToldBefore(t *testing.T) {
	cmd := asCommand(self("stubborn", ""))
	started(t, cmd)
	info, err := inspect(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 1)
	go func() {
		_, err := (&child{identity: info.identity}).awaitEnd()
		told <- err
	}()
	eventually(t, "it waits", func() bool {
		buf := make([]byte, 1<<20)
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "awaitEnd") && strings.Contains(g, "[IO wait") {
				return true
			}
		}
		return len(told) > 0
	})
	if len(told) > 0 {
		t.Errorf("told while it lives: %v", <-told)
		return
	}
	cmd.Process.Kill()
	if err := <-told; err != nil {
		t.Error(err)
	}
}

// C6: another process that has the pid of a process of ours after its end is not asked to
// end, is not killed, and does not count as ours.
func TestC6_WhoeverGotThePidLater(t *testing.T) {
	other := asCommand(self("echoes", "RUN-OF-SOMEBODY-ELSE"))
	other.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := other.StdoutPipe()
	if err == nil {
		err = other.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	said := bufio.NewReader(out)
	said.ReadString('\n')
	info, err := inspect(other.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	close(over)
	for what, c := range map[string]*child{
		"one that has ended":     {identity: info.identity, held: true, done: over},
		"one that was adopted":   {identity: identity{info.pid, info.start + 1}, done: make(chan struct{})},
		"one that was and ended": {identity: info.identity, done: over},
	} {
		c.leader, c.kin, c.runID = other.Process, new(kin), testRun
		if err := errors.Join(c.Terminate(t.Context()), c.Kill(t.Context())); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if closed(c.done) && c.Owns(t.Context(), info.pid) {
			t.Errorf("%s: the pid is taken for ours", what)
		}
	}
	if err := endProcess(identity{info.pid, info.start + 1}); err != nil {
		t.Error(err)
	}
	for range 2 {
		other.Process.Signal(os.Interrupt)
		if line, err := said.ReadString('\n'); err != nil || !strings.Contains(line, "interrupt") {
			t.Fatalf("it says %q, %v", line, err)
		}
	}
}

// C4: a look at the processes that hangs does not keep the leader alive.
func TestC4_ALookThatHangsSparesNobody(t *testing.T) {
	leader := asCommand(self("stubborn", ""))
	leader.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	started(t, leader)
	synctest.Test(t, func(t *testing.T) {
		c := &child{identity: identity{pid: leader.Process.Pid}, leader: leader.Process, held: true, kin: new(kin), done: make(chan struct{})}
		c.kin.look.queue() <- struct{}{}
		began := time.Now()
		if err := c.Kill(context.Background()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > lookLimit {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
	eventually(t, "the end of the leader", func() bool { return !alive(leader.Process.Pid) })
}

// C4: processes that are recognised only by their parents are found before the parents end.
func TestC4_ParentsTellOfTheirChildren(t *testing.T) {
	const id = "RUN-WITHOUT-BRAND"
	c, err := starter(tempDir(t), testRun).start(self("parent", id))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endChild(t, c) })
	var pids []int
	for range 2 {
		pids = append(pids, startedPID(t, c))
	}
	hears(t, c, "ready")
	for _, pid := range pids {
		eventually(t, "it has a session of its own", func() bool {
			session, err := syscall.Getpgid(pid)
			return err == nil && session == pid
		})
	}
	branded := c.kin
	c.kin = new(kin)
	c.kin.add(unbranded(id, 0))
	if err := c.Kill(t.Context()); err != nil {
		t.Error(err)
	}
	ended(t, c)
	c.kin = branded
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("the end of %d", pid), func() bool { return !alive(pid) })
	}
}

// XH3: that a run file cannot be removed is an error.
func TestXH3_TheRunFileCannotBeRemoved(t *testing.T) {
	dir := tempDir(t)
	if err := os.WriteFile(filepath.Join(dir, "in the way"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &child{run: dir, out: newOutput(), done: make(chan struct{})}
	close(c.done)
	close(c.out.over)
	if err := c.Release(t.Context()); err == nil {
		t.Error("it is not told")
	}
}

// XH25: two gateways that start at once get a brand each, and we keep neither.
func TestXH25_OneBrandAtATime(t *testing.T) {
	var before, after unix.Rlimit
	unix.Getrlimit(brandLimit, &before)
	var starting sync.WaitGroup
	for i := range 4 {
		id := fmt.Sprint(testRun, "-", i)
		starting.Go(func() {
			for range 10 {
				startBranded(id, 0, func() (int, error) {
					for range 10 {
						runtime.Gosched()
						if !branded(os.Getpid(), id) {
							t.Error("what is started now gets the brand of another run")
						}
					}
					return 0, nil
				})
			}
		})
	}
	starting.Wait()
	if unix.Getrlimit(brandLimit, &after); before != after {
		t.Errorf("the limit was %v and is %v", before, after)
	}
}

// M2: the run file is replaced at once, and nobody else reads the run id.
func TestM2_TheRunFileIsReplacedWhole(t *testing.T) {
	path := filepath.Join(tempDir(t), runFileName)
	f := runFile{PID: 1, RunID: "FIRST"}
	if err := writeSmallFile(path, f); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(path) // somebody who reads slowly
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	f.RunID = "SECOND"
	if err := writeSmallFile(path, f); err != nil {
		t.Fatal(err)
	}
	if whole, err := bufio.NewReader(reader).ReadString('}'); err != nil || !strings.Contains(whole, "FIRST") {
		t.Errorf("the reader sees %q, %v", whole, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("its mode: %v, %v", info.Mode(), err)
	}
}

// sharesRole listens on a port that others listen on, too.
func sharesRole() {
	l, err := shared(os.Getenv(addrVar))
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	select {}
}

func shared(addr string) (net.Listener, error) {
	c := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) error {
		return conn.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
	}}
	return c.Listen(context.Background(), "tcp4", addr)
}

// M1: of two listeners the one counts that gets what is sent, and a connection is not a
// listener.
func TestM1_WhoGetsWhatIsSent(t *testing.T) {
	for ours, theirs := range map[string]string{"127.0.0.1": "0.0.0.0", "0.0.0.0": "127.0.0.1"} {
		l, err := shared(net.JoinHostPort(ours, "0"))
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		other := asCommand(self("shares", "", addrVar+"="+net.JoinHostPort(theirs, strconv.Itoa(port))))
		started(t, other)
		want := os.Getpid()
		if theirs == "127.0.0.1" {
			want = other.Process.Pid
		}
		if got, err := listener(t.Context(), port, 0); err != nil || got.PID != want {
			t.Errorf("we listen on %s, %d on %s: told is %+v, %v", ours, other.Process.Pid, theirs, got, err)
		}
		l.Close()
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	l.Close()
	if got, err := listener(t.Context(), l.Addr().(*net.TCPAddr).Port, 0); !errors.Is(err, ErrNoListener) {
		t.Errorf("a connection is taken for %+v, %v", got, err)
	}
}

// J1: after the end of the gateway nobody waits for what a descendant writes.
func TestJ1_TheRestEnds(t *testing.T) {
	f := outputFile(t)
	const line, there, many = "more\n", 4 * tailChunk, 20 * tailChunk
	lines := 0
	tl := &tail{file: f, emit: func(string) bool { // each line is answered with two
		if lines++; lines < many {
			f.WriteString(line + line)
		}
		return true
	}}
	f.WriteString(strings.Repeat(line, there/len(line)))
	tl.readRest()
	if read := lines * len(line); read < there-len(line) || read > there+2*tailChunk {
		t.Errorf("%d bytes were read of %d", read, there)
	}
}

// J1, G1: a last line without a line end is read, too.
func TestJ1_LastWordsWithoutAnEnd(t *testing.T) {
	f := outputFile(t)
	var got []string
	tl := &tail{file: f, emit: func(s string) bool { got = append(got, s); return true }}
	f.WriteString("first\nthe last words")
	tl.readRest()
	if want := []string{"first", "the last words"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// B8: Obstacle leaves no file behind.
func TestB8_LookingLeavesNothing(t *testing.T) {
	dir := tempDir(t)
	if err := obstacle(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// XH18: a process that cannot be looked at is not ours, because the token is sent to ours.
func TestXH18_WhoCannotBeLookedAtIsNotOurs(t *testing.T) {
	c := &child{kin: new(kin), runID: testRun, done: make(chan struct{})}
	restore := limitFiles(0)
	ours := c.Owns(t.Context(), os.Getpid())
	restore()
	if ours {
		t.Error("it is taken for ours")
	}
}

// XH10: a caller that has left is not called back.
func TestXH10_WhoHasLeftIsNotCalled(t *testing.T) {
	var g gate
	called := 0
	g.pass(func() { called++ })
	g.close()
	g.pass(func() { called++ })
	if called != 1 {
		t.Errorf("called %d times", called)
	}
}

// XH10: a gateway that starts after its caller has left is ended.
func TestXH10_TheGatewayThatComesTooLate(t *testing.T) {
	command := self("stubborn", "")
	m := &Machine{StateDir: tempDir(t), CacheDir: tempDir(t), Env: command.Env, Log: slog.New(slog.DiscardHandler)}
	branding.Lock() // the start waits for its turn
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := make(chan error)
	go func() {
		_, err := m.Launch(ctx, openclaw.Runtime{Node: command.Path, Entry: "openclaw.mjs"}, Spawn{Port: testPort})
		cancelled <- err
	}()
	turn := m.lanes.launch.queue()
	eventually(t, "it starts", func() bool { return len(turn) == 1 })
	cancel()
	err := <-cancelled
	branding.Unlock()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it was given up with %v", err)
	}
	turn <- struct{}{} // after all that belongs to the start
	left, err := m.run.kin.living(t.Context())
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for _, p := range left {
		syscall.Kill(p.pid, syscall.SIGKILL)
	}
	if len(m.run.kin.all()) != 1 {
		t.Error("it has not come at all")
	}
}

// XH6: when nobody takes lines any more, their reader ends.
func TestXH6_TheReaderEndsWithItsTaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutput()
		for range lineBuffer {
			o.emit(Line{})
		}
		taken := make(chan bool)
		go func() { taken <- o.emit(Line{Text: "one too many"}) }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := o.finish(ctx); err == nil {
			t.Error("the loss is not told")
		}
		if <-taken {
			t.Error("it is taken by nobody")
		}
	})
}

// XN3: a file is read before it is cut, unless its writer never pauses.
func TestXN3_WhatIsUnreadIsNotCut(t *testing.T) {
	f := outputFile(t)
	var last string
	tl := &tail{file: f, noHoles: true, emit: func(s string) bool { last = s; return true }}
	if err := f.Truncate(maxOutput + maxOutput/2); err != nil {
		t.Fatal(err)
	}
	f.WriteString("\nlast\n")
	for tl.read() {
	}
	if last != "last" {
		t.Errorf("the last line is %.100q", last)
	}
}

// J1: the file of a writer that never pauses is cut all the same, so that it does not fill
// the disk.
func TestJ1_AWriterThatNeverRests(t *testing.T) {
	f := outputFile(t)
	size := int64(maxUnread + 3*maxOutput)
	grow := func() {
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		size += 4 * newest
	}
	tl := &tail{file: f, noHoles: true, offset: maxUnread, emit: func(string) bool { grow(); return true }}
	grow()
	if more := tl.read(); !more {
		t.Fatal("it has come to the end")
	}
	if info, err := f.Stat(); err != nil || info.Size() > 0 {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
}
