package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/lmittmann/tint"
	"gopkg.in/natefinch/lumberjack.v2"

	"clawtray/rpc"
)

const (
	logSize  = 5 // MB of the log file before it is rotated
	logFiles = 3 // older ones that are kept
)

// newLog writes to the terminal for a person and to a rotating file for later;
// no secret passes (BEHAVIOUR K3).
func newLog(path string, least slog.Leveler, redact *rpc.Redactor) (log *slog.Logger, done func()) {
	_ = os.MkdirAll(filepath.Dir(path), 0o700)
	file := &lumberjack.Logger{Filename: path, MaxSize: logSize, MaxBackups: logFiles}
	handler := slog.NewMultiHandler(
		tint.NewTextHandler(os.Stderr, &tint.Options{Level: least, TimeFormat: time.TimeOnly, NoColor: !coloured(os.Stderr)}),
		slog.NewTextHandler(file, &slog.HandlerOptions{Level: least}))
	return slog.New(redact.Handler(handler)), func() { file.Close() }
}
