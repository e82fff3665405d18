package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fsnotify/fsnotify"
)

// newTestLog is a log with numbered lines that is rotated as clawtray's is.
func newTestLog(t *testing.T) (path string, write func(n int), rotate func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "clawtray.log")
	lines, rotations := 0, 0
	write = func(n int) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for range n {
			lines++
			fmt.Fprintf(f, "line %d\n", lines)
		}
	}
	return path, write, func() {
		rotations++
		backup := fmt.Sprintf("clawtray-2026-11-22T04-45-00.%03d.log", rotations)
		if err := os.Rename(path, filepath.Join(filepath.Dir(path), backup)); err != nil {
			t.Fatal(err)
		}
		write(0)
	}
}

// numbered are the lines from one number to another.
func numbered(from, to int) string {
	var b strings.Builder
	for ; from <= to; from++ {
		fmt.Fprintf(&b, "line %d\n", from)
	}
	return b.String()
}

func TestL7_LogsTailsOverRotation(t *testing.T) {
	path, write, rotate := newTestLog(t)
	write(3)
	rotate()
	write(3)
	for n, from := range map[int]int{0: 7, 2: 5, 3: 4, 5: 2, 100: 1, -1: 7} {
		var out bytes.Buffer
		if err := (&Reader{Path: path}).Tail(n, &out); err != nil || out.String() != numbered(from, 6) {
			t.Errorf("-n %d: %q, %v", n, out.String(), err)
		}
	}
	if err := (&Reader{Path: path + ".none"}).Tail(1, io.Discard); err == nil || !strings.Contains(err.Error(), "no log yet") {
		t.Errorf("without a log: %v", err)
	}
}

// Every line is printed once and in order, also lines that were written just before a
// rotation or between two rotations.
func TestL7_LogsFollowOverRotation(t *testing.T) { followOverRotation(t, fsnotify.NewWatcher) }

// XW7: the system may allow no more watches.
func TestXW7_LogsFollowWithoutWatches(t *testing.T) {
	followOverRotation(t, func() (*fsnotify.Watcher, error) { return nil, errors.New("too many open files") })
}

func followOverRotation(t *testing.T, watcher func() (*fsnotify.Watcher, error)) {
	path, write, rotate := newTestLog(t)
	write(2)
	ctx, stop := context.WithCancel(t.Context())
	read, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		l := Reader{Path: path}
		ended <- l.follow(ctx, 1, out, watcher)
		out.Close()
	}()
	lines := bufio.NewScanner(read)
	expect := func(from, to int) {
		t.Helper()
		for ; from <= to; from++ {
			if want := fmt.Sprintf("line %d", from); !lines.Scan() || lines.Text() != want {
				t.Fatalf("got %q, want %q", lines.Text(), want)
			}
		}
	}
	expect(2, 2)
	write(1)
	expect(3, 3)
	write(2)
	rotate()
	write(1)
	rotate()
	rotate()
	write(1)
	expect(4, 7)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A reader that reads only now and then misses no line.
func TestL7_NewsAfterSeveralRotations(t *testing.T) {
	path, write, rotate := newTestLog(t)
	l := Reader{Path: path}
	var out bytes.Buffer
	write(1)
	if err := l.Tail(1, &out); err != nil {
		t.Fatal(err)
	}
	write(1)
	rotate()
	write(1)
	rotate()
	write(1)
	if err := l.news(&out); err != nil || out.String() != numbered(1, 4) {
		t.Errorf("got %q, %v", out.String(), err)
	}
}
