//go:build unix

package autostart

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

func (l Login) write() error {
	path, err := l.path()
	if err != nil {
		return err
	}
	before, err := l.read()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// Write a new file and rename it, so that no login ever reads an incomplete entry.
	temporary := path + ".new"
	if err := os.WriteFile(temporary, l.entry(before), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

func (l Login) remove() error {
	path, err := l.path()
	if err != nil {
		return err
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// read returns the entry; nil when there is none.
func (l Login) read() ([]byte, error) {
	path, err := l.path()
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}
