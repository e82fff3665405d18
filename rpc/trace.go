package rpc

import (
	"context"
	"log/slog"
)

// maxTraced bounds how much of a frame is logged, in bytes.
const maxTraced = 4 << 10

// trace logs a frame without its secrets, if there is a log for frames.
func (o *Options) trace(direction string, b []byte) {
	if o.Trace != nil { // a function of its own, so that a call without a log costs nothing
		o.traceFrame(direction, b)
	}
}

func (o *Options) traceFrame(direction string, b []byte) {
	if !o.Trace.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	text := string(o.Redactor.JSON(b))
	if len(text) > maxTraced {
		text = text[:maxTraced] + "..."
	}
	o.Trace.Debug("rpc frame", "direction", direction, "bytes", len(b), "frame", text)
}
