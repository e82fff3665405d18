package rpc

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxPrivateFile bounds what is read of an identity or token file, in bytes;
// real ones are below 1 KiB per gateway.
const maxPrivateFile = 1 << 20

// PermissionError says that a file with a secret can be read by others.
type PermissionError struct {
	Path string
	Mode fs.FileMode
}

// Error says what to do.
func (e *PermissionError) Error() string {
	return fmt.Sprintf("%s can be read by other users (mode %04o): run chmod 600 %q, or delete it if others may have read it", e.Path, e.Mode.Perm(), e.Path)
}

// readPrivate reads a file that only its owner may read.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
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

// writePrivate writes a file with mode 0600 so that it is there whole or not
// at all. Without replace an existing file is kept and the error is fs.ErrExist.
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
	err = os.Link(f.Name(), path) // unlike Rename it never replaces
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(f.Name(), path) // a file system without links
}
