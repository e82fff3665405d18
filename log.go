package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/lmittmann/tint"
	"gopkg.in/natefinch/lumberjack.v2"

	"clawtray/rpc"
)

const (
	logSize  = 5 // MB of the log file before it is rotated
	logFiles = 3 // older ones that are kept
)

// headedLog is a rotated log whose every file begins with the versions, so that
// whoever is sent one knows what wrote it. It is for a slog handler, which writes
// one line at a time.
type headedLog struct {
	lumberjack.Logger
	head string
	size int64 // of the current file; 0 before the first line
}

func newLogFile(path string) *headedLog {
	return &headedLog{Logger: lumberjack.Logger{Filename: path, MaxSize: logSize, MaxBackups: logFiles},
		head: fmt.Sprintf("clawtray %s (%s), %s/%s\n", version, commit, runtime.GOOS, runtime.GOARCH)}
}

func (l *headedLog) Write(line []byte) (int, error) {
	if l.size == 0 { // the file of an earlier run
		if info, err := os.Stat(l.Filename); err == nil {
			l.size = info.Size()
		}
	}
	if l.size > 0 && l.size+int64(len(line)) > int64(l.MaxSize)<<20 {
		if err := l.Rotate(); err != nil {
			return 0, err
		}
		l.size = 0
	}
	if l.size == 0 {
		n, err := l.Logger.Write([]byte(l.head))
		if err != nil {
			return 0, err
		}
		l.size = int64(n)
	}
	n, err := l.Logger.Write(line)
	l.size += int64(n)
	return n, err
}

// newLog writes to the terminal for a person and to a rotating file for later;
// no secret passes (BEHAVIOUR K3).
func newLog(path string, least slog.Leveler, redact *rpc.Redactor) (log *slog.Logger, done func()) {
	_ = os.MkdirAll(filepath.Dir(path), 0o700)
	file := newLogFile(path)
	handler := slog.NewMultiHandler(
		tint.NewTextHandler(os.Stderr, &tint.Options{Level: least, TimeFormat: time.TimeOnly, NoColor: !coloured(os.Stderr)}),
		slog.NewTextHandler(file, &slog.HandlerOptions{Level: least}))
	return slog.New(redact.Handler(handler)), func() { file.Close() }
}
