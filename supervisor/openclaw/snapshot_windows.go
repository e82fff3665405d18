package openclaw

import (
	"io/fs"
	"os"
)

// keepGroup does nothing on Windows, because a new file inherits its permissions from its
// folder.
func keepGroup(*os.File, fs.FileInfo) {}

// syncFolder does nothing on Windows, because the file system's journal keeps a rename.
func syncFolder(string) {}
