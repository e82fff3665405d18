package openclaw

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The managed runtime's layout under the data directory:
//
//	runtime/current            the name of the version in use, one line
//	runtime/VERSION/node/      a Node with npm, laid out as its own installers do
//	runtime/VERSION/openclaw/  node_modules/openclaw and what it depends on
//
// VERSION is complete whenever "current" names it: Install builds it beside and renames.
const (
	currentFile = "current"
	// maxPointer bounds what is read of the pointer file.
	maxPointer = 256
)

// managed is the installed managed runtime.
type managed struct {
	dir   string
	node  string
	entry string
}

func managedDir(dataDir string) string { return filepath.Join(dataDir, "runtime") }

// readManaged finds the managed runtime in use; fs.ErrNotExist when there is none.
func readManaged(dataDir, goos string) (managed, error) {
	root := managedDir(dataDir)
	raw, _, err := readLimited(filepath.Join(root, currentFile), maxPointer)
	if err != nil {
		return managed{}, err
	}
	name := strings.TrimSpace(string(raw))
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return managed{}, fmt.Errorf("%s names no version; run \"clawtray install\"", filepath.Join(root, currentFile))
	}
	m := managedAt(filepath.Join(root, name), goos)
	for _, path := range []string{m.node, m.entry} {
		if _, err := os.Stat(path); err != nil {
			return managed{}, fmt.Errorf("the managed runtime is incomplete (%w); run \"clawtray install\"", plain(err))
		}
	}
	return m, nil
}

// managedAt lays out one version's folder.
func managedAt(dir, goos string) managed {
	m := managed{dir: dir, node: filepath.Join(dir, "node", "bin", "node")}
	if goos == "windows" {
		m.node = filepath.Join(dir, "node", "node.exe")
	}
	m.entry = filepath.Join(dir, "openclaw", "node_modules", "openclaw", "openclaw.mjs")
	return m
}
