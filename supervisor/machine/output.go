package machine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

const (
	maxLine    = 4096 // bytes of a line that are kept, because a gateway may log whole payloads
	lineBuffer = 256  // lines that wait in memory to be taken; further ones wait in the files
)

// output hands out the lines of a child's two output files. The files are the buffer: when
// nobody takes the lines, reading waits, but the child does not.
type output struct {
	lines chan Line
	gone  chan struct{} // closed when nobody takes lines any more
	once  sync.Once     // for closing gone
	over  chan struct{} // closed after lines
}

func newOutput() *output {
	return &output{lines: make(chan Line, lineBuffer), gone: make(chan struct{}), over: make(chan struct{})}
}

// follow reads the files from their current offsets, until the process has ended.
func (o *output) follow(files [2]*os.File, done <-chan struct{}) {
	o.read(done, &tail{file: files[0]}, &tail{file: files[1]})
}

// resume reads what is written to the files in dir from now on, until the process has
// ended. What they hold already was read by an earlier clawtray; an old error there would
// look like a new one.
func (o *output) resume(dir string, done <-chan struct{}) {
	var tails [2]*tail
	for i, name := range []string{stdoutName, stderrName} {
		tails[i] = &tail{path: filepath.Join(dir, name), fromEnd: true}
		tails[i].open()
	}
	o.read(done, tails[0], tails[1])
}

func (o *output) read(done <-chan struct{}, stdout, stderr *tail) {
	var reading sync.WaitGroup
	for _, t := range []*tail{stdout, stderr} {
		t.emit = func(text string) bool { return o.emit(Line{Text: text, Stderr: t == stderr}) }
		reading.Go(func() { t.run(done) })
	}
	go func() {
		reading.Wait()
		close(o.lines)
		close(o.over)
	}()
}

// emit waits until the line is taken. It reports false when nobody takes lines any more.
func (o *output) emit(l Line) bool {
	select {
	case o.lines <- l:
		return true
	case <-o.gone:
		return false
	}
}

// leave tells the readers that nobody takes lines any more.
func (o *output) leave() { o.once.Do(func() { close(o.gone) }) }

// finish waits until the last line is taken. When ctx ends first, the rest is dropped.
func (o *output) finish(ctx context.Context) error {
	select {
	case <-o.over:
		return nil
	case <-ctx.Done():
	}
	o.leave()
	return fmt.Errorf("the last output was not read: %w", context.Cause(ctx))
}
