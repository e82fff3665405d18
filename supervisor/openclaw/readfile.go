package openclaw

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// maxConfigSize limits one configuration file. OpenClaw itself has no limit; files that
// people write have some kilobytes.
const maxConfigSize = 8 << 20

var (
	errNotRegular = errors.New("not a regular file")
	errTooLarge   = errors.New("the file is too large")
)

// readLimited reads a regular file of at most limit bytes, and returns when it was last
// changed. It never waits for the other end of a pipe or for a device.
func readLimited(path string, limit int64) ([]byte, time.Time, error) {
	raw, info, err := readRegular(path, limit)
	if err != nil {
		return nil, time.Time{}, err
	}
	return raw, info.ModTime(), nil
}

// readRegular is readLimited, but returns all that the system says about the file.
func readRegular(path string, limit int64) ([]byte, fs.FileInfo, error) {
	// Opening a device can have an effect, so check the file before. Check again after
	// opening, because the name may belong to another file by then.
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &fs.PathError{Op: "read", Path: path, Err: errNotRegular}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|openWithoutWaiting, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &fs.PathError{Op: "read", Path: path, Err: errNotRegular}
	}
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, nil, err
	}
	if int64(len(raw)) > limit {
		return nil, nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: it has more than %d bytes", errTooLarge, limit)}
	}
	return raw, info, nil
}

// fileStamp distinguishes two states of a file without reading it. The zero value is that
// of a missing or inaccessible file.
type fileStamp struct {
	size    int64
	changed time.Time
	mode    fs.FileMode
	info    fs.FileInfo // identifies the file (on unix by its inode)
}

func stampOf(path string) fileStamp {
	info, err := os.Stat(path)
	if err != nil {
		return fileStamp{}
	}
	return fileStamp{size: info.Size(), changed: info.ModTime(), mode: info.Mode(), info: info}
}

func (s fileStamp) equal(t fileStamp) bool {
	if s.info == nil || t.info == nil {
		return s.info == nil && t.info == nil
	}
	return s.size == t.size && s.changed.Equal(t.changed) && s.mode == t.mode && os.SameFile(s.info, t.info)
}

// openFiles reads the files of one configuration and keeps the stamp of each of them,
// including missing ones.
type openFiles struct {
	ctx    context.Context
	stamps map[string]fileStamp
	newest time.Time // the latest time of change of all files
	bytes  int64
}

// maxTotalSize limits all files of a configuration together, because the same file can be
// included many times.
const maxTotalSize = 32 << 20

// note records the stamp of a file. Call it before the file is read, so that a change
// during the reading is noticed next time.
func (o *openFiles) note(path string) fileStamp {
	s, ok := o.stamps[path]
	if !ok {
		s = stampOf(path)
		o.stamps[path] = s
	}
	return s
}

// read returns the bytes of a file. The error is a *ConfigError, also when the file is
// missing.
func (o *openFiles) read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	if err := o.ctx.Err(); err != nil {
		return nil, nil, &ConfigError{Kind: ConfigTimeout, Path: path, Err: err}
	}
	o.note(path)
	raw, info, err := readRegular(path, limit)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	if info.ModTime().After(o.newest) {
		o.newest = info.ModTime()
	}
	if o.bytes += int64(len(raw)); o.bytes > maxTotalSize {
		return nil, nil, &ConfigError{Kind: ConfigUnreadable, Path: path, Err: fmt.Errorf("%w: with what it includes, it has more than %d bytes", errTooLarge, maxTotalSize)}
	}
	return raw, info, nil
}

// belongsToAnother reports whether the file at path belongs to another user. When the file
// cannot be accessed, its folder is checked instead.
func belongsToAnother(path string) bool {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrPermission) {
		info, err = os.Stat(filepath.Dir(path))
	}
	return err == nil && foreign(info)
}

// present lists the files that exist, main first.
func (o *openFiles) present(main string) []string {
	files := []string{main}
	for _, path := range slices.Sorted(maps.Keys(o.stamps)) {
		if path != main && o.stamps[path].info != nil {
			files = append(files, path)
		}
	}
	return files
}
