//go:build unix

package doctor

import "golang.org/x/sys/unix"

// writable says why files cannot be made in a folder.
func writable(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }
