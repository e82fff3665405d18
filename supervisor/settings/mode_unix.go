//go:build unix

package settings

import "io/fs"

// OpenToOthers reports whether other users of this machine may read the file.
func OpenToOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }
