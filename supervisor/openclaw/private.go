package openclaw

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// The managed runtime, the file with the result of the last search, and Node's compiled
// code decide which code runs as us. Variables such as XDG_CACHE_HOME or TMPDIR can place
// them below a folder that all users share, where another user can create them first. So
// they are checked before use.

// MakePrivate creates dir with mode 0700 if it is missing. Then it returns the result of CheckPrivate.
func MakePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil && !exists(dir) {
		return err
	}
	return CheckPrivate(dir)
}

// CheckPrivate returns an error if another user could have written into dir, or could replace dir or
// a folder above it. If dir does not exist, the error is fs.ErrNotExist. dir itself must not be a
// link; links above it are followed, and the folders that they lead to are checked. On Windows only
// the link is checked, because a user's folders inherit their protection there.
func CheckPrivate(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case info.Mode().Type()&(fs.ModeSymlink|fs.ModeIrregular) != 0:
		return failed(NotPrivate, "%s is a link", dir)
	case !info.IsDir():
		return failed(NotPrivate, "%s is not a folder", dir)
	case !ours(info):
		return failed(NotPrivate, "%s belongs to another user", dir)
	case othersWrite(info):
		return failed(NotPrivate, "%s can be written by other users", dir)
	}
	above, err := filepath.EvalSymlinks(filepath.Dir(dir))
	for err == nil {
		if info, err = os.Lstat(above); err == nil && othersReplace(info) {
			return failed(NotPrivate, "%s is not safe, because what is in %s can be replaced by other users", dir, above)
		}
		if filepath.Dir(above) == above {
			break
		}
		above = filepath.Dir(above)
	}
	return err
}

// readPrivate reads at most limit bytes of a file, and returns an error if another user could have
// written it. The folder is not checked: another user who may write there can replace the file, but
// the replacement then belongs to that user.
func readPrivate(path string, limit int64) ([]byte, error) {
	named, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !named.Mode().IsRegular() { // opening a pipe waits for its other end
		return nil, failed(NotPrivate, "%s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !os.SameFile(named, info) || !ours(info) || othersWrite(info) {
		return nil, failed(NotPrivate, "%s could have been written by another user", path)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// OpenFolders returns the folders of a PATH that every user may write. Another user can put a program
// such as "node" there, which then runs as us. The sticky bit does not prevent that, because it only
// protects existing files.
func OpenFolders(path string) []string {
	var open []string
	for _, dir := range filepath.SplitList(path) {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			continue
		}
		if info, err := os.Stat(real); err == nil && info.IsDir() && anybodyWrites(info) && !slices.Contains(open, dir) {
			open = append(open, dir)
		}
	}
	return open
}
