package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"clawtray/supervisor/openclaw"
)

// child is a gateway process that we started, or took over from an earlier run.
type child struct {
	pid     int
	created time.Time
	command string
	runID   string
	run     string // path of the run file
	lines   chan Line
	guard   guard // what ends it with us, where the system has such a thing

	done chan struct{}
	exit Exit
}

const (
	runFileName = "gateway-run.json"
	stdoutName  = "gateway-stdout.log"
	stderrName  = "gateway-stderr.log"
	lineBuffer  = 256 // lines waiting to be classified; more are dropped, never block the child
)

// startChild starts a gateway in a process group of its own. Its output goes to
// files, so that it survives us: a pipe without a reader ends the gateway
// uncleanly at its next line (measured, from OpenClaw 2026.6.11 on).
func startChild(c openclaw.Command, dir, runID string) (*child, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	files, err := openOutput(dir)
	if err != nil {
		return nil, err
	}
	defer files.close()
	cmd := &exec.Cmd{Path: c.Path, Args: append([]string{c.Path}, c.Args...), Env: c.Env, Dir: c.Dir,
		Stdout: files[0], Stderr: files[1], SysProcAttr: sysProcAttr()}
	ch := &child{runID: runID, run: filepath.Join(dir, runFileName), command: strings.Join(cmd.Args, " "),
		lines: make(chan Line, lineBuffer), done: make(chan struct{})}
	started := make(chan error)
	go ch.wait(cmd, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%w (%s)", err, aboutExecutable(c.Path))
	}
	ch.pid = cmd.Process.Pid
	ch.created = createdAt(ch.pid)
	ch.guard = newGuard(cmd.Process)
	ch.follow(dir)
	return ch, ch.remember()
}

// wait starts the process and waits for its end on one operating system thread:
// the kernel sends the parent-death signal when the thread that started the
// child ends, not when the process does.
func (c *child) wait(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	_ = cmd.Wait() // the state tells more than the error
	c.exit = exitOf(cmd.ProcessState)
	close(c.done)
}

// aboutExecutable gives what a start error needs to be understood.
func aboutExecutable(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s, mode %v, %d bytes, this is %s/%s", path, info.Mode(), info.Size(), runtime.GOOS, runtime.GOARCH)
}

type outputFiles [2]*os.File

func (f outputFiles) close() {
	for _, file := range f {
		file.Close()
	}
}

// openOutput makes fresh files for a new child's output.
func openOutput(dir string) (files outputFiles, err error) {
	for i, name := range []string{stdoutName, stderrName} {
		files[i], err = os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_TRUNC, 0o600)
		if err != nil {
			return files, err
		}
	}
	return files, nil
}

// follow reads both output files until the process has ended.
func (c *child) follow(dir string) {
	var reading sync.WaitGroup
	for i, name := range []string{stdoutName, stderrName} {
		t := &tail{path: filepath.Join(dir, name), emit: func(text string) {
			select {
			case c.lines <- Line{Text: text, Stderr: i == 1}:
			default:
			}
		}}
		reading.Go(func() { t.run(c.done) })
	}
	go func() {
		reading.Wait()
		close(c.lines)
	}()
}

// remember writes the run file, so that a later run can find this child.
func (c *child) remember() error {
	data, err := json.Marshal(runFile{PID: c.pid, Created: c.created.UnixMilli(), RunID: c.runID})
	if err != nil {
		return err
	}
	next := c.run + ".new"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	return os.Rename(next, c.run)
}

// adopt takes over the gateway of an earlier run, if one lives and is provably
// ours. Whatever the run file holds, no other process is touched.
func adopt(dir, runID string, log *slog.Logger) (Process, error) {
	path := filepath.Join(dir, runFileName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var f runFile
	if err := json.Unmarshal(data, &f); err != nil || f.PID <= 0 || f.RunID == "" {
		log.Warn("the run file is not readable; it is set aside", "path", path, "err", err)
		return nil, os.Remove(path)
	}
	if f.RunID == runID {
		return nil, nil // our own, of a generation that has just ended
	}
	p, err := process.NewProcess(int32(f.PID))
	if err != nil || createdAt(f.PID).UnixMilli() != f.Created || !belongs(p, f.RunID) || zombie(p) {
		return nil, os.Remove(path)
	}
	c := &child{pid: f.PID, created: time.UnixMilli(f.Created), runID: f.RunID, run: path,
		command: "(adopted)", lines: make(chan Line, lineBuffer), done: make(chan struct{})}
	if cmd, err := p.CmdlineSlice(); err == nil {
		c.command = strings.Join(cmd, " ")
	}
	go c.watch(p)
	c.follow(dir)
	return c, nil
}

// watchEvery is how often a process that is not our child is looked at; the
// system does not tell us of its end.
const watchEvery = 500 * time.Millisecond

func (c *child) watch(p *process.Process) {
	for {
		if createdAt(c.pid) != c.created || zombie(p) {
			c.exit = Exit{Code: -1, Signal: "unknown"}
			close(c.done)
			return
		}
		time.Sleep(watchEvery)
	}
}

// createdAt is when a process started; zero when there is none.
func createdAt(pid int) time.Time {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return time.Time{}
	}
	ms, err := p.CreateTime()
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func (c *child) PID() int              { return c.pid }
func (c *child) StartedAt() time.Time  { return c.created }
func (c *child) Command() string       { return c.command }
func (c *child) Lines() <-chan Line    { return c.lines }
func (c *child) Done() <-chan struct{} { return c.done }
func (c *child) Exit() Exit            { return c.exit }

func (c *child) Activity() (time.Duration, bool, error) { return activity(c.pid) }

// Owns accepts the process itself and whatever carries the run id: a launcher's
// child, or a worker that listens.
func (c *child) Owns(pid int) bool {
	if pid == c.pid {
		return true
	}
	p, err := process.NewProcess(int32(pid))
	return err == nil && belongs(p, c.runID)
}

func (c *child) Terminate() error {
	if closed(c.done) {
		return nil
	}
	return terminate(c.pid)
}

// Kill ends the leader's group, then everything else that carries the run id:
// OpenClaw's helpers and tool commands live in sessions of their own (measured).
func (c *child) Kill() error {
	var errs []error
	if !closed(c.done) {
		errs = append(errs, c.guard.kill(c.pid))
	}
	for _, p := range ours(c.runID) {
		if err := p.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, process.ErrorProcessNotRunning) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (c *child) Remains() []int {
	var pids []int
	if !closed(c.done) {
		pids = append(pids, c.pid)
	}
	for _, p := range ours(c.runID) {
		if !slices.Contains(pids, int(p.Pid)) {
			pids = append(pids, int(p.Pid))
		}
	}
	return pids
}

func (c *child) Release() {
	os.Remove(c.run)
	c.guard.close()
}
