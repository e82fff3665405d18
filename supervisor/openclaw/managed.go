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
//	runtime/previous           the one before, kept because a Gateway may still run from it
//	runtime/VERSION/files      the size and the name of each file, written last
//	runtime/VERSION/node/      a Node with npm, laid out as its own installers do
//	runtime/VERSION/openclaw/  node_modules/openclaw and what it depends on
//
// VERSION is complete before "current" names it, and the pointer is replaced in one step.
const (
	currentFile = "current"
	// previousFile names the version before, which a running Gateway may still use.
	previousFile = "previous"
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

// replaceFile puts content at path, whole or not at all.
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

// managedAt lays out one version's folder.
func managedAt(dir, goos string) managed {
	m := managed{dir: dir, node: filepath.Join(dir, "node", "bin", "node")}
	if goos == "windows" {
		m.node = filepath.Join(dir, "node", "node.exe")
	}
	m.entry = filepath.Join(dir, "openclaw", "node_modules", "openclaw", "openclaw.mjs")
	return m
}
