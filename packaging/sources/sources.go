// Package sources finds the Go files of this repository, for tests that read them. Its own
// tests check which package may import which, and that SECURITY.md names tests that exist.
package sources

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// Walk calls visit with the path of each Go file below root, the top folder of the
// repository. It ends with the first error, and returns that. It leaves out what make builds
// and Git's own files, because go test would repeat a test that has looked at them whenever
// they change.
func Walk(root string, visit func(path string) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "build", "dist", "dist-repos"}, d.Name()):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		return visit(path)
	})
}
