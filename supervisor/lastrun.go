package supervisor

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// LastRun is what the run file in a state directory tells, without touching
// anything: the pid of the gateway it means (0: there is no such file), and
// whether that process is alive and provably ours, as [Host.Orphan] wants it.
func LastRun(dir string) (pid int, alive bool, err error) {
	f, err := readRunFile(filepath.Join(dir, runFileName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return f.PID, stranger(f) == "", nil
}
