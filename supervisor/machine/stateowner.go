package machine

import (
	"context"
	"path/filepath"
	"runtime"
)

// StateOwner is a gateway that holds the lock of its state directory, as the lock file
// names it (measured, OpenClaw 2026.8 to 2026.9.6).
type StateOwner struct {
	PID  int `json:"pid"`
	Port int `json:"port"`
	// Start is when the process started; on Linux in clock ticks since the boot.
	Start int64 `json:"startTime"`
}

// StateOwner is the living gateway that holds the lock of a state directory; nil when
// there is none, or when it is not known.
func (m *Machine) StateOwner(ctx context.Context, stateDir string) *StateOwner {
	owner, err := call[*StateOwner]{what: "reading the lock of " + stateDir, do: func() (*StateOwner, error) {
		return ownerOf(stateDir), nil
	}}.in(ctx, &m.lanes.owner)
	if err != nil {
		m.Log.Warn("who owns OpenClaw's state could not be looked up", "err", err)
	}
	return owner
}

func ownerOf(stateDir string) *StateOwner {
	locks, _ := filepath.Glob(filepath.Join(globbed(stateDir), "tmp", "openclaw*", "gateway.state.lock"))
	for _, path := range locks {
		if o := readLock(path); o != nil && o.lives() {
			return o
		}
	}
	return nil
}

// globbed is the name of a folder as a pattern that matches only this folder.
func globbed(dir string) string {
	if runtime.GOOS == "windows" {
		return dir // a backslash does not escape there
	}
	var escaped []rune
	for _, r := range dir {
		if r == '*' || r == '?' || r == '[' || r == '\\' {
			escaped = append(escaped, '\\')
		}
		escaped = append(escaped, r)
	}
	return string(escaped)
}

// readLock reads a lock; nil when it names no process.
func readLock(path string) *StateOwner {
	var o StateOwner
	if readSmallFile(path, &o) != nil || o.PID <= 0 || o.Port < 0 || o.Port > 1<<16-1 {
		return nil
	}
	return &o
}

// lives reports whether the process that took the lock is still alive.
func (o *StateOwner) lives() bool {
	info, err := inspect(o.PID)
	if err != nil || info.ended {
		return false
	}
	return runtime.GOOS != "linux" || o.Start == 0 || o.Start == info.start
}
