//go:build unix

package doctor

import "golang.org/x/sys/unix"

// writable returns nil when files can be created in a folder; the error says why not.
func writable(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }
