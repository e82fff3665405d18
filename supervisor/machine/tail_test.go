package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// outputFile is a child's empty output file, open as the child has it.
func outputFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(tempDir(t), stdoutName), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// J1: the output is also read when the system does not tell of changes.
func TestJ1_WithoutFileEvents(t *testing.T) {
	path := filepath.Join(tempDir(t), stdoutName)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, done, ended := make(chan string, 1), make(chan struct{}), make(chan struct{})
	tl := &tail{path: path, poll: true, emit: func(s string) bool { lines <- s; return true }}
	go func() {
		tl.run(done)
		close(ended)
	}()
	f.WriteString("first\n")
	if got := <-lines; got != "first" {
		t.Errorf("got %q", got)
	}
	f.WriteString("second\n")
	if got := <-lines; got != "second" {
		t.Errorf("got %q", got)
	}
	close(done)
	<-ended
}

// J1: the last words of a child that wrote much and ended are not lost.
func TestJ1_TheRestAfterTheEnd(t *testing.T) {
	path := filepath.Join(tempDir(t), stdoutName)
	if err := os.WriteFile(path, []byte(strings.Repeat("x", 3*maxOutput)+"\nlast\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	done := make(chan struct{})
	tl := &tail{path: path, poll: true, emit: func(s string) bool { got = append(got, s); return true }}
	close(done)
	tl.run(done)
	if len(got) != 2 || got[1] != "last" {
		t.Errorf("got %d lines: %.100q", len(got), got)
	}
}

// J1: when a child writes faster than we read, all but the newest part is skipped, the file
// is cut, and reading goes on at its new start.
func TestJ1_FarBehind(t *testing.T) {
	f := outputFile(t)
	var got []string
	tl := &tail{file: f, noHoles: true, emit: func(s string) bool { got = append(got, s); return true }}
	f.WriteString("first\nhalf a li")
	tl.read()
	f.WriteString("ne\n" + strings.Repeat("x", 2*maxUnread) + "\nlast\n")
	for tl.read() {
	}
	f.WriteString("after\n")
	tl.read()
	if len(got) == 5 && strings.Contains(got[2], "were skipped") {
		got = slices.Delete(got, 2, 3)
	}
	if want := []string{"first", "half a li", "last", "after"}; !slices.Equal(got, want) {
		t.Errorf("got %d lines: %.200q", len(got), got)
	}
	if info, err := f.Stat(); err != nil || info.Size() > newest {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
}

// J1: the file of a child that has ended is cut, although it was not read to its end.
func TestJ1_CutBeforeTheEnd(t *testing.T) {
	f := outputFile(t)
	var got []string
	tl := &tail{file: f, noHoles: true, emit: func(s string) bool { got = append(got, s); return true }, offset: maxUnread}
	if err := f.Truncate(maxUnread + 3*maxOutput); err != nil { // not far enough behind to skip anything
		t.Fatal(err)
	}
	f.WriteString("\nlast\n")
	for tl.read() {
	}
	tl.flush()
	if len(got) == 0 || got[len(got)-1] != "last" {
		t.Errorf("got %d lines: %.200q", len(got), got)
	}
	if info, err := f.Stat(); err != nil || info.Size() > newest {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
}

// J1: one read ends, however fast the child writes.
func TestJ1_ReadingEnds(t *testing.T) {
	f := outputFile(t)
	lines := 0
	twice := strings.Repeat(strings.Repeat("y", maxLine-1)+"\n", 2)
	tl := &tail{file: f, noHoles: true, emit: func(string) bool { // each line is answered with two
		if lines++; lines*maxLine < 2*maxOutput {
			f.WriteString(twice)
		}
		return true
	}}
	f.WriteString("go\n")
	for !tl.read() {
		if lines*maxLine >= 2*maxOutput {
			t.Fatal("it has read everything at once")
		}
	}
	for tl.read() {
	}
	if info, err := f.Stat(); err != nil || info.Size() > newest {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
}

func TestJ1_LinesAreCapped(t *testing.T) {
	var lines []string
	tl := &tail{emit: func(s string) bool { lines = append(lines, s); return true }}
	tl.take([]byte("short\n"))
	for range 10_000 {
		tl.take(bytes.Repeat([]byte("x"), 1000)) // ten million bytes without an end
	}
	tl.take([]byte("rest of it\nnext\nunfinished"))
	tl.flush()
	if len(lines) != 4 || lines[0] != "short" || len(lines[1]) > maxLine+4 || lines[2] != "next" || lines[3] != "unfinished" {
		t.Errorf("%d lines, the second of %d bytes", len(lines), len(lines[1]))
	}
	if cap(tl.partial) > 2*maxLine {
		t.Errorf("%d bytes are kept", cap(tl.partial))
	}
}

func TestJ1_TheFileIsFollowedAndKeptSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintln(f, "first")
	long := strings.Repeat("y", maxLine-1)
	for range maxOutput/maxLine + 10 {
		fmt.Fprintln(f, long)
	}
	written := space(t, path)
	lines := make(chan string, 100_000)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		(&tail{path: path, emit: func(s string) bool { lines <- s; return true }}).run(done)
	}()
	if got := <-lines; got != "first" {
		t.Errorf("got %q", got)
	}
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for range look.C {
		if space(t, path) < written/2 {
			break
		}
	}
	fmt.Fprintln(f, "after the space was given back")
	got := ""
	for got = <-lines; got == long; got = <-lines {
	}
	if got != "after the space was given back" {
		t.Errorf("got %.20q", got)
	}
	close(done)
	<-ended
	if n := space(t, path); n > maxOutput/2 {
		t.Errorf("the file takes %d bytes", n)
	}
}

// XH7: a child that goes on after its file was cut writes at the new start. On Windows it is
// not enough for that to open the file for appending.
func TestXH7_NoHoleAfterACut(t *testing.T) {
	dir := tempDir(t)
	files, err := openOutput(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer files.closeReaders()
	defer files.closeWriters()
	for i, f := range files.write {
		f.WriteString("what is cut\n")
		if err := files.read[i].Truncate(0); err != nil {
			t.Fatal(err)
		}
		f.WriteString("new\n")
		if got, err := os.ReadFile(f.Name()); err != nil || string(got) != "new\n" {
			t.Errorf("the file holds %q, %v", got, err)
		}
	}
}

// XH6: a reader that is slower than the child loses no line, because the file is the buffer.
func TestXH6_ABurstIsNotLost(t *testing.T) {
	const n = 20 * lineBuffer
	c := launch(t, "burst", fmt.Sprintf("%s=%d", countVar, n))
	ended(t, c)
	lines := 0
	for l := range c.Lines() {
		if want := fmt.Sprint("line ", lines); l.Text != want || !l.Stderr {
			t.Fatalf("got %+v, want %q", l, want)
		}
		lines++
	}
	if lines != n {
		t.Errorf("got %d lines of %d", lines, n)
	}
}

// XH6: lines that nobody takes do not delay the end of the process or a caller that waits
// for it.
func TestXH6_NobodyTakesTheLines(t *testing.T) {
	c := launch(t, "burst", fmt.Sprintf("%s=%d", countVar, 20*lineBuffer))
	ended(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	released := make(chan error)
	go func() { released <- c.Release(ctx) }()
	eventually(t, "the run file is gone", func() bool {
		_, err := os.Stat(c.run)
		return os.IsNotExist(err)
	})
	cancel()
	if err := <-released; !errors.Is(err, context.Canceled) {
		t.Errorf("that output was dropped is told as %v", err)
	}
	for range c.Lines() { // ends
	}
}

// XH3: a process that has not ended keeps its run file, so that a later run can find it.
func TestXH3_TheRunFileStaysWithALivingProcess(t *testing.T) {
	c := launch(t, "stubborn")
	hears(t, c, "ready")
	if err := c.forget(t.Context()); err == nil {
		t.Error("a living process is said to be forgotten")
	}
	if f, err := readRunFile(c.run); err != nil || f.PID != c.PID() {
		t.Errorf("the run file: %+v, %v", f, err)
	}
}

// XH8: what a file holds before the process is taken over is not handed out, not even the
// rest of a line.
func TestXH8_TheTailBeginsAtTheEnd(t *testing.T) {
	for before, want := range map[string][]string{
		"":                      {"first", "second"},
		"EACCES of yesterday\n": {"first", "second"},
		"EACCES of yester":      {"second"},
	} {
		dir := tempDir(t)
		path := filepath.Join(dir, stderrName)
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		o, done := newOutput(), make(chan struct{})
		o.resume(dir, done)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString("first\nsecond\n")
		f.Close()
		close(done)
		var got []string
		for l := range o.lines {
			got = append(got, l.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("after %q: %q", before, got)
		}
	}
}
