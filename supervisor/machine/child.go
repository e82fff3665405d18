package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// child is a gateway process that we started, or took over from an earlier run.
type child struct {
	identity
	about  about
	leader *os.Process // the process itself
	held   bool        // leader holds a handle, so that its signals reach no other process
	guard  guard       // ends the process when we end, where the system can do that
	kin    *kin
	runID  string
	run    string // path of the run file
	out    *output
	lanes  struct{ owns, activity, release lane }

	done chan struct{}
	exit Exit
}

// about is what messages say about a child.
type about struct {
	created time.Time
	command string
	port    int
	safe    bool
}

// aboutAdopted asks the system for what the run file does not say.
func aboutAdopted(f runFile) about {
	a := about{command: "(adopted)", port: f.Port, safe: f.Safe}
	p, err := process.NewProcess(int32(f.PID))
	if err != nil {
		return a
	}
	if cmd, err := p.CmdlineSlice(); err == nil {
		a.command = strings.Join(cmd, " ")
	}
	if ms, err := p.CreateTime(); err == nil {
		a.created = time.UnixMilli(ms)
	}
	return a
}

// watchEvery is how often we look at a process that is not our child, when the system does
// not tell of its end.
const watchEvery = 500 * time.Millisecond

// watch is the goroutine that waits for the end of a process that is not our child.
func (c *child) watch() {
	exit, err := c.awaitEnd()
	for err != nil {
		if alive, look := lives(c.identity); look == nil && !alive {
			err = nil
			continue
		}
		time.Sleep(watchEvery)
	}
	c.exit = exit
	close(c.done)
}

// unknownExit is the Exit of a process when the system does not tell how it ended.
var unknownExit = Exit{Code: -1}

func (c *child) PID() int              { return c.pid }
func (c *child) StartedAt() time.Time  { return c.about.created }
func (c *child) Command() string       { return c.about.command }
func (c *child) Port() int             { return c.about.port }
func (c *child) Safe() bool            { return c.about.safe }
func (c *child) Lines() <-chan Line    { return c.out.lines }
func (c *child) Done() <-chan struct{} { return c.done }
func (c *child) Exit() Exit            { return c.exit }

// Activity is the CPU time that the process has used or waited for, and whether it is
// stopped.
func (c *child) Activity(ctx context.Context) (cpu time.Duration, stopped bool, err error) {
	type seen struct {
		cpu     time.Duration
		stopped bool
	}
	s, err := call[seen]{what: fmt.Sprintf("looking at process %d", c.pid), do: func() (s seen, err error) {
		s.cpu, s.stopped, err = activity(c.pid)
		return s, err
	}}.in(ctx, &c.lanes.activity)
	return s.cpu, s.stopped, err
}

// Owns reports whether pid is the process itself or carries its mark, as the child of a
// launcher does, or a worker process that listens. A process that cannot be looked at is
// not ours.
func (c *child) Owns(ctx context.Context, pid int) bool {
	if pid == c.pid && !closed(c.done) {
		return true
	}
	ours, err := call[bool]{what: fmt.Sprintf("looking at process %d", pid), do: func() (bool, error) {
		p, err := inspect(pid)
		if err != nil || p.ended {
			return false, err
		}
		return c.kin.mark(c.runID).on(p)
	}}.in(ctx, &c.lanes.owns)
	return ours && err == nil
}

// leads reports whether c.pid is still this process. The error says that the system did
// not let us look.
func (c *child) leads() (bool, error) {
	if closed(c.done) || c.held {
		return !closed(c.done), nil
	}
	return lives(c.identity)
}

func (c *child) Terminate(ctx context.Context) error {
	if leads, err := c.leads(); err != nil || !leads {
		return err
	}
	return c.terminate(ctx)
}

// lookLimit bounds the search for the other processes that Kill has to end. The leader
// must not live on because that search hangs.
const lookLimit = 2 * time.Second

// Kill ends the leader's process group, and then all other processes that are ours:
// OpenClaw's helpers and tool commands have sessions of their own (measured).
func (c *child) Kill(ctx context.Context) error {
	looking, cancel := context.WithTimeout(ctx, lookLimit)
	rest, err := c.family(looking) // before the leader ends, because then its children lose their parent
	cancel()
	errs := []error{err}
	leads, err := c.leads()
	errs = append(errs, err)
	if leads {
		errs = append(errs, c.guard.kill(c.leader))
	}
	for _, p := range rest {
		if p.identity != c.identity {
			errs = append(errs, endProcess(p.identity))
		}
	}
	return errors.Join(errs...)
}

// family lists the living processes that are ours.
func (c *child) family(ctx context.Context) ([]processInfo, error) {
	inside, err := c.guard.members()
	found, err2 := c.kin.living(ctx)
	seen := make(map[int]bool, len(found))
	for _, p := range found {
		seen[p.pid] = true
	}
	for _, p := range inside {
		if !seen[p.pid] {
			found = append(found, p)
		}
	}
	return found, errors.Join(err, err2)
}

func (c *child) Remains(ctx context.Context) ([]int, error) {
	var pids []int
	if !closed(c.done) {
		pids = append(pids, c.pid)
	}
	found, err := c.family(ctx)
	for _, p := range found {
		if p.pid != c.pid || closed(c.done) {
			pids = append(pids, p.pid)
		}
	}
	return pids, err
}

// Release removes the run file and waits until the last output is taken. The run file of a
// process that has not ended stays, so that a later run can find the process.
func (c *child) Release(ctx context.Context) error {
	err := c.forget(ctx)
	err = errors.Join(err, c.out.finish(ctx))
	c.guard.close()
	return err
}

func (c *child) forget(ctx context.Context) error {
	if !closed(c.done) {
		return fmt.Errorf("process %d has not ended", c.pid)
	}
	_, err := call[struct{}]{what: "removing " + c.run, do: func() (struct{}, error) {
		if err := os.Remove(c.run); !errors.Is(err, fs.ErrNotExist) {
			return struct{}{}, err
		}
		return struct{}{}, nil
	}}.in(ctx, &c.lanes.release)
	return err
}

// endProcess ends a process by force. It takes the system's handle of the pid before it
// checks that the pid is still this process, so that it never ends another process that
// gets the pid in between. That the process has ended already is no error.
func endProcess(id identity) error {
	p, err := os.FindProcess(id.pid)
	if err != nil {
		return nil // on Windows only: the process has ended, or we may not end it
	}
	defer p.Release()
	if alive, err := lives(id); err != nil || !alive {
		return err
	}
	return sendSignal(p, os.Kill)
}

// sendSignal sends a signal. That the process has ended already is no error.
func sendSignal(p *os.Process, sig os.Signal) error {
	if err := p.Signal(sig); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// activity is the CPU time that a process has used or waited for, and whether it is
// stopped.
func activity(pid int) (time.Duration, bool, error) {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return 0, false, err
	}
	times, err := p.Times()
	if err != nil {
		return 0, false, fmt.Errorf("process times: %w", err)
	}
	status, err := p.Status()
	stopped := err == nil && len(status) > 0 && status[0] == process.Stop
	used := time.Duration((times.User + times.System) * float64(time.Second))
	return used + waited(pid), stopped, nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
