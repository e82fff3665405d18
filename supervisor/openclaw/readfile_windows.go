package openclaw

import "io/fs"

// openWithoutWaiting has no flags on Windows, because a file name is never the name of a
// pipe.
const openWithoutWaiting = 0

// foreign and linkedTwice always return false on Windows, because the answer would need
// another opening of the file. OpenClaw makes these checks itself.
func foreign(fs.FileInfo) bool { return false }

func linkedTwice(fs.FileInfo) bool { return false }
