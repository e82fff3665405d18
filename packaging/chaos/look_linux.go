package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"clawtray/packaging/outside"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
)

// observer keeps every status that clawtray publishes, and what was wrong with one.
type observer struct {
	mu    sync.Mutex
	seen  []supervisor.Status
	wrong []string
}

// observe follows one life of clawtray.
func (o *observer) observe(ctx context.Context, home string, client *control.Client, ended <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		<-ended
	}()
	go o.countGateways(ctx, home)
	for last := uint64(0); ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		for s, err := range client.Watch(ctx) {
			if err != nil { // not there yet, or no more
				break
			}
			o.add(s, last)
			last = s.Seq
		}
	}
}

// add keeps a status and holds it against what each status promises.
func (o *observer) add(s supervisor.Status, last uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, s)
	for what, bad := range map[string]bool{
		"comes out of order":                                s.Seq < last,
		"is an error without a cause or a sentence":         s.State == supervisor.Failed && (s.Cause.Code == supervisor.NoCause || s.Error == ""),
		"runs without all four facts":                       s.State == supervisor.Running && !s.Facts.All(),
		"waits for nothing":                                 s.State == supervisor.Reconnecting && s.Phase == supervisor.Waiting && s.NextRetryAt.IsZero(),
		"is idle, and has no word for why":                  s.State == supervisor.Stopped && s.Phase == supervisor.Idle && s.Cause.Code == supervisor.NoCause && s.Seq > 1,
		"is stopped, and names a process that still counts": s.State == supervisor.Stopped && !s.Stopping() && s.Phase == supervisor.Idle && s.PID != 0 && s.Mode == supervisor.Managed,
	} {
		if bad {
			o.wrong = append(o.wrong, fmt.Sprintf("a status %s: %+v", what, s))
		}
	}
}

// countGateways notices two gateways of one user. A process that starts another one
// looks like two for a moment, so two have to stay two.
func (o *observer) countGateways(ctx context.Context, home string) {
	var before []int
	for same := 0; ctx.Err() == nil; time.Sleep(time.Second) {
		now := outside.Gateways(home)
		now = slices.DeleteFunc(now, func(pid int) bool { return decoyMark(pid) })
		if len(now) < 2 || !slices.Equal(now, before) {
			before, same = now, 0
			continue
		}
		if same++; same == 5 {
			o.mu.Lock()
			o.wrong = append(o.wrong, fmt.Sprintf("two gateways at once: %v", now))
			o.mu.Unlock()
		}
	}
}

// decoyMark reports whether a process is a decoy of ours.
func decoyMark(pid int) bool {
	env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return bytes.Contains(env, []byte("of-somebody-else"))
}

// mark is a place in what has been seen.
func (o *observer) mark() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.seen)
}

func (o *observer) newest() (s supervisor.Status) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.seen) > 0 {
		s = o.seen[len(o.seen)-1]
	}
	return s
}

// forget notes that nothing is known of the clawtray that comes next.
func (o *observer) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, supervisor.Status{})
}

// takeWrong returns what was wrong since the last time.
func (o *observer) takeWrong() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	wrong := o.wrong
	o.wrong = nil
	return wrong
}

// until waits for a status, and looks at each one from a mark on, so that no short one is missed.
func (h *house) until(ctx context.Context, from int, ok func(supervisor.Status) bool) (s supervisor.Status, err error) {
	err = wait(ctx, "the status that was waited for", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for ; from < len(h.seen); from++ {
			if s = h.seen[from]; ok(s) {
				return true
			}
		}
		return false
	})
	if err != nil {
		err = fmt.Errorf("%w; the last one is %+v", err, s)
	}
	return s, err
}

func running(s supervisor.Status) bool { return s.State == supervisor.Running }

// suffer lets a fault happen, and waits until clawtray is at rest again.
func (h *house) suffer(ctx context.Context, f fault) (r result) {
	r.name = f.name
	before, from, began := h.newest(), h.mark(), time.Now()
	if h.rested.Seq != 0 && before.PID != h.rested.PID {
		r.violations = append(r.violations, fmt.Sprintf("before it: gateway %d was at rest, now it is %d", h.rested.PID, before.PID))
	}
	fail := func(what string, err error) {
		if err != nil {
			r.violations = append(r.violations, what+": "+err.Error())
		}
	}
	fail("during it", f.do(ctx, h))
	if f.noticed != nil {
		_, err := h.until(ctx, from, func(now supervisor.Status) bool { return f.noticed(before, now) })
		fail("not noticed", err)
	}
	if f.undo != nil {
		fail("at its end", f.undo(ctx, h))
		began = time.Now()
	}
	after, err := h.rest(ctx, f, &r)
	fail("no rest", err)
	r.recovered, h.rested = err == nil && running(after), after
	if !after.ConnectedAt.Equal(before.ConnectedAt) {
		r.lost = time.Since(began)
	}
	if f.undisturbed && !r.person && after.PID != before.PID {
		r.violations = append(r.violations, fmt.Sprintf("gateway %d was to live on, now it is %d", before.PID, after.PID))
	}
	r.violations = append(r.violations, h.takeWrong()...)
	return r
}

