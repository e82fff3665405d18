package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"clawtray/supervisor/openclaw"
)

// Repair is what OpenClaw's doctor did to the configuration.
type Repair struct {
	Output string // what it printed, the end of it
	// Gone and Changed are the paths of keys, never values. Both are empty when the file
	// is as it was.
	Gone, Changed []string
	// PutBack: it left a file that nobody can read, so that the copy took its place again.
	PutBack bool
}

var (
	// ErrNoCopy says that there is nothing to put back.
	ErrNoCopy = errors.New("there is no copy of an earlier configuration, or it is the one that is in place")
	// ErrNotForDoctor says that doctor must not change the configuration now.
	ErrNotForDoctor = errors.New("OpenClaw's doctor was not run")
)

const (
	doctorRunName    = "doctor-run.json"
	doctorOutputName = "doctor.log"
	doctorPoll       = 200 * time.Millisecond
	// maxDoctorOutput is how much of the end of what doctor prints is kept, in bytes.
	maxDoctorOutput = 64 << 10
)

// copies is how the names of the copies begin that are kept before doctor.
func (m *Machine) copies() string {
	return filepath.Join(m.StateDir, "config-copies", "before-doctor-")
}

// Repair runs `openclaw doctor --fix` on the configuration e, of which a copy is kept
// before (BEHAVIOUR Q1). Doctor is never cut off while it writes: when ctx ends Repair
// returns, and doctor goes on to its end; until then [Machine.Launch] and the next
// Repair wait for it. An error that is ErrNotForDoctor says why nothing was done.
func (m *Machine) Repair(ctx context.Context, r openclaw.Runtime, e openclaw.Effective) (Repair, error) {
	if err := m.awaitDoctor(ctx); err != nil {
		return Repair{}, err
	}
	return call[Repair]{what: "openclaw doctor", do: func() (Repair, error) {
		if o := ownerOf(e.Paths.StateDir); o != nil {
			return Repair{}, fmt.Errorf("%w: process %d uses OpenClaw's state", ErrNotForDoctor, o.PID)
		}
		before, err := m.keepCopy(e)
		if err != nil {
			return Repair{}, fmt.Errorf("%w: %w", ErrNotForDoctor, err)
		}
		output, err := m.runDoctor(r, e)
		d := m.judge(before)
		d.Output = output
		return d, err
	}}.in(ctx, &m.lanes.repair)
}

// KeepCopy keeps a copy of the configuration for [Machine.Restore]: a person is about to
// run doctor.
func (m *Machine) KeepCopy(ctx context.Context, e openclaw.Effective) error {
	_, err := call[openclaw.Snapshot]{what: "copying " + e.Paths.ConfigPath, do: func() (openclaw.Snapshot, error) {
		return m.keepCopy(e)
	}}.in(ctx, &m.lanes.copies)
	return err
}

// keepCopy keeps what doctor may change, if it may.
func (m *Machine) keepCopy(e openclaw.Effective) (openclaw.Snapshot, error) {
	now := time.Now()
	s, err := openclaw.TakeSnapshot(e, now)
	if err != nil {
		return s, err
	}
	for _, f := range s.Files {
		if err := openclaw.Replaceable(f.Path); err != nil {
			return s, err
		}
	}
	if err := writeCopy(openclaw.CopyName(m.copies(), now), s); err != nil {
		return s, fmt.Errorf("no copy of the configuration could be kept: %w", err)
	}
	return s, openclaw.PruneCopies(m.copies())
}

// doctorRun tells a later clawtray of a doctor that still runs.
type doctorRun struct {
	PID   int   `json:"pid"`
	Start int64 `json:"start"` // in the unit that inspect gives
}

