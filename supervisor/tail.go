package supervisor

import (
	"bytes"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	tailChunk = 64 << 10 // bytes read at once
	// maxOutput is when a child's output file is cut back to nothing after it has
	// been read: bounded disk, and no line lost unless the child floods.
	maxOutput = 16 << 20
	// maxUnread is how far a child may be ahead of us. Beyond that only the newest
	// part is read: its last words matter most.
	maxUnread = 4 * maxOutput
	newest    = 1 << 20
	// tailPoll is how often to look at a file when the system does not tell of changes.
	tailPoll = 500 * time.Millisecond
)

// tail follows one output file of the child and hands out its lines.
type tail struct {
	path string
	emit func(string)
	poll bool // go by the clock even where the system tells of changes

	buf     []byte
	offset  int64
	partial []byte // an unfinished line, at most maxLine bytes of it
	cut     bool   // the unfinished line was longer: its rest is skipped
}

// run reads what is there, then whenever the file changes, and the rest after
// done is closed.
func (t *tail) run(done <-chan struct{}) {
	f, err := os.OpenFile(t.path, os.O_RDWR, 0)
	if err != nil {
		<-done
		return
	}
	defer f.Close()
	w := watchFile(t.path, t.poll || !tellsGrowth)
	defer w.stop()
	for {
		var more chan struct{}
		if t.read(f) {
			more = make(chan struct{})
			close(more)
		}
		select {
		case <-more:
		case <-w.changes:
		case <-w.errors: // changes may have been missed
		case <-w.poll:
		case <-done:
			// A descendant may still be writing: so much, and no more.
			for n := 0; n <= maxUnread && t.read(f); n += maxOutput {
			}
			t.flush()
			return
		}
	}
}

// watch tells when a file may have changed, by one of its channels.
type watch struct {
	changes <-chan fsnotify.Event
	errors  <-chan error
	poll    <-chan time.Time
	stop    func()
}

// watchFile asks the system for changes, and the clock where that does not work:
// the number of watches is limited per user.
func watchFile(path string, poll bool) watch {
	if !poll {
		w, err := fsnotify.NewWatcher()
		if err == nil {
			if w.Add(path) == nil {
				return watch{changes: w.Events, errors: w.Errors, stop: func() { w.Close() }}
			}
			w.Close()
		}
	}
	t := time.NewTicker(tailPoll)
	return watch{poll: t.C, stop: t.Stop}
}

// read takes in what is there, but not for ever when the child is as fast as we
// are: more says that it did not get to the end.
func (t *tail) read(f *os.File) (more bool) {
	if t.buf == nil {
		t.buf = make([]byte, tailChunk)
	}
	t.catchUp(f, maxUnread)
	more = t.readSome(f, maxOutput)
	// The file of a child that is faster than we are is cut all the same. What it
	// wrote last is read before: perhaps it is not fast, but has ended.
	for range 3 {
		if more && t.offset > maxUnread {
			t.catchUp(f, newest)
			more = t.readSome(f, 2*newest)
		}
	}
	// Whatever came between the last read and this is lost; the writer appends, so it goes on at the start.
	if (t.offset > maxOutput && !more || t.offset > maxUnread) && f.Truncate(0) == nil {
		t.offset = 0
	}
	return more
}

// readSome takes in about limit bytes; more says that it did not get to the end.
func (t *tail) readSome(f *os.File, limit int) (more bool) {
	for n := 0; n < limit; {
		got, err := f.ReadAt(t.buf, t.offset)
		t.offset += int64(got)
		t.take(t.buf[:got])
		n += got
		if err != nil || got == 0 {
			return false
		}
	}
	return true
}

// catchUp goes to the start of a file that somebody else has cut, and to the
// newest part of one of which more than most bytes are unread.
func (t *tail) catchUp(f *os.File, most int64) {
	info, err := f.Stat()
	if err != nil {
		return
	}
	switch unread := info.Size() - t.offset; {
	case unread < 0:
		t.offset = 0
	case unread > most:
		t.flush()
		t.offset, t.cut = info.Size()-newest, true
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
