package redact

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Printable makes text from outside safe for a terminal. Characters that could move the
// cursor, change the title, type in the user's name, or show letters in another order than
// they have, are replaced by their escapes, such as \u001b or \u202e. Colours are removed.
// Newlines and tabs stay.
func Printable(s string) string {
	p := printer{}
	return p.all(s)
}

// PrintableLine is Printable for text that must stay in one line, such as a menu entry:
// newlines and tabs become blanks.
func PrintableLine(s string) string {
	p := printer{line: true}
	return p.all(s)
}

// printer makes text printable, piece by piece.
type printer struct {
	line    bool // newlines and tabs are blanks
	colours bool // sequences that only set colours stay
	last    rune // the character before; it decides about a joiner
}

// maxSequence bounds the length of a colour sequence, in bytes.
const maxSequence = 32

func (p *printer) all(s string) string {
	if !suspicious(s) && !p.line {
		return s
	}
	out, _ := p.append(nil, s, true)
	return string(out)
}

// suspicious reports whether s may contain something that Printable changes.
func suspicious(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c >= 0x7f {
			return true
		}
	}
	return false
}

// append adds the printable form of s to out. end says that no more text comes. Otherwise
// rest is the end of s that can only be judged together with the text that comes next.
func (p *printer) append(out []byte, s string, end bool) (all []byte, rest string) {
	for s != "" {
		if !end && !utf8.FullRuneInString(s) {
			return out, s
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			out = fmt.Appendf(out, `\x%02x`, s[0])
		case r == 0x1b:
			n := colour(s)
			if n == 0 && !end && len(s) < maxSequence && strings.Trim(s[1:], "[0123456789;") == "" {
				return out, s
			}
			if n == 0 {
				out = visible(out, r)
				break
			}
			if size = n; p.colours && !conceals(s[:n]) {
				out = append(out, s[:n]...)
			}
		case r == '\r' && !end && len(s) == 1, r == joiner && !end && !utf8.FullRuneInString(s[size:]):
			return out, s
		case r == '\r' && strings.HasPrefix(s[1:], "\n"): // an end of line as on Windows
		case unicode.IsSpace(r) && p.line:
			out = append(out, ' ')
		case r == '\n' || r == '\t':
			out = append(out, byte(r))
		case r == joiner && joins(p.last, s[size:]), !hidden(r):
			out = append(out, s[:size]...)
		default:
			out = visible(out, r)
		}
		p.last = r
		s = s[size:]
	}
	return out, ""
}

// visible adds the escape of r to out. It writes \u001b, not \x1b, because the log handler
// for terminals (tint) turns \x1b into a real escape character when it colours.
func visible(out []byte, r rune) []byte {
	if r > 0xffff {
		return fmt.Appendf(out, `\U%08x`, r)
	}
	return fmt.Appendf(out, `\u%04x`, r)
}

// joiner is the zero width joiner, which joins several emoji to one.
const joiner = '\u200d'

// joins reports whether a joiner stands between two emoji, as in that of a family.
func joins(before rune, after string) bool {
	next, _ := utf8.DecodeRuneInString(after)
	return picture(before) && picture(next)
}

// picture reports whether r is an emoji, or a character that changes the emoji before it:
// a skin tone, or the selector for the coloured form.
func picture(r rune) bool {
	return r >= 0x203c && r != utf8.RuneError && unicode.In(r, unicode.So, unicode.Sk, unicode.Sm) || r == '\ufe0f'
}

// hidden reports whether r is invisible, or changes how other characters are shown:
// control characters, those that turn the direction of writing, and those without width.
// Letters of languages that are written from right to left are not hidden.
func hidden(r rune) bool {
	switch {
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
		return true
	case r == '\u034f', r == '\u115f', r == '\u1160', r == '\u3164', r == '\uffa0': // fillers
		return true
	}
	return r >= 0xe0000 && r <= 0xe0fff // tags, and selectors that can carry a message
}

// colour is the length of the sequence at the start of s that only sets how letters look
// (SGR); 0 when there is no complete one.
func colour(s string) int {
	if !strings.HasPrefix(s, "\x1b[") {
		return 0
	}
	n := 2
	for n < len(s) && n < maxSequence && (s[n] == ';' || s[n] >= '0' && s[n] <= '9') {
		n++
	}
	if n == len(s) || s[n] != 'm' {
		return 0
	}
	return n + 1
}

// conceals reports whether a colour sequence hides text or makes it blink. It also reports
// true for sequences of 256 colours, which use the same numbers and which a log handler
// does not need.
func conceals(sequence string) bool {
	for code := range strings.SplitSeq(sequence[2:len(sequence)-1], ";") {
		switch strings.TrimLeft(code, "0") {
		case "5", "6", "8":
			return true
		}
	}
	return false
}

// PrintableWriter applies [Printable] to all that is written to a terminal. A character or
// a sequence may be spread over several writes.
type PrintableWriter struct {
	mu   sync.Mutex
	next io.Writer
	p    printer
	rest string
}

// NewPrintableWriter returns a writer to next. With colours, sequences that only set
// colours stay, so that the program's own log handler can use them; text from outside must
// then be made [Printable] before it is coloured. Use it as the last writer before the
// terminal.
func NewPrintableWriter(next io.Writer, colours bool) *PrintableWriter {
	return &PrintableWriter{next: next, p: printer{colours: colours}}
}

// Write implements io.Writer. It returns how many bytes of b it has taken, also when the
// printable form is longer.
func (w *PrintableWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []byte
	out, w.rest = w.p.append(nil, w.rest+string(b), false)
	return len(b), w.write(out)
}

// Flush writes what Write held back because its continuation might have followed.
func (w *PrintableWriter) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	out, _ := w.p.append(nil, w.rest, true)
	w.rest = ""
	return w.write(out)
}

func (w *PrintableWriter) write(out []byte) error {
	if len(out) == 0 {
		return nil
	}
	_, err := w.next.Write(out)
	return err
}

// PrintableHandler returns a slog handler that makes messages, names and values printable
// and gives them to next, which may colour them. A newline in a value cannot begin a line
// that looks like a record of its own. Put it behind [Redactor.Handler], and let next
// write to a [PrintableWriter].
func PrintableHandler(next slog.Handler) slog.Handler { return &printableHandler{next} }

type printableHandler struct{ next slog.Handler }

func (h *printableHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *printableHandler) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, PrintableLine(record.Message), record.PC)
	record.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(printableAttr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

func (h *printableHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = printableAttr(a)
	}
	return &printableHandler{h.next.WithAttrs(clean)}
}

func (h *printableHandler) WithGroup(name string) slog.Handler {
	return &printableHandler{h.next.WithGroup(PrintableLine(name))}
}

func printableAttr(a slog.Attr) slog.Attr {
	a.Key = PrintableLine(a.Key)
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(PrintableLine(a.Value.String()))
	case slog.KindGroup:
		members := make([]slog.Attr, 0, len(a.Value.Group()))
		for _, m := range a.Value.Group() {
			members = append(members, printableAttr(m))
		}
		a.Value = slog.GroupValue(members...)
	case slog.KindAny:
		if _, source := a.Value.Any().(*slog.Source); !source {
			a.Value = slog.StringValue(PrintableLine(fmt.Sprintf("%+v", a.Value.Any())))
		}
	}
	return a
}