// runDoctor runs it to its end and returns the end of what it printed.
func (m *Machine) runDoctor(r openclaw.Runtime, e openclaw.Effective) (string, error) {
	out, err := os.OpenFile(filepath.Join(m.StateDir, doctorOutputName), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer out.Close()
	cmd := r.Doctor(m.launch(e.Child()))
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return "", err
	}
	run := filepath.Join(m.StateDir, doctorRunName)
	if info, err := inspect(cmd.Process.Pid); err == nil {
		if err := writeCopy(run, doctorRun{info.pid, info.start}); err != nil {
			m.Log.Warn("a later clawtray would not know that OpenClaw's doctor runs", "err", err)
		}
	}
	err = cmd.Wait()
	os.Remove(run)
	size, _ := out.Seek(0, 2)
	end := make([]byte, min(size, maxDoctorOutput))
	n, _ := out.ReadAt(end, size-int64(len(end)))
	return string(end[:n]), err
}

// judge says what doctor changed, and takes care that there still is a configuration.
func (m *Machine) judge(before openclaw.Snapshot) (d Repair) {
	main := before.Files[0]
	after, err := os.ReadFile(main.Path)
	if err == nil {
		var whole bool
		if d.Gone, d.Changed, whole = openclaw.ChangedKeys(main.Content, after); whole || string(after) == string(main.Content) {
			return d
		}
		if _, _, whole = openclaw.ChangedKeys(after, after); whole { // it was doctor that made it readable
			return d
		}
	}
	if err := before.Put(time.Now()); err != nil {
		m.Log.Error("OpenClaw's doctor left no usable configuration, and the copy could not be put back", "err", err)
		return d
	}
	d.PutBack = true
	return d
}

// awaitDoctor waits for a doctor that nobody waited for, also one of an earlier clawtray.
func (m *Machine) awaitDoctor(ctx context.Context) error {
	for {
		var run doctorRun
		if readCopy(filepath.Join(m.StateDir, doctorRunName), &run) != nil {
			return nil
		}
		if alive, err := lives(identity{run.PID, run.Start}); err != nil || !alive {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("OpenClaw's doctor is still at work (pid %d): %w", run.PID, context.Cause(ctx))
		case <-time.After(doctorPoll):
		}
	}
}

// Restore puts back the configuration that was kept before doctor ran last. What is there
// now is kept beside it. It returns when that copy was made, and fails with ErrNoCopy
// when there is none that differs.
func (m *Machine) Restore(ctx context.Context, e openclaw.Effective) (time.Time, error) {
	if err := m.awaitDoctor(ctx); err != nil {
		return time.Time{}, err
	}
	s, err := call[openclaw.Snapshot]{what: "looking for a copy of " + e.Paths.ConfigPath, do: func() (openclaw.Snapshot, error) {
		return m.newestCopy(e.Paths.ConfigPath), nil
	}}.in(ctx, &m.lanes.copies)
	if err == nil && len(s.Files) == 0 {
		err = ErrNoCopy
	}
	if err != nil {
		return time.Time{}, err
	}
	return s.Taken, m.put(ctx, s)
}

// newestCopy is the newest copy of this configuration, if that differs from it; else it
// is without files. An older one is not what a person means who asks twice.
func (m *Machine) newestCopy(path string) openclaw.Snapshot {
	for _, name := range slices.Backward(openclaw.Copies(m.copies())) {
		var s openclaw.Snapshot
		if err := readCopy(name, &s); err != nil {
			m.Log.Warn("a copy of the configuration cannot be read", "path", name, "err", err)
			continue
		}
		if len(s.Files) > 0 && s.Files[0].Path == path {
			if len(s.Differs()) == 0 {
				return openclaw.Snapshot{}
			}
			return s
		}
	}
	return openclaw.Snapshot{}
}

// put puts a snapshot in place. Once begun it goes on to its end.
func (m *Machine) put(ctx context.Context, s openclaw.Snapshot) error {
	_, err := call[struct{}]{what: "writing " + s.Files[0].Path, do: func() (struct{}, error) {
		return struct{}{}, s.Put(time.Now())
	}}.in(ctx, &m.lanes.copies)
	return err
}
