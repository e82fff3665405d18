package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"clawtray/supervisor/openclaw"
)

// child is a gateway process that we started, or took over from an earlier run.
type child struct {
	pid     int
	start   int64 // as inspect tells it
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
	lineBuffer  = 256     // lines waiting to be classified; more are dropped, never block the child
	maxRunFile  = 4 << 10 // bytes; ours has about 80
)

// startChild starts a gateway in a process group of its own. Its output goes to
// files, so that it survives us: a pipe without a reader ends the gateway
// uncleanly at its next line (measured, from OpenClaw 2026.6.11 on).
func startChild(c openclaw.Command, dir, runID string, log *slog.Logger) (*child, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	files, err := openOutput(dir)
	defer files.close()
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: c.Path, Args: append([]string{c.Path}, c.Args...), Env: c.Env, Dir: c.Dir,
		Stdout: files[0], Stderr: files[1], SysProcAttr: sysProcAttr()}
	ch := &child{runID: runID, run: filepath.Join(dir, runFileName), command: c.String(),
		created: time.Now(), lines: make(chan Line, lineBuffer), done: make(chan struct{})}
	started := make(chan error)
	go ch.wait(cmd, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%w (%s)", err, aboutExecutable(c.Path))
	}
	if ch.guard, err = newGuard(cmd.Process); err != nil {
		log.Warn("the gateway would outlive us: it could not be tied to our life", "err", err)
	}
	ch.follow(dir)
	if err := ch.remember(); err != nil {
		// Nobody could find it again: it must not run on.
		err = errors.Join(err, ch.Kill())
		<-ch.done
		ch.guard.close()
		return nil, err
	}
	return ch, nil
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
	c.pid = cmd.Process.Pid
	if info, ok := inspect(c.pid); ok { // it cannot have gone before Wait
		c.start = info.start
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
			line := Line{Text: text, Stderr: i == 1}
			select {
			case c.lines <- line:
			default:
				if closed(c.done) { // its last words; nobody is held up any more
					c.lines <- line
				}
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
	data, err := json.Marshal(runFile{PID: c.pid, Start: c.start, RunID: c.runID})
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
func adopt(dir, runID string, log *slog.Logger) (*child, error) {
	path := filepath.Join(dir, runFileName)
	f, err := readRunFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		log.Warn("the run file is unusable and is set aside", "path", path, "err", err)
		return nil, os.Rename(path, path+".unusable")
	case f.RunID == runID:
		return nil, nil // our own, of a generation that has just ended
	}
	if why := stranger(f); why != "" {
		log.Info("the gateway of the earlier run is gone", "pid", f.PID, "why", why)
		return nil, os.Remove(path)
	}
	c := &child{pid: f.PID, start: f.Start, created: createdAt(f.PID), runID: f.RunID, run: path,
		command: "(adopted)", lines: make(chan Line, lineBuffer), done: make(chan struct{})}
	if p, err := process.NewProcess(int32(f.PID)); err == nil {
		if cmd, err := p.CmdlineSlice(); err == nil {
			c.command = strings.Join(cmd, " ")
		}
	}
	go c.watch()
	c.follow(dir)
	return c, nil
}

// readRunFile reads what remember wrote. Anything may lie in its place.
func readRunFile(path string) (f runFile, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return f, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxRunFile {
		return f, fmt.Errorf("mode %v, %d bytes", info.Mode(), info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, err
	}
	if f.PID <= 0 || f.PID > math.MaxInt32 || f.RunID == "" {
		return f, fmt.Errorf("pid %d, run id %q", f.PID, f.RunID)
	}
	return f, nil
}

// stranger says why the process of a run file is not the gateway that the file
// tells of; empty when it is.
func stranger(f runFile) string {
	info, ok := inspect(f.PID)
	switch {
	case !ok || info.ended:
		return "no process has its pid"
	case info.start != f.Start:
		return "its pid is another process by now: the start times differ"
	case !belongs(f.PID, f.RunID):
		return "its pid is another process by now: it does not carry the run id"
	}
	return ""
}

// watchEvery is how often a process that is not our child is looked at; the
// system does not tell us of its end.
const watchEvery = 500 * time.Millisecond

func (c *child) watch() {
	for lives(c.pid, c.start) {
		time.Sleep(watchEvery)
	}
	c.exit = Exit{Code: -1}
	close(c.done)
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
func (c *child) Owns(pid int) bool { return pid == c.pid || belongs(pid, c.runID) }

// leads reports whether our pid is still the process we mean.
func (c *child) leads() bool { return !closed(c.done) && lives(c.pid, c.start) }

func (c *child) Terminate() error {
	if !c.leads() {
		return nil
	}
	return c.terminate()
}

// Kill ends the leader's group, then everything else that is ours: OpenClaw's
// helpers and tool commands live in sessions of their own (measured).
func (c *child) Kill() error {
	var errs []error
	rest := ours(c.runID) // before the leader's end hides whose children they are
	if c.leads() {
		errs = append(errs, c.guard.kill(c.pid))
	}
	for _, p := range rest {
		errs = append(errs, sendTo(p.pid, os.Kill, func() bool { return lives(p.pid, p.start) }))
	}
	return errors.Join(errs...)
}

func (c *child) Remains() []int {
	var pids []int
	if !closed(c.done) {
		pids = append(pids, c.pid)
	}
	for _, p := range ours(c.runID) {
		if p.pid != c.pid {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

func (c *child) Release() {
	os.Remove(c.run)
	c.guard.close()
}
