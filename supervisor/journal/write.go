// Package journal is clawtray's log, which also has the lines of the gateway's output.
//
// [New] returns a logger that writes to the terminal and to a file. The file is rotated at
// 5 MB, and three older files are kept. Every record passes through a redactor first, so
// that no secret reaches either. [Reader] prints the end of the log, or follows it across
// rotations, while a clawtray writes it.
package journal

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/lmittmann/tint"
	"gopkg.in/natefinch/lumberjack.v2"

	"clawtray/rpc/redact"
)

const (
	fileSize = 5 // MB of the log file before it is rotated
	backups  = 3 // older files that are kept
)

// headedFile is a rotated file in which each new file begins with the same line. Each
// Write must be one line, as it is from a slog handler.
type headedFile struct {
	lumberjack.Logger
	head string // one line, with its end
	size int64  // of the current file; 0 before the first line
}

func newFile(path, head string) *headedFile {
	return &headedFile{Logger: lumberjack.Logger{Filename: path, MaxSize: fileSize, MaxBackups: backups}, head: head + "\n"}
}

func (f *headedFile) Write(line []byte) (int, error) {
	if f.size == 0 { // before the first line; an earlier run may have left a file
		if info, err := os.Stat(f.Filename); err == nil {
			f.size = info.Size()
		}
	}
	if f.size > 0 && f.size+int64(len(line)) > int64(f.MaxSize)<<20 {
		if err := f.Rotate(); err != nil {
			return 0, err
		}
		f.size = 0
	}
	if f.size == 0 {
		n, err := f.Logger.Write([]byte(f.head))
		if err != nil {
			return 0, err
		}
		f.size = int64(n)
	}
	n, err := f.Logger.Write(line)
	f.size += int64(n)
	return n, err
}

// Options say where the log goes.
type Options struct {
	Path     string           // of the file; New makes its folder
	Head     string           // the first line of each file, such as the version that writes it
	Level    slog.Leveler     // the lowest level that is logged
	Redact   *redact.Redactor // removes secrets from every record
	Terminal io.Writer        // gets the same records, in a form for people
	Colour   bool             // whether the terminal shows colours
}

// New returns a logger that writes to a terminal and to a rotated file, without secrets.
// done closes the file. When the file cannot be written, New does not fail: the terminal
// says so once, and has the whole log.
func New(o Options) (log *slog.Logger, done func()) {
	_ = os.MkdirAll(filepath.Dir(o.Path), 0o700) // if this fails, the first write does, too
	file := newFile(o.Path, o.Head)
	terminal := redact.PrintableHandler(tint.NewTextHandler(redact.NewPrintableWriter(o.Terminal, o.Colour),
		&tint.Options{Level: o.Level, TimeFormat: time.TimeOnly, NoColor: !o.Colour}))
	handler := slog.NewMultiHandler(terminal,
		slog.NewTextHandler(&said{Writer: file, path: o.Path, on: slog.New(o.Redact.Handler(terminal))}, &slog.HandlerOptions{Level: o.Level}))
	return slog.New(omitting{o.Redact.Handler(handler)}), func() { file.Close() }
}

// said is a writer that logs when writing begins to fail, and when it works again. Each
// Write must be one line, as it is from a slog handler.
type said struct {
	io.Writer
	path   string
	on     *slog.Logger // must not write to this writer
	failed bool
}

func (s *said) Write(line []byte) (int, error) {
	n, err := s.Writer.Write(line)
	switch {
	case err != nil && !s.failed:
		s.on.Warn("the log file cannot be written, so the log is only here", "path", s.path, "err", err)
	case err == nil && s.failed:
		s.on.Info("the log file is written again", "path", s.path)
	}
	s.failed = err != nil
	return n, err
}

// omitting is a handler that leaves out attributes without a value: zero times, empty
// lists, errors that are nil.
type omitting struct{ slog.Handler }

func (h omitting) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(withValue(a)...)
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

func (h omitting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return omitting{h.Handler.WithAttrs(withValue(attrs...))}
}

func (h omitting) WithGroup(name string) slog.Handler { return omitting{h.Handler.WithGroup(name)} }

// withValue returns the attributes that have a value.
func withValue(attrs ...slog.Attr) (kept []slog.Attr) {
	for _, a := range attrs {
		a.Value = a.Value.Resolve()
		switch a.Value.Kind() {
		case slog.KindTime:
			if a.Value.Time().IsZero() {
				continue
			}
		case slog.KindGroup:
			a.Value = slog.GroupValue(withValue(a.Value.Group()...)...)
		case slog.KindAny:
			v := reflect.ValueOf(a.Value.Any())
			if !v.IsValid() || (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0 || v.Kind() == reflect.Pointer && v.IsNil() {
				continue
			}
		}
		kept = append(kept, a)
	}
	return kept
}
