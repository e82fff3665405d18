package settings

import "io/fs"

// OpenToOthers returns false: a file in a user's profile inherits an access list for that
// user alone, and its mode says nothing.
func OpenToOthers(fs.FileInfo) bool { return false }
