package machine

import (
	"bytes"
	"context"
	"encoding/json"
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

	"clawtray/supervisor/openclaw"
)

func init() { roles["parent"] = parentRole }

// parentRole leaves processes behind as agents do: a command in a session of its own whose
// parent has ended, and a command with an empty environment.
func parentRole() {
	for _, command := range []string{
		"setsid sleep 1000 & echo $!",
		"env -i setsid sleep 1000 & echo $!; wait",
	} {
		cmd := exec.Command("sh", "-c", command)
		out, err := cmd.StdoutPipe()
		if err != nil {
			panic(err)
		}
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		var pid int
		fmt.Fscan(out, &pid)
		fmt.Println("started", pid)
		go cmd.Wait()
	}
	stubbornRole()
}

// C4: commands in sessions of their own are found and ended, when their parent
// has ended and also when their environment does not tell whose they are.
// C6: a process that only looks like ours is neither found nor ended.
func TestC4_Descendants(t *testing.T) {
	lookalike := asCommand(self("stubborn", "RUN-OF-SOMEBODY-ELSE"))
	started(t, lookalike)
	c := launch(t, "parent")
	pids := []int{c.PID()}
	for range 2 {
		pid, err := strconv.Atoi(strings.TrimPrefix(hears(t, c, "started "), "started "))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
		eventually(t, "it has a session of its own", func() bool {
			session, err := syscall.Getpgid(pid)
			return err == nil && session == pid
		})
	}
	hears(t, c, "ready")
	found := remains(t, c)
	for _, pid := range pids {
		if !slices.Contains(found, pid) {
			t.Errorf("%d is not among %v", pid, found)
		}
	}
	slices.Sort(found)
	if len(slices.Compact(slices.Clone(found))) != len(found) {
		t.Errorf("one is named twice: %v", found)
	}
	if slices.Contains(found, lookalike.Process.Pid) || slices.Contains(found, os.Getpid()) || c.Owns(t.Context(), lookalike.Process.Pid) {
		t.Errorf("%v holds a stranger", found)
	}
	if err := c.Kill(context.Background()); err != nil {
		t.Fatal(err)
	}
	ended(t, c)
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("the end of %d", pid), func() bool { return !alive(pid) })
	}
	if left := remains(t, c); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if !alive(lookalike.Process.Pid) {
		t.Error("the stranger was ended")
	}
}

// M3: the gateway is asked to end when we die by kill -9.
func TestM3_EndsWithUs(t *testing.T) {
	dir, pid := orphaned(t, "gateway")
	eventually(t, "the end of the gateway", func() bool { return !alive(pid) })
	if said, err := os.ReadFile(filepath.Join(dir, stdoutName)); err != nil || !strings.Contains(string(said), "asked to end by terminated") {
		t.Errorf("it said %q, %v", said, err)
	}
}

