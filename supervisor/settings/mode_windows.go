package settings

import "io/fs"

// OpenToOthers is false: a file below a user's profile is the user's alone, by
// the access list it inherits, and its mode says nothing.
func OpenToOthers(fs.FileInfo) bool { return false }
