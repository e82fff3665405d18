package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	redacted = "[redacted]"

	// minSecret is the length from which a value counts as secret, in bytes.
	// Shorter ones would turn ordinary words into "[redacted]".
	minSecret = 6
)

// Redactor is the one place that knows secrets. What goes into logs, traces,
// diagnostics or a status passes through it: values it was told are removed
// wherever they stand, and so is what stands under a key that looks like a
// secret. The zero value is ready; all methods may be called from any goroutine.
type Redactor struct {
	mu       sync.Mutex
	secrets  []string
	replacer atomic.Pointer[strings.Replacer]
}

// NewRedactor returns a Redactor that knows the given secrets.
func NewRedactor(secrets ...string) *Redactor {
	r := &Redactor{}
	for _, s := range secrets {
		r.Add(s)
	}
	return r
}

// Add teaches the redactor a secret. Very short ones are not learned.
func (r *Redactor) Add(secret string) {
	secret = strings.TrimSpace(secret)
	if len(secret) < minSecret {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(r.secrets, secret) {
		return
	}
	r.secrets = append(r.secrets, secret)
	// Longest first: a secret that is part of another must not spoil it.
	slices.SortFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, s := range r.secrets {
		for _, form := range spellings(s) {
			pairs = append(pairs, form, redacted)
		}
	}
	r.replacer.Store(strings.NewReplacer(pairs...))
}

// spellings are the ways a secret is written in JSON, in URLs and in plain text.
func spellings(s string) []string {
	quoted, _ := json.Marshal(s) // a string always marshals
	forms := []string{s}
	for _, form := range []string{string(quoted[1 : len(quoted)-1]), url.QueryEscape(s), url.PathEscape(s)} {
		if !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	return forms
}

// secretKey matches the names of fields, variables and flags that hold secrets.
var secretKey = regexp.MustCompile(`(?i)(token|secret|passw|passphrase|api[-_]?key|private[-_]?key|signature|authorization|cookie|credential|bearer)`)

// countKey matches names that look like secretKey but count: maxTokens, totalTokens.
var countKey = regexp.MustCompile(`(?i)tokens`)

// inText finds secrets in running text: key=value, key: value, --key value,
// "key":"value", and HTTP's Bearer.
var inText = regexp.MustCompile(`(?i)([\w.-]*(?:token|secret|passw(?:or)?d|passphrase|api[-_]?key|private[-_]?key|signature|authorization|cookie|credential)[\w.-]*\\?["']?\s*[=:]\s*|--[\w-]*(?:token|secret|password|key)\s+|\bbearer\s+)((?:bearer|basic)\s+)?(\\?"[^"\\]*\\?"|'[^']*'|[^\s"'&,;{}\[\]]+)`)

// pemBlock finds private keys.
var pemBlock = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`)

// String removes secrets from text.
func (r *Redactor) String(s string) string {
	if replacer := r.replacer.Load(); replacer != nil {
		s = replacer.Replace(s)
	}
	s = pemBlock.ReplaceAllString(s, redacted)
	return inText.ReplaceAllStringFunc(s, func(m string) string {
		parts := inText.FindStringSubmatch(m)
		if harmless(parts[1], strings.Trim(parts[3], `\"'`)) {
			return m
		}
		return parts[1] + redacted
	})
}

// harmless are the values under secret-looking keys that say nothing:
// "tokenIncluded":true, totalTokens=17.
func harmless(key, value string) bool {
	switch value {
	case "", "true", "false", "null", redacted, strings.Trim(redacted, "[]"):
		return true
	}
	return countKey.MatchString(key) && strings.Trim(value, "0123456789.") == ""
}

// JSON removes secrets from a JSON text: strings under keys that look like a
// secret, at any depth, and known values anywhere. What is not JSON is treated as text.
func (r *Redactor) JSON(b []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return []byte(r.String(string(b)))
	}
	out, err := json.Marshal(r.value(v, ""))
	if err != nil {
		return []byte(redacted)
	}
	return out
}

// value redacts a decoded JSON value; under is the secret-looking key it stands
// under, at any depth, or "".
func (r *Redactor) value(v any, under string) any {
	switch v := v.(type) {
	case string:
		if under != "" && v != "" {
			return redacted
		}
		return r.String(v)
	case json.Number:
		if under != "" && !countKey.MatchString(under) {
			return redacted
		}
	case []any:
		for i := range v {
			v[i] = r.value(v[i], under)
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for key, member := range v {
			within := under
			if secretKey.MatchString(key) {
				within = key
			}
			clean[r.String(key)] = r.value(member, within)
		}
		return clean
	}
	return v
}

// cut redacts b and shortens it to at most n bytes.
func (r *Redactor) cut(b []byte, n int) string {
	if len(b) <= n {
		return strings.ToValidUTF8(string(r.JSON(b)), "?")
	}
	// Look at more than is kept: a secret that this first cut goes through
	// stands at the end, which is cut off after redacting.
	text := r.String(string(b[:min(len(b), 4*n)]))
	return strings.ToValidUTF8(text[:max(min(n, len(text)-n), 0)], "?")
}

// Attr redacts one log attribute. Its shape is that of slog.HandlerOptions.ReplaceAttr.
func (r *Redactor) Attr(_ []string, a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindString:
		if secretKey.MatchString(a.Key) && a.Value.String() != "" {
			return slog.String(a.Key, redacted)
		}
		return slog.String(a.Key, r.String(a.Value.String()))
	case slog.KindGroup:
		if secretKey.MatchString(a.Key) {
			return slog.String(a.Key, redacted)
		}
		members := a.Value.Group()
		clean := make([]any, len(members))
		for i, m := range members {
			clean[i] = r.Attr(nil, m)
		}
		return slog.Group(a.Key, clean...)
	case slog.KindAny:
		return slog.Any(a.Key, r.any(a.Key, a.Value.Any()))
	}
	return a
}

// any redacts what a log attribute of no basic kind holds.
func (r *Redactor) any(key string, v any) any {
	switch v := v.(type) {
	case error, fmt.Stringer:
		return r.String(fmt.Sprint(v)) // unlike calling it, safe with nil pointers
	case []byte:
		return r.String(string(v))
	case json.RawMessage:
		return string(r.JSON(v))
	case *slog.Source:
		return v
	}
	raw, err := json.Marshal(map[string]any{key: v})
	if err != nil {
		return redacted
	}
	var clean map[string]any
	if json.Unmarshal(r.JSON(raw), &clean) != nil {
		return redacted
	}
	return clean[key]
}

// Handler wraps a slog handler so that nothing secret reaches it.
func (r *Redactor) Handler(next slog.Handler) slog.Handler { return &redactHandler{r, next} }

type redactHandler struct {
	r    *Redactor
	next slog.Handler
}

func (h *redactHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *redactHandler) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, h.r.String(record.Message), record.PC)
	record.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.r.Attr(nil, a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

func (h *redactHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.r.Attr(nil, a)
	}
	return &redactHandler{h.r, h.next.WithAttrs(clean)}
}

func (h *redactHandler) WithGroup(name string) slog.Handler {
	return &redactHandler{h.r, h.next.WithGroup(name)}
}
