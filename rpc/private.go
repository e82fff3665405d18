package rpc

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// maxPrivateFile bounds what is read of an identity file or a token file, in bytes. Real
// files have less than 1 KiB for each gateway.
const maxPrivateFile = 1 << 20

// PermissionError says that other users can read a file with a secret. It does not
// occur on Windows, where the user's profile protects the file.
type PermissionError struct {
	Path string
	Mode fs.FileMode
}

// Error also says what to do.
func (e *PermissionError) Error() string {
	return fmt.Sprintf("%s can be read by other users (mode %04o): run chmod 600 %q, or delete it if others may have read it", e.Path, e.Mode.Perm(), e.Path)
}

// errNoPath says that a path was needed and is empty.
var errNoPath = errors.New("no file is named")

// withLock runs do while no other process or goroutine runs one for the same path. On a
// file system without locks, or one that cannot be written, it runs do without a lock:
// what is wrong there shows in do.
func withLock(path string, do func() error) error {
	if path == "" {
		return errNoPath
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	name := path + ".lock"
	for {
		lock := flock.New(name, flock.SetPermissions(0o600))
		if lock.Lock() != nil {
			return do()
		}
		if isFile(lock, name) {
			defer lock.Unlock()
			defer os.Remove(name) // while the lock is held; Windows keeps the file, which does no harm
			return do()
		}
		_ = lock.Unlock() // whoever had the lock before has removed the file, and others lock a new one
	}
}

// isFile reports whether the file that is locked still has this name.
func isFile(lock *flock.Flock, name string) bool {
	locked, err := lock.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(name)
	return err == nil && os.SameFile(locked, now)
}

// readPrivate reads a file that nobody but its owner can read.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // to open a pipe would wait for its writer
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if readableByOthers(info) {
		return nil, &PermissionError{Path: path, Mode: info.Mode()}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxPrivateFile))
}

// writePrivate writes a file with mode 0600. The file has all of data or does not exist.
// Without replace an existing file stays, and the error is fs.ErrExist.
func writePrivate(path string, data []byte, replace bool) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if replace {
		return os.Rename(f.Name(), path)
	}
	err = os.Link(f.Name(), path) // unlike Rename, Link never replaces a file
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(f.Name(), path) // a file system without links
}
