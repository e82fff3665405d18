package rpc

import (
	"context"
	"log/slog"
)

// trace logs a frame, redacted.
func (s *Session) trace(direction string, b []byte) { traceFrame(s.o, direction, b) }

// maxTraced bounds how much of a frame is traced.
const maxTraced = 4 << 10

func traceFrame(o Options, direction string, b []byte) {
	if !o.Trace.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	text := string(o.Redactor.JSON(b))
	if len(text) > maxTraced {
		text = text[:maxTraced] + "..."
	}
	o.Trace.Debug("rpc frame", "direction", direction, "bytes", len(b), "frame", text)
}
