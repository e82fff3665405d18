package openclaw

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// leasesDir is a folder in each managed version. It contains one file for each Gateway that
// was started from that version. The name of the file is the process id, its content the
// start time of the process in milliseconds since 1970.
const leasesDir = "leases"

// startSlack is how many milliseconds the start time of a process may differ from its
// lease. Linux computes start times from the time of the boot, which changes when the clock
// is set.
const startSlack = int64(time.Minute / time.Millisecond)

// Lease records that process pid runs from r, so that Install and Remove keep r's files
// while that process lives, even after clawtray has ended. The path of the running program
// does not show that, because the Node that runs a managed OpenClaw may be installed
// elsewhere. For a runtime outside dataDir, Lease does nothing. It fails when the process
// does not exist or the lease cannot be written.
func (r Runtime) Lease(dataDir string, pid int) error {
	began, err := began(int32(pid))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range r.managedDirs(dataDir) {
		dir = filepath.Join(dir, leasesDir)
		errs = append(errs, os.MkdirAll(dir, 0o700))
		dropLeases(dir)
		errs = append(errs, replaceFile(filepath.Join(dir, strconv.Itoa(pid)), []byte(strconv.FormatInt(began, 10)+"\n")))
	}
	return errors.Join(errs...)
}

// managedDirs returns the folders of the managed versions that contain r's Node or OpenClaw.
func (r Runtime) managedDirs(dataDir string) []string {
	root := managedDir(dataDir)
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	dirs := map[string]bool{}
	for _, path := range []string{r.Node, r.Entry} {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
			name, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
			dirs[filepath.Join(root, name)] = true
		}
	}
	var list []string
	for dir := range dirs {
		list = append(list, dir)
	}
	return list
}

// began returns when a process started, in milliseconds since 1970.
func began(pid int32) (int64, error) {
	p, err := process.NewProcess(pid)
	if err != nil {
		return 0, err
	}
	return p.CreateTime()
}

// lessee returns the process id of a lease whose process still lives, and 0 for any other file.
func lessee(path string) int32 {
	pid, err := strconv.ParseInt(filepath.Base(path), 10, 32)
	raw, _, readErr := readLimited(path, maxPointer)
	noted, numErr := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	now, beganErr := began(int32(pid))
	if errors.Join(err, readErr, numErr, beganErr) != nil || now-noted > startSlack || noted-now > startSlack {
		return 0
	}
	return int32(pid)
}

// dropLeases removes the leases of processes that have ended.
func dropLeases(dir string) {
	leases, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, path := range leases {
		if lessee(path) == 0 {
			os.Remove(path)
		}
	}
}

// users returns the processes that run from the version in dir: those that have a lease, and those
// whose program file is below dir.
func users(ctx context.Context, dir string) ([]int32, error) {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	list, err := process.ProcessesWithContext(ctx)
	if err != nil {
		return nil, err
	}
	var pids []int32
	for _, p := range list {
		if exe, err := p.ExeWithContext(ctx); err == nil && strings.HasPrefix(exe, dir+string(filepath.Separator)) {
			pids = append(pids, p.Pid)
		}
	}
	leases, err := os.ReadDir(filepath.Join(dir, leasesDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, lease := range leases {
		if pid := lessee(filepath.Join(dir, leasesDir, lease.Name())); pid != 0 {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
