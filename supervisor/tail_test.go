package supervisor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
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

// J1: where the system tells nothing of changes, the output is read all the same.
func TestJ1_WithoutFileEvents(t *testing.T) {
	path := filepath.Join(tempDir(t), stdoutName)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, done, ended := make(chan string, 1), make(chan struct{}), make(chan struct{})
	tl := &tail{path: path, poll: true, emit: func(s string) { lines <- s }}
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
	tl := &tail{path: path, poll: true, emit: func(s string) { got = append(got, s) }}
	close(done)
	tl.run(done)
	if len(got) != 2 || got[1] != "last" {
		t.Errorf("got %d lines: %.100q", len(got), got)
	}
}

// J1: what a child wrote faster than we read is skipped but for the newest part,
// the file is cut back, and reading goes on from its new start.
func TestJ1_FarBehind(t *testing.T) {
	f := outputFile(t)
	var got []string
	tl := &tail{path: f.Name(), emit: func(s string) { got = append(got, s) }}
	f.WriteString("first\nhalf a li")
	tl.read(f)
	f.WriteString("ne\n" + strings.Repeat("x", 2*maxUnread) + "\nlast\n")
	for tl.read(f) {
	}
	f.WriteString("after\n")
	tl.read(f)
	if want := []string{"first", "half a li", "last", "after"}; !slices.Equal(got, want) {
		t.Errorf("got %d lines: %.200q", len(got), got)
	}
	if info, err := f.Stat(); err != nil || info.Size() > newest {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
}

// J1: the file is cut although it is not read to its end, and the child had ended.
func TestJ1_CutBeforeTheEnd(t *testing.T) {
	f := outputFile(t)
	var got []string
	tl := &tail{path: f.Name(), emit: func(s string) { got = append(got, s) }, offset: maxUnread}
	if err := f.Truncate(maxUnread + 3*maxOutput); err != nil { // not far enough behind to skip anything
		t.Fatal(err)
	}
	f.WriteString("\nlast\n")
	for tl.read(f) {
	}
	tl.flush()
	if len(got) == 0 || got[len(got)-1] != "last" {
		t.Errorf("got %d lines: %.200q", len(got), got)
	}
	if info, err := f.Stat(); err != nil || info.Size() > newest {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
}

// J1: reading what is there ends, however fast the child is.
func TestJ1_ReadingEnds(t *testing.T) {
	f := outputFile(t)
	lines := 0
	twice := strings.Repeat(strings.Repeat("y", maxLine-1)+"\n", 2)
	tl := &tail{path: f.Name(), emit: func(string) { // each line is answered with two
		if lines++; lines*maxLine < 2*maxOutput {
			f.WriteString(twice)
		}
	}}
	f.WriteString("go\n")
	for !tl.read(f) {
		if lines*maxLine >= 2*maxOutput {
			t.Fatal("it has read everything at once")
		}
	}
	for tl.read(f) {
	}
	if info, err := f.Stat(); err != nil || info.Size() > newest {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
}