// rest waits until the gateway runs and everything is in order. Where clawtray has
// handed over to a person, it plays that person, who has read the cause.
func (h *house) rest(ctx context.Context, f fault, r *result) (s supervisor.Status, err error) {
	var wrong []string
	err = wait(ctx, "rest", func() bool {
		select {
		case <-h.ended:
			wrong = []string{"clawtray has ended"}
			return false
		default:
		}
		s = h.newest()
		switch {
		case s.Stopping():
			return false
		case s.State == supervisor.Running:
			wrong = h.wrongAtRest()
			return len(wrong) == 0
		case s.State == supervisor.Stopped && s.Cause.Code == "":
			return false // clawtray has just started, and starts the gateway after its icon
		case s.State == supervisor.Failed, s.State == supervisor.Stopped && s.Phase == supervisor.Idle:
			if wrong = h.wrongAtRest(); len(wrong) > 0 || s.Seq != h.newest().Seq {
				return false
			}
			if f.alone && slices.Contains(f.gives, s.Cause.Code) {
				wrong = []string{"the fault is over, and nobody but a person starts it again"}
				return false
			}
			if !slices.Contains(slices.Concat(f.gives, budgets), s.Cause.Code) {
				r.violations = append(r.violations, fmt.Sprintf("handed over to a person for %s: %s", s.Cause.Code, s.Error))
			}
		case f.alone, s.NextRetryAt.Sub(s.PhaseSince) < 20*time.Second: // a wait that is worth it
			return false
		}
		r.person = true
		if out, code := h.command(ctx, "start"); code != 0 && h.newest().State == supervisor.Failed {
			r.violations = append(r.violations, fmt.Sprintf("a person's start: exit %d, %s", code, out))
			return true
		}
		return false
	})
	if err != nil {
		err = fmt.Errorf("%w: %q, %+v", err, wrong, s)
	}
	return s, err
}

// wrongAtRest holds what is so, as the system sees it, against what clawtray says.
func (h *house) wrongAtRest() (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	s, err := h.statusCommand()
	if err != nil {
		say("status --json: %v", err)
	}
	gateways := slices.DeleteFunc(outside.Gateways(h.home), decoyMark)
	switch {
	case h.guest != nil:
		if len(h.marked()) > 0 {
			say("processes %v beside the gateway of the user", h.marked())
		}
	case s.State == supervisor.Running:
		if !slices.Equal(gateways, []int{s.PID}) {
			say("the gateways are %v, the status says %d", gateways, s.PID)
		}
		if !outside.Listens(s.PID, h.port) {
			say("gateway %d does not listen on port %d", s.PID, h.port)
		}
	case s.Cause.Code != supervisor.CouldNotEnd:
		if left := h.marked(); len(left) > 0 {
			say("%s (%s), and there are processes %v", s.State, s.Cause.Code, left)
		}
	}
	for _, d := range h.decoys {
		if err := d.Process.Signal(syscall.Signal(0)); err != nil || zombie(d.Process.Pid) {
			say("decoy %d was killed", d.Process.Pid)
		}
	}
	return append(wrong, h.wrongFiles(s)...)
}

// zombie reports whether a process has ended without being waited for.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}

// marked are the processes of clawtray's gateways, without the decoys.
func (h *house) marked() []int { return slices.DeleteFunc(outside.Marked(h.home), decoyMark) }

// wrongFiles looks at what others could read, and whether the user's file is as the user left it.
func (h *house) wrongFiles(s supervisor.Status) (wrong []string) {
	_ = filepath.WalkDir(h.stateDir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it has just gone
		}
		if info, err := d.Info(); err == nil && info.Mode().Perm()&0o077 != 0 {
			wrong = append(wrong, fmt.Sprintf("%s has mode %v", path, info.Mode()))
		}
		return nil
	})
	if h.config != nil && s.State == supervisor.Running {
		if text, err := os.ReadFile(h.configPath()); err != nil || !bytes.Equal(text, h.config) {
			wrong = append(wrong, fmt.Sprintf("the user's configuration is not as it was written: %v, %q", err, text))
		}
	}
	return wrong
}

// statusCommand is what `clawtray status --json` says.
func (h *house) statusCommand() (s supervisor.Status, err error) {
	out, code := h.command(context.Background(), "status", "--json")
	if code != 0 {
		return s, errors.New(out)
	}
	return s, json.Unmarshal([]byte(out), &s)
}

// quit ends clawtray as its user would, and looks at what is left.
func (h *house) quit(ctx context.Context) (wrong []string) {
	if out, code := h.command(ctx, "quit"); code != 0 {
		wrong = append(wrong, fmt.Sprintf("quit: exit %d, %s", code, out))
	}
	if err := wait(ctx, "nothing is left after quit", func() bool {
		return len(h.marked()) == 0 && (h.guest != nil || outside.PortFree(h.port))
	}); err != nil {
		wrong = append(wrong, err.Error())
	}
	if h.guest != nil && zombie(h.guest.process.Process.Pid) {
		wrong = append(wrong, "quitting ended the gateway of the user")
	}
	return append(wrong, h.takeWrong()...)
}
