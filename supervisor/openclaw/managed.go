package openclaw

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The managed runtime's layout under the data directory:
//
//	runtime/current            the name of the version in use, one line
//	runtime/previous           the version before, so that a person can go back
//	runtime/VERSION/files      the size and the name of each file, written last
//	runtime/VERSION/leases/    which processes run from it
//	runtime/VERSION/node/      a Node with npm, laid out as its own installers do
//	runtime/VERSION/openclaw/  node_modules/openclaw and what it depends on
//
// VERSION is complete before "current" names it, and the pointer is replaced in one step.
const (
	currentFile = "current"
	// previousFile contains the name of the version before.
	previousFile = "previous"
	// maxPointer limits the size of a pointer file.
	maxPointer = 256
)

// managed is the installed managed runtime.
type managed struct {
	dir   string
	node  string
	entry string
}

func managedDir(dataDir string) string { return filepath.Join(dataDir, "runtime") }

// readManaged returns the current managed runtime. The error is fs.ErrNotExist when there
// is none, and that of CheckPrivate when another user could have written it.
func readManaged(dataDir, goos string) (managed, error) {
	root := managedDir(dataDir)
	if err := CheckPrivate(root); err != nil {
		return managed{}, err
	}
	raw, _, err := readLimited(filepath.Join(root, currentFile), maxPointer)
	if err != nil {
		return managed{}, err
	}
	name := strings.TrimSpace(string(raw))
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return managed{}, fmt.Errorf("%s names no version", filepath.Join(root, currentFile))
	}
	m := managedAt(filepath.Join(root, name), goos)
	for _, path := range []string{m.node, m.entry} {
		if _, err := os.Stat(path); err != nil {
			return managed{}, fmt.Errorf("the managed runtime is incomplete (%w)", plain(err))
		}
	}
	return m, nil
}

// replaceFile writes content to path completely or not at all.
func replaceFile(path string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(content)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// managedAt returns the paths in one version's folder.
func managedAt(dir, goos string) managed {
	m := managed{dir: dir, node: filepath.Join(dir, "node", "bin", "node")}
	if goos == "windows" {
		m.node = filepath.Join(dir, "node", "node.exe")
	}
	m.entry = filepath.Join(dir, "openclaw", "node_modules", "openclaw", "openclaw.mjs")
	return m
}
