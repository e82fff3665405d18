//go:build unix

package autostart

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

func write(l Login) error {
	path, err := entryPath()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	// A new file beside it, so that no login ever sees half an entry.
	temporary := path + ".new"
	if err := os.WriteFile(temporary, entry(l), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

func remove() error {
	path, err := entryPath()
	if err != nil {
		return err
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// read returns the entry, nil when there is none.
func read() ([]byte, error) {
	path, err := entryPath()
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func current(l Login) (bool, error) {
	b, err := read()
	return bytes.Equal(b, entry(l)), err
}
