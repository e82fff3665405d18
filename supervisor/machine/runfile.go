package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
)

const runFileName = "gateway-run.json"

// runFile is what a later run of clawtray needs to recognise the gateway of this run. A
// living process counts as that gateway only when pid, start time and run id match. The
// files of older versions of clawtray have no more than these three.
type runFile struct {
	PID   int    `json:"pid"`
	Start int64  `json:"start"` // of the process, in the unit that inspect gives
	RunID string `json:"runId"`
	Port  int    `json:"port,omitempty"`
	// Branded says that all that the gateway starts has the brand of the run, see
	// brand_linux.go.
	Branded bool `json:"branded,omitempty"`
	Safe    bool `json:"safe,omitempty"` // without channels and plugins

	// The clawtray that started the gateway. While it lives, no other takes the gateway over.
	OwnerPID   int   `json:"ownerPid,omitempty"`
	OwnerStart int64 `json:"ownerStart,omitempty"`
}

// mark is the mark of the run that wrote the file.
func (f runFile) mark() mark {
	if f.Branded {
		return withBrand(f.RunID)
	}
	return unbranded(f.RunID, f.OwnerStart)
}

func (f runFile) leader() identity { return identity{f.PID, f.Start} }
func (f runFile) owner() identity  { return identity{f.OwnerPID, f.OwnerStart} }

// readRunFile reads the run file of an earlier run.
func readRunFile(path string) (f runFile, err error) {
	if err := readSmallFile(path, &f); err != nil {
		return f, err
	}
	if f.PID <= 0 || f.PID > math.MaxInt32 || f.RunID == "" {
		return f, fmt.Errorf("pid %d, run id %q", f.PID, f.RunID)
	}
	return f, nil
}

// stranger says why the process with the pid of a run file is not the gateway of that
// file, or "" when it is. The error says that the system did not let us look.
func stranger(f runFile) (string, error) {
	info, err := inspect(f.PID)
	switch {
	case errors.Is(err, errGone) || err == nil && info.ended:
		return "no process has its pid", nil
	case err != nil:
		return "", err
	case info.start != f.Start:
		return "its pid is another process by now: the start times differ", nil
	}
	ours, err := unbranded(f.RunID, 0).environment(f.PID)
	if err != nil {
		return "", err
	}
	if !ours {
		return "its pid is another process by now: it does not carry the run id", nil
	}
	return "", nil
}

// LastRun reads the run file in a state directory and changes nothing. pid is that of the
// gateway, or 0 when there is no run file. alive says that the process lives and is
// provably that gateway, so that [Machine.Orphan] would take it over.
func LastRun(dir string) (pid int, alive bool, err error) {
	f, err := readRunFile(filepath.Join(dir, runFileName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	why, err := stranger(f)
	return f.PID, why == "" && err == nil, err
}
