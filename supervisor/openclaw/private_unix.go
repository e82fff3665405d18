//go:build unix

package openclaw

import (
	"io/fs"
	"os"
	"syscall"
)

// nobody is the owner that a user namespace shows for files of the outer root, such as "/" in some
// containers.
const nobody = 65534

func owner(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

func ours(info fs.FileInfo) bool { return owner(info) == os.Geteuid() }

func othersWrite(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }

func anybodyWrites(info fs.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }

// othersReplace reports whether another user may rename the entries of a folder. The sticky bit, which
// /tmp has, prevents that. Write permission for the group is accepted, because many systems give each
// user a group of their own.
func othersReplace(info fs.FileInfo) bool {
	uid := owner(info)
	return !ours(info) && uid != 0 && uid != nobody || anybodyWrites(info) && info.Mode()&fs.ModeSticky == 0
}
