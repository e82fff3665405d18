//go:build unix

package control

import (
	"io/fs"
	"os"
	"syscall"

	"clawtray/supervisor/peer"
)

func uid(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

// mine reports whether the file belongs to our user.
func mine(info fs.FileInfo) bool { return uid(info) == os.Geteuid() }

// systems reports whether the file belongs to root.
func systems(info fs.FileInfo) bool { return uid(info) == 0 }

// shared reports whether other users than the owner can write to the file.
func shared(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }

// open reports whether everybody can write to the file.
func open(info fs.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }

func ownerName(info fs.FileInfo) string { return peer.UserName(uid(info), unnamed) }

// unnamed stands before the number of a user without a name.
const unnamed = "the user with the id "

// same reports whether a and b are about the same file.
func same(a, b fs.FileInfo) bool { return os.SameFile(a, b) }
