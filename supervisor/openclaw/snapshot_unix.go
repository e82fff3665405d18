//go:build unix

package openclaw

import (
	"io/fs"
	"os"
	"syscall"
)

// keepGroup gives a file the group of the file that it will replace. If we may not give it
// that group, the group stays as it is, because the file is still the user's own.
func keepGroup(f *os.File, old fs.FileInfo) {
	if stat, ok := old.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(-1, int(stat.Gid))
	}
}

// syncFolder makes a rename survive a power failure, if the file system can do that.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		f.Close()
	}
}
