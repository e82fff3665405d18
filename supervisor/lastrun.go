package supervisor

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shirou/gopsutil/v4/process"
)

// LastRun is what the run file in a state directory tells, without touching
// anything: the pid of the gateway it means (0: there is no such file), and
// whether that process is alive and provably ours, as [Host.Orphan] wants it.
func LastRun(dir string) (pid int, alive bool, err error) {
	data, err := os.ReadFile(filepath.Join(dir, runFileName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	var f runFile
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil {
		return 0, false, err
	}
	p, err := process.NewProcess(int32(f.PID))
	return f.PID, err == nil && createdAt(f.PID).UnixMilli() == f.Created && belongs(p, f.RunID) && !zombie(p), nil
}
