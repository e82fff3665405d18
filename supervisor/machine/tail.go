package machine

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"

	"clawtray/supervisor/journal"
)

const (
	tailChunk = 64 << 10 // bytes read at once
	// maxOutput is how many bytes of an output file are kept on disk after they were read.
	maxOutput = 16 << 20
	// maxUnread is how many bytes of output may be unread. When there are more, only the
	// newest ones are read, because the last lines matter most.
	maxUnread = 4 * maxOutput
	newest    = 1 << 20
	// tailPoll is how often a file is looked at when the system does not tell of changes.
	tailPoll = 500 * time.Millisecond
)

// tail follows one output file of the child and hands out its lines.
type tail struct {
	file *os.File // nil until path could be opened
	path string
	// fromEnd skips what path holds when it is opened.
	fromEnd bool
	emit    func(string) bool // takes a line, and may wait; false says that no more lines are wanted
	poll    bool              // look at intervals, although the system tells of changes

	buf     []byte
	offset  int64
	freed   int64  // how many bytes at the file's start have given their disk space back
	noHoles bool   // the file system cannot do that, so the file is cut instead
	partial []byte // an unfinished line, at most maxLine bytes of it
	cut     bool   // the unfinished line is longer than that, and its rest is skipped
	left    bool   // emit has returned false
}

// skipOld makes the tail begin with the first line that comes after now.
func (t *tail) skipOld() {
	info, err := t.file.Stat()
	if err != nil || info.Size() == 0 {
		return
	}
	var last [1]byte
	_, err = t.file.ReadAt(last[:], info.Size()-1)
	t.offset, t.cut = info.Size(), err != nil || last[0] != '\n'
}

func (t *tail) open() bool {
	if t.file != nil {
		return true
	}
	f, err := os.OpenFile(t.path, os.O_RDWR, 0) // also for writing, because to open a pipe for reading would wait for its writer
	if err != nil {
		return false
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return false
	}
	t.file = f
	if t.fromEnd {
		t.skipOld()
	}
	return true
}

// run reads the file, and reads again whenever it changes. When done is closed it reads
// the rest. Then it empties the file: a gateway may have printed secrets, which are
// redacted only behind us, and nobody reads the file again.
func (t *tail) run(done <-chan struct{}) {
	for !t.open() { // a descriptor may be missing for a while
		select {
		case <-time.After(tailPoll):
		case <-done:
			if !t.open() {
				return
			}
		}
	}
	defer t.file.Close()
	ask := fsnotify.NewWatcher
	if t.poll || !tellsGrowth {
		ask = nil
	}
	w := journal.NewWatch(t.file.Name(), ask, tailPoll)
	defer w.Stop()
	for !t.left {
		var more chan struct{}
		if t.read() {
			more = make(chan struct{})
			close(more)
		}
		select {
		case <-more:
		case <-w.Changes:
		case <-w.Errors:
		case <-w.Poll:
		case <-done:
			if t.readRest(); !t.left { // a tail that was left may be outlived by the next gateway's
				_ = t.file.Truncate(0)
			}
			return
		}
	}
}

// read reads what is new and gives disk space back. It reads a bounded amount, because a
// child may write as fast as we read; more reports whether it left something unread.
func (t *tail) read() (more bool) {
	t.catchUp(maxUnread)
	more = t.readSome(maxOutput)
	if t.offset-t.freed < maxOutput {
		return more
	}
	if !t.noHoles && punch(t.file, t.freed, t.offset) == nil {
		t.freed = t.offset
		return more
	}
	t.noHoles = true
	return t.cutBack(more)
}

// cutBack truncates the file, on a file system that cannot free only its start. A line
// that is written between the last read and the cut is lost. So cutBack waits until all
// is read, unless the child never pauses.
func (t *tail) cutBack(more bool) bool {
	for range 3 {
		if more && t.offset > maxUnread {
			t.catchUp(newest)
			more = t.readSome(2 * newest)
		}
	}
	// The child appends, so it goes on at the start of the file.
	if (!more || t.offset > maxUnread) && t.file.Truncate(0) == nil {
		t.offset = 0
	}
	return more
}

// readRest reads what a process that has ended has left. A descendant may still write;
// readRest does not wait for what comes later.
func (t *tail) readRest() {
	t.catchUp(maxUnread)
	if info, err := t.file.Stat(); err == nil {
		for t.offset < info.Size() && t.readSome(tailChunk) {
		}
	}
	t.flush()
}

// readSome reads about limit bytes. more reports whether it stopped before the end.
func (t *tail) readSome(limit int) (more bool) {
	if t.buf == nil {
		t.buf = make([]byte, tailChunk)
	}
	for n := 0; n < limit; {
		got, err := t.file.ReadAt(t.buf, t.offset)
		t.offset += int64(got)
		t.take(t.buf[:got])
		n += got
		if err != nil || got == 0 || t.left {
			return false
		}
	}
	return true
}

// catchUp goes to the start of a file that somebody else has cut. When more than most
// bytes are unread, it goes to the newest part of the file.
func (t *tail) catchUp(most int64) {
	info, err := t.file.Stat()
	if err != nil {
		return
	}
	switch unread := info.Size() - t.offset; {
	case unread < 0:
		t.offset, t.freed = 0, 0
	case unread > most:
		t.flush()
		t.say(fmt.Sprintf("[clawtray: %d bytes of output were skipped, more than it could read]", unread-newest))
		t.offset, t.cut = info.Size()-newest, true
	}
}

// take splits bytes into lines, keeping at most maxLine bytes of each.
func (t *tail) take(b []byte) {
	for len(b) > 0 && !t.left {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		if !t.cut {
			room := maxLine - len(t.partial)
			t.partial = append(t.partial, line[:min(len(line), room)]...)
			if len(line) > room {
				t.cut = true
				t.say(string(t.partial) + "…")
				t.partial = t.partial[:0]
			}
		}
		if ended {
			if !t.cut {
				t.say(string(t.partial))
			}
			t.partial, t.cut = t.partial[:0], false
		}
		b = rest
	}
}

func (t *tail) say(text string) {
	if !t.left && !t.emit(text) {
		t.left = true
	}
}

func (t *tail) flush() {
	if len(t.partial) > 0 {
		t.say(string(t.partial))
		t.partial = nil
	}
}
