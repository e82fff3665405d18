package supervisor

import (
	"bytes"
	"os"

	"github.com/fsnotify/fsnotify"
)

const (
	tailChunk = 64 << 10 // bytes read at once
	// maxOutput is when a child's output file is cut back to nothing after it has
	// been read: bounded disk, and no line lost unless the child floods.
	maxOutput = 16 << 20
)

// tail follows one output file of the child and hands out its lines.
type tail struct {
	path string
	emit func(string)

	offset  int64
	partial []byte // an unfinished line, at most maxLine bytes of it
	cut     bool   // the unfinished line was longer: its rest is skipped
}

// run reads what is there, then whenever the file changes, and once more after
// done is closed.
func (t *tail) run(done <-chan struct{}) {
	f, err := os.OpenFile(t.path, os.O_RDWR, 0)
	if err != nil {
		<-done
		return
	}
	defer f.Close()
	changed, stop := watchFile(t.path)
	defer stop()
	for {
		t.read(f)
		select {
		case <-changed:
		case <-done:
			t.read(f)
			t.flush()
			return
		}
	}
}

// watchFile returns a channel that receives when the file may have changed. When
// the system cannot watch files only the end of the process makes the tail read.
func watchFile(path string) (<-chan fsnotify.Event, func()) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, func() {}
	}
	if err := w.Add(path); err != nil {
		w.Close()
		return nil, func() {}
	}
	return w.Events, func() { w.Close() }
}

func (t *tail) read(f *os.File) {
	buf := make([]byte, tailChunk)
	for {
		n, err := f.ReadAt(buf, t.offset)
		t.offset += int64(n)
		t.take(buf[:n])
		if err != nil || n == 0 {
			break
		}
	}
	if t.offset > maxOutput {
		// Whatever came between the last read and this is lost; the writer appends, so it goes on at the start.
		if f.Truncate(0) == nil {
			t.offset = 0
		}
	} else if info, err := f.Stat(); err == nil && info.Size() < t.offset {
		t.offset = 0 // somebody else cut it
	}
}

// take splits bytes into lines, keeping at most maxLine bytes of each.
func (t *tail) take(b []byte) {
	for len(b) > 0 {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		if !t.cut {
			room := maxLine - len(t.partial)
			t.partial = append(t.partial, line[:min(len(line), room)]...)
			if len(line) > room {
				t.cut = true
				t.emit(string(t.partial) + "…")
				t.partial = t.partial[:0]
			}
		}
		if ended {
			if !t.cut {
				t.emit(string(t.partial))
			}
			t.partial, t.cut = t.partial[:0], false
		}
		b = rest
	}
}

func (t *tail) flush() {
	if len(t.partial) > 0 {
		t.emit(string(t.partial))
		t.partial = nil
	}
}
