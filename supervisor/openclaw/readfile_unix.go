//go:build unix

package openclaw

import (
	"io/fs"
	"os"
	"syscall"
)

// openWithoutWaiting are flags that prevent open from waiting for the other end of a pipe.
const openWithoutWaiting = syscall.O_NONBLOCK | syscall.O_NOCTTY

// foreign reports whether a file belongs to another user.
func foreign(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) != os.Geteuid()
}

// linkedTwice reports whether a file has a second name. OpenClaw refuses to include such a
// file.
func linkedTwice(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink > 1
}
