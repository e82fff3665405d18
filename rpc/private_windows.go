package rpc

import "io/fs"

// readableByOthers is always false: what protects a file in a user's profile
// is the profile's access list, which mode bits do not show.
func readableByOthers(fs.FileInfo) bool { return false }
