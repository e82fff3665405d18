package rpc

import "io/fs"

// readableByOthers is false, because the mode does not say who can read a file here. The
// access list of the user's profile protects the file.
func readableByOthers(fs.FileInfo) bool { return false }
