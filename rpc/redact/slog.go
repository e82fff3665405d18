package redact

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
)

// attr redacts one log attribute.
func (r *Redactor) attr(a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindString:
		return slog.String(a.Key, r.text(a.Key, a.Value.String()))
	case slog.KindGroup:
		if judge(a.Key) == strong {
			return slog.String(a.Key, Mark)
		}
		members := a.Value.Group()
		clean := make([]any, len(members))
		for i, m := range members {
			clean[i] = r.attr(m)
		}
		return slog.Group(a.Key, clean...)
	case slog.KindAny:
		return slog.Any(a.Key, r.any(a.Key, a.Value.Any()))
	}
	return a
}

// any redacts the value of a log attribute of slog.KindAny.
func (r *Redactor) any(key string, v any) any {
	switch v := v.(type) {
	case error, fmt.Stringer:
		return r.String(fmt.Sprint(v)) // unlike a call of its method, Sprint is safe with nil pointers
	case []byte:
		return r.String(string(v))
	case json.RawMessage:
		return string(r.JSON(v))
	case *slog.Source:
		return v
	}
	raw, err := json.Marshal(map[string]any{key: v})
	if err != nil {
		return Mark
	}
	var clean map[string]any
	if json.Unmarshal(r.JSON(raw), &clean) != nil {
		return Mark
	}
	return clean[key]
}

// Handler returns a slog handler that redacts every record and gives it to next.
func (r *Redactor) Handler(next slog.Handler) slog.Handler { return &handler{r, next} }

type handler struct {
	r    *Redactor
	next slog.Handler
}

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, h.r.String(record.Message), record.PC)
	record.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.r.attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.r.attr(a)
	}
	return &handler{h.r, h.next.WithAttrs(clean)}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.r, h.next.WithGroup(name)}
}
