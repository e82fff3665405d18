package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// linkError says that there is a symbolic link in the place of a file of clawtray.
// clawtray does not follow it, because whoever made the link chooses the file that would
// be written.
type linkError struct{ path string }

func (e *linkError) Error() string {
	return e.path + " is not a plain file or folder; clawtray does not follow links there, so remove it"
}

// private makes sure that dir is a folder that only we can change, and that it contains no
// links. It creates the folder when there is none, and refuses one of another user.
func private(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if err := trusted(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := owned(dir); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil { // #nosec G302 -- a folder
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := e.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // another clawtray's socket that has just gone
		case err != nil:
			return err
		case info.Mode()&fs.ModeSymlink != 0:
			return &linkError{path}
		case !mine(info): // put there while the folder was open to others
			return foreign(path, info)
		}
	}
	return nil
}

// owned fails unless dir is a folder of ours, and not a link to one.
func owned(dir string) (fs.FileInfo, error) {
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, &linkError{dir}
	case !mine(info):
		return nil, foreign(dir, info)
	}
	return info, nil
}

// ours fails unless dir is a folder that only we can change.
func ours(dir string) error {
	info, err := owned(dir)
	switch {
	case err != nil:
		return err
	case shared(info):
		return fmt.Errorf("other users can write to %s, so clawtray does not trust what is in it; run `chmod 700 %s`", dir, dir)
	}
	return nil
}

// trusted fails for a folder in which another user could replace a folder of ours. It has
// to belong to us or to root, and must be sticky when everybody can write to it.
func trusted(dir string) error {
	info, err := os.Stat(dir) // a link is allowed here, because many people keep parts of their home elsewhere
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", dir)
	case !mine(info) && !systems(info):
		return foreign(dir, info)
	case open(info) && info.Mode()&fs.ModeSticky == 0:
		return fmt.Errorf("every user can change %s, so clawtray keeps nothing in it", dir)
	}
	return nil
}

func foreign(path string, info fs.FileInfo) error {
	return fmt.Errorf("%s belongs to %s, so clawtray neither uses it nor trusts what is in it", path, ownerName(info))
}
