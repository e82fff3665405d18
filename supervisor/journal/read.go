package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Reader reads a log while another process writes and rotates it. It does not keep a file
// open between two reads, because Windows could not rotate a file that is open.
type Reader struct {
	Path string // of the current file; the rotated files are in the same folder

	last os.FileInfo // the file that was read last
	read int64       // how many bytes of that file were printed
}

// backups returns the rotated files, oldest first. Their names contain the time, so the
// alphabetical order is the right one.
func (l *Reader) backups() []string {
	ext := filepath.Ext(l.Path)
	files, _ := filepath.Glob(strings.TrimSuffix(l.Path, ext) + "-*" + ext)
	slices.Sort(files)
	return files
}

// Tail prints the last n lines, also from rotated files. It fails when there is no log.
func (l *Reader) Tail(n int, out io.Writer) error {
	f, err := os.Open(l.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no log yet: clawtray has not run here (%s)", l.Path)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if l.last, err = f.Stat(); err != nil {
		return err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	l.read = int64(len(text))
	lines := slices.Collect(strings.Lines(string(text)))
	for _, older := range slices.Backward(l.backups()) {
		if len(lines) >= n {
			break
		}
		if text, err := os.ReadFile(older); err == nil {
			lines = append(slices.Collect(strings.Lines(string(text))), lines...)
		}
	}
	_, err = io.WriteString(out, strings.Join(lines[max(0, len(lines)-max(n, 0)):], ""))
	return err
}

// Follow prints the last n lines, and then every new line until ctx ends.
func (l *Reader) Follow(ctx context.Context, n int, out io.Writer) error {
	return l.follow(ctx, n, out, fsnotify.NewWatcher)
}

// followPoll is the time between two looks at a log where the system does not tell of
// changes.
const followPoll = time.Second

func (l *Reader) follow(ctx context.Context, n int, out io.Writer, watcher func() (*fsnotify.Watcher, error)) error {
	w := NewWatch(filepath.Dir(l.Path), watcher, followPoll) // the folder, because a rotation replaces the file
	defer w.Stop()
	if err := l.Tail(n, out); err != nil {
		return err
	}
	for {
		if err := l.news(out); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.Changes:
		case <-w.Errors:
		case <-w.Poll:
		}
	}
}

// news prints what was written since the last read.
func (l *Reader) news(out io.Writer) error {
	f, err := os.Open(l.Path)
	if errors.Is(err, fs.ErrNotExist) { // a rotation has renamed the file and has not made the new one yet
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(now, l.last) {
		if err := l.rest(out); err != nil {
			return err
		}
		l.last, l.read = now, 0
	}
	n, err := copyFrom(out, f, l.read)
	l.read += n
	return err
}

// rest prints what was written before a rotation and was not read yet. It is in a renamed
// file now.
func (l *Reader) rest(out io.Writer) error {
	found := false
	for _, path := range l.backups() {
		f, err := os.Open(path)
		if err != nil {
			continue // a rotation has removed it meanwhile
		}
		var from int64
		if info, err := f.Stat(); !found && err == nil && os.SameFile(info, l.last) {
			found, from = true, l.read
		}
		if found {
			_, err = copyFrom(out, f, from)
		}
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func copyFrom(out io.Writer, f *os.File, from int64) (int64, error) {
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return 0, err
	}
	return io.Copy(out, f)
}