// M2, C6: whatever lies in the place of the run file, only a process that is provably ours
// is taken over or gets a signal. The log says why, and the next start succeeds.
func TestM2_NotAdopted(t *testing.T) {
	victim := asCommand(self("stubborn", testRun))
	var said bytes.Buffer
	victim.Stderr = &said // read after its end
	started(t, victim)
	other := asCommand(self("stubborn", "RUN-OF-SOMEBODY-ELSE"))
	started(t, other)
	dead := asCommand(self("exits", testRun))
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	info, _ := inspect(victim.Process.Pid)
	otherInfo, _ := inspect(other.Process.Pid)
	first, _ := inspect(1)
	valid := runFile{PID: info.pid, Start: info.start, RunID: testRun}

	content := func(f runFile) func(string) error {
		data, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		return raw(data)
	}
	data, _ := json.Marshal(valid)
	elsewhere := filepath.Join(tempDir(t), "run.json")
	if err := raw(data)(elsewhere); err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(path string) error{
		"a pid that is somebody else's": content(runFile{PID: otherInfo.pid, Start: otherInfo.start, RunID: testRun}),
		"another start time":            content(runFile{PID: info.pid, Start: info.start + 1, RunID: testRun}),
		"another run id":                content(runFile{PID: info.pid, Start: info.start, RunID: "ANOTHER-RUN"}),
		"the first process":             content(runFile{PID: 1, Start: first.start, RunID: testRun}),
		"a process that has ended":      content(runFile{PID: dead.Process.Pid, Start: info.start, RunID: testRun}),
		"a pid that is none":            content(runFile{PID: info.pid + 1<<32, Start: info.start, RunID: testRun}),
		"all our processes":             content(runFile{PID: -1, Start: info.start, RunID: testRun}),
		"no run id":                     content(runFile{PID: info.pid, Start: info.start, RunID: ""}),
		"garbage":                       raw([]byte("\x00\xff{{{")),
		"an empty file":                 raw(nil),
		"a truncated file":              raw(data[:len(data)-1]),
		"a huge file":                   raw(append(data, bytes.Repeat([]byte(" "), 64<<20)...)),
		"a directory":                   func(path string) error { return os.MkdirAll(filepath.Join(path, "full"), 0o700) },
		"a symbolic link":               func(path string) error { return os.Symlink(elsewhere, path) },
		"a pipe":                        func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			path := filepath.Join(dir, runFileName)
			if err := write(path); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			m := &Machine{StateDir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))}
			if c, err := m.Orphan(t.Context()); c != nil || err != nil {
				t.Fatalf("adopted %v, %v", c, err)
			}
			if log.Len() == 0 {
				t.Error("the log does not say why")
			}
			if _, err := os.Lstat(path); !os.IsNotExist(err) {
				t.Errorf("it is still in the way: %v", err)
			}
			c, err := starter(dir, "RUN-AFTER").start(self("exits", "RUN-AFTER"))
			if err != nil {
				t.Fatalf("the next start: %v", err)
			}
			ended(t, c)
			c.Release(context.Background())
		})
	}
	if !alive(info.pid) || !alive(otherInfo.pid) {
		t.Error("a stranger was ended")
	}
	for _, p := range []*exec.Cmd{victim, other} {
		p.Process.Kill()
		p.Wait()
	}
	if said.Len() > 0 {
		t.Errorf("a stranger was signalled: %s", said.String())
	}
}

func raw(data []byte) func(path string) error {
	return func(path string) error { return os.WriteFile(path, data, 0o600) }
}

// carrying lists the processes with a run id in their environment, and their descendants.
func carrying(t *testing.T, runID string) []processInfo {
	t.Helper()
	k := new(kin)
	k.add(unbranded(runID, 0))
	found, err := k.living(t.Context())
	if err != nil {
		t.Error(err)
	}
	return found
}

// M3: when the run file cannot be written, the gateway is ended, because no later run could
// find it.
func TestM3_NoRunFileNoGateway(t *testing.T) {
	dir := tempDir(t)
	if err := os.MkdirAll(filepath.Join(dir, runFileName, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	const id = "RUN-WITHOUT-FILE"
	if c, err := starter(dir, id).start(self("stubborn", id)); err == nil {
		endChild(t, c)
		t.Fatal("it started")
	}
	if left := carrying(t, id); len(left) > 0 {
		t.Errorf("left behind: %v", left)
		for _, p := range left {
			syscall.Kill(p.pid, syscall.SIGKILL)
		}
	}
}

// A start that fails says what is known about the executable, and leaves nothing.
func TestB8_CannotBeStarted(t *testing.T) {
	dir := tempDir(t)
	path := filepath.Join(dir, "node")
	if err := os.WriteFile(path, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := starter(dir, testRun).start(openclaw.Command{Path: path})
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "-rw-------") {
		t.Errorf("the error is %v", err)
	}
}

// A process may have any name; proc(5) puts it into the middle of a line.
func TestInspect_AnyName(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(tempDir(t), "a) Z 1 (b")
	if err := os.Link(sleep, path); err != nil {
		data, err := os.ReadFile(sleep)
		if err == nil {
			err = os.WriteFile(path, data, 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	info, err := inspect(cmd.Process.Pid)
	if err != nil || info.parent != os.Getpid() || info.ended || info.start <= 0 {
		t.Errorf("it is seen as %+v, %v", info, err)
	}
}
