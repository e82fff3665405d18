package main

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

	"github.com/fsnotify/fsnotify"
	"github.com/spf13/cobra"

	"clawtray/supervisor/settings"
)

// logLines is how many lines `clawtray logs` prints unless told otherwise.
const logLines = 100

// logs prints clawtray's log, in which the gateway's lines are, too.
func logs(f *flags) *cobra.Command {
	var follow bool
	var n int
	c := &cobra.Command{Use: "logs", Short: "Print the log of clawtray and its gateway"}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is written from now on, until interrupted")
	c.Flags().IntVarP(&n, "lines", "n", logLines, "how many of the last lines")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		l := rotatedLog{path: settings.Places(f.profile).Log()}
		out := cmd.OutOrStdout()
		if follow {
			return l.follow(cmd.Context(), n, out)
		}
		return l.tail(n, out)
	}
	return c
}

// rotatedLog reads a log that is written and rotated meanwhile. It keeps no file
// open between two looks, because Windows would refuse to rotate it.
type rotatedLog struct {
	path string
	last os.FileInfo // the file that was read last
	read int64       // how much of it
}

// backups are the rotated files, oldest first: their names carry the time.
func (l *rotatedLog) backups() []string {
	ext := filepath.Ext(l.path)
	files, _ := filepath.Glob(strings.TrimSuffix(l.path, ext) + "-*" + ext)
	slices.Sort(files)
	return files
}

// tail prints the last n lines, those of rotated files included.
func (l *rotatedLog) tail(n int, out io.Writer) error {
	f, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no log yet: clawtray has not run here (%s)", l.path)
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

// follow prints the last n lines, and every later one until ctx ends.
func (l *rotatedLog) follow(ctx context.Context, n int, out io.Writer) error {
	changes, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer changes.Close()
	// The folder, not the file: a rotation puts another file in its place.
	if err := changes.Add(filepath.Dir(l.path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := l.tail(n, out); err != nil {
		return err
	}
	for {
		if err := l.news(out); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changes.Events:
		case err := <-changes.Errors:
			return err
		}
	}
}

// news prints what was written since the last look.
func (l *rotatedLog) news(out io.Writer) error {
	f, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) { // between the two steps of a rotation
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

// rest prints what was written before a rotation, which has another name now.
func (l *rotatedLog) rest(out io.Writer) error {
	found := false
	for _, path := range l.backups() {
		f, err := os.Open(path)
		if err != nil {
			continue // removed meanwhile
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
