package machine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"clawtray/supervisor/openclaw"
)

const (
	stdoutName = "gateway-stdout.log"
	stderrName = "gateway-stderr.log"
)

// launcher has what every start of a gateway needs, besides the command.
type launcher struct {
	dir   string // for the run file and the output
	runID string
	port  int
	safe  bool // without channels and plugins
	kin   *kin
	log   *slog.Logger
}

// start starts a gateway in a process group of its own. Its output goes to files, so that
// the gateway survives when clawtray is killed: with a pipe it would crash at its next
// line of output (measured, OpenClaw 2026.6.11 and later). The error is a *[LaunchError],
// and then nothing is left running.
func (l launcher) start(command openclaw.Command) (*child, error) {
	me, err := inspect(os.Getpid())
	if err == nil {
		err = os.MkdirAll(l.dir, 0o700)
	}
	if err != nil {
		return nil, launchError(err)
	}
	files, err := openOutput(l.dir)
	defer files.closeWriters()
	if err != nil {
		files.closeReaders()
		return nil, launchError(err)
	}
	cmd := &exec.Cmd{Path: command.Path, Args: append([]string{command.Path}, command.Args...), Env: command.Env, Dir: command.Dir,
		Stdout: files.write[0], Stderr: files.write[1], SysProcAttr: sysProcAttr()}
	c := &child{about: about{created: time.Now(), command: command.String(), port: l.port, safe: l.safe}, runID: l.runID,
		run: filepath.Join(l.dir, runFileName), kin: l.kin, held: true, out: newOutput(), done: make(chan struct{})}
	started := make(chan error)
	go c.wait(cmd, me.start, started)
	if err := <-started; err != nil {
		files.closeReaders()
		return nil, launchError(fmt.Errorf("%w (%s)", err, aboutExecutable(command.Path)))
	}
	if err = <-started; err == nil {
		err = l.claim(c, me.identity)
	}
	if err != nil {
		c.discard()
		files.closeReaders()
		return nil, launchError(err)
	}
	c.out.follow(files.read, c.done)
	return c, nil
}

// claim ties a new process to our life, where the system can do that, and writes the run
// file, by which a later clawtray finds it. Without a run file nobody could find the
// process again, so then it must not run on.
func (l launcher) claim(c *child, me identity) (err error) {
	if c.guard, err = newGuard(c.leader); err != nil {
		l.log.Warn("the gateway would outlive us: it could not be tied to our life", "err", err)
	}
	f := runFile{PID: c.pid, Start: c.start, RunID: c.runID, Port: l.port, Safe: l.safe, Branded: l.kin.mark(c.runID) == withBrand(c.runID),
		OwnerPID: me.pid, OwnerStart: me.start}
	return writeSmallFile(c.run, f)
}

// discard ends a process that nobody wants, with all that it has started.
func (c *child) discard() {
	_ = c.Kill(context.Background())
	<-c.done
	c.guard.close()
	c.out.leave()
}

// wait starts the process and waits for its end on one thread of the operating system,
// because the kernel sends the parent-death signal when the thread that started the
// child ends, not when the process does. It sends two errors on started: first, whether
// the process has started; then, if it has, whether the system let us look at it.
func (c *child) wait(cmd *exec.Cmd, since int64, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	m, err := startBranded(c.runID, since, func() (pid int, err error) {
		if err := cmd.Start(); err != nil {
			return 0, err
		}
		return cmd.Process.Pid, nil
	})
	if err != nil {
		started <- err
		return
	}
	c.kin.add(m)
	c.leader, c.pid = cmd.Process, cmd.Process.Pid
	started <- nil
	info, err := inspect(c.pid) // the process keeps its pid until Wait
	c.start = info.start
	started <- err
	_ = cmd.Wait() // ProcessState says more than the error
	c.exit = exitOf(cmd.ProcessState)
	close(c.done)
}

// aboutExecutable describes a program that could not be started.
func aboutExecutable(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s, mode %v, %d bytes, this is %s/%s", path, info.Mode(), info.Size(), runtime.GOOS, runtime.GOARCH)
}

// outputFiles are the files for stdout and stderr, each opened twice: write is for the
// child, read is for us.
type outputFiles struct{ write, read [2]*os.File }

func (f *outputFiles) closeWriters() { closeAll(f.write) }
func (f *outputFiles) closeReaders() { closeAll(f.read) }

func closeAll(files [2]*os.File) {
	for _, f := range files {
		f.Close() // for a nil file this is only an error
	}
}

// openOutput makes empty files for the output of a new child. The child's side is opened
// separately, for appending only. On Windows a file that is opened for appending and
// truncated in one step does not append: after the tail has cut the file, the child would
// go on writing at the old offset and leave a hole.
func openOutput(dir string) (files outputFiles, err error) {
	for i, name := range []string{stdoutName, stderrName} {
		path := filepath.Join(dir, name)
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() { // to open a pipe would wait for its reader
			if err := os.Remove(path); err != nil {
				return files, err
			}
		}
		if files.read[i], err = os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600); err != nil {
			return files, err
		}
		if files.write[i], err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
			return files, err
		}
	}
	return files, nil
}

// adopt takes over the gateway that the run file names, if that is alive and provably
// ours. Whatever the run file holds, no other process is touched. It returns nil when
// there is none to take over.
func (l launcher) adopt() (*child, error) {
	path := filepath.Join(l.dir, runFileName)
	f, err := readRunFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil && kindOf(err) == Retry:
		return nil, err
	case err != nil:
		l.log.Warn("the run file is unusable and is set aside", "path", path, "err", err)
		return nil, os.Rename(path, path+".unusable")
	case f.RunID == l.runID:
		return nil, nil // it is our own gateway, which has just ended
	}
	if owned, err := lives(f.owner()); err != nil || owned {
		l.log.Info("the gateway belongs to another clawtray that runs", "pid", f.PID, "owner", f.OwnerPID, "err", err)
		return nil, err
	}
	leader, missing := os.FindProcess(f.PID) // before the look, so that signals do not reach a process that gets the pid later
	why, err := stranger(f)
	if err == nil && why == "" {
		err = missing
	}
	if err != nil {
		return nil, err
	}
	if why != "" {
		l.log.Info("the gateway of the earlier run is gone", "pid", f.PID, "why", why)
		l.kin.add(f.mark()) // processes that it has left behind are ours to end
		return nil, os.Remove(path)
	}
	l.kin.add(f.mark())
	c := &child{identity: f.leader(), about: aboutAdopted(f), runID: f.RunID, run: path, kin: l.kin, leader: leader,
		held: leader.WithHandle(func(uintptr) {}) == nil,
		out:  newOutput(), done: make(chan struct{})}
	go c.watch()
	c.out.resume(l.dir, c.done)
	return c, nil
}
