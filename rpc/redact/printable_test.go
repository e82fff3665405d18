package redact_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/lmittmann/tint"

	"clawtray/rpc/redact"
)

// XS3: characters that control a terminal, or that show a text wrongly, become visible.
func TestXS3_Printable(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b]0;title\x07": `\u001b]0;title\u0007`, "\x1b]8;;http://x\x1b\\text": `\u001b]8;;http://x\u001b\text`, "\x1bc": `\u001bc`, "\x1bP1$r\x1b\\": `\u001bP1$r\u001b\`,
		"\x1b[2J\x1b[H": `\u001b[2J\u001b[H`, "\u009b2J": `\u009b2J`, "\x9b2J": `\x9b2J`, "\u009d0;t\u009c": `\u009d0;t\u009c`, "\x9d": `\x9d`, "\x07\x08\x7f\x00": `\u0007\u0008\u007f\u0000`,
		"\x1b[31mred\x1b[0m \x1b[1;38;5;10mbold\x1b[m": "red bold", "\x1b[8mhidden\x1b[0m": "hidden", "\x1b[\x1b[31m31mx": `\u001b[31mx`, "\x1b": `\u001b`, "\x1b[": `\u001b[`, "\x1b[3": `\u001b[3`,
		"a\u202egpj.exe": `a\u202egpj.exe`, "\u2066x\u2069": `\u2066x\u2069`, "\u200e\u200f\u061c": `\u200e\u200f\u061c`, "\u202a\u202b\u202c\u202d": `\u202a\u202b\u202c\u202d`,
		"pass\u200bword\u200c\u2060\ufeff": `pass\u200bword\u200c\u2060\ufeff`, "a\u200db": `a\u200db`, "soft\u00adhyphen": `soft\u00adhyphen`, "a\u2028b\u2029c\u0085": `a\u2028b\u2029c\u0085`,
		"\U000e0041\U000e007f": `\U000e0041\U000e007f`, "x\U000e0101": `x\U000e0101`, "\u3164\u115f": `\u3164\u115f`, "bad \xff\xc3": `bad \xff\xc3`, "\xed\xa0\x80": `\xed\xa0\x80`,
		"one\r\ntwo\n\tthree": "one\ntwo\n\tthree", "progress\rdone": `progress\u000ddone`, "\v\f": `\u000b\u000c`,
	} {
		if got := redact.Printable(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"one\ntwo\tthree\r\nfour": "one two three four", "a\u2028b\u2029c\u0085d": "a b c d", "x\ry": "x y", "\x1b[31mred\x1b[0m\x07": `red\u0007`, "plain": "plain"} {
		if got := redact.PrintableLine(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// written are texts as people write them.
var written = []string{
	"The gateway listens on port 18789: “quoted”, it’s 100 % — naïve café, Łódź, Ελλάδα, Россия.", "网关正在运行：端口 18789，令牌（已设置）。　全角空格", "ゲートウェイは動作中です", "게이트웨이 실행 중", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया",
	"🦞 👍🏽 ❤️ 👨‍👩‍👧‍👦 🏳️‍🌈 🧑🏿‍💻 🇩🇪 1️⃣ ✓ → … ⚠️ ☎️ ♻️ 😀", "é (decomposed) ñ", "a b (no-break)", "tab\tand\nnewline", `C:\Users\x \u0041`,
}

func TestXS3_OrdinaryTextStays(t *testing.T) {
	for _, text := range written {
		if got := redact.Printable(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
		if got, want := redact.PrintableLine(text), strings.Map(blank, text); got != want {
			t.Errorf("%q became %q", text, got)
		}
		for i := range len(text) { // also when it is written in two halves
			var out bytes.Buffer
			w := redact.NewPrintableWriter(&out, false)
			for _, half := range []string{text[:i], text[i:]} {
				if n, err := w.Write([]byte(half)); n != len(half) || err != nil {
					t.Errorf("%d, %v", n, err)
				}
			}
			if err := w.Flush(); err != nil || out.String() != text {
				t.Errorf("%q cut at %d became %q, %v", text, i, out.String(), err)
			}
		}
	}
}

func blank(r rune) rune {
	if unicode.IsSpace(r) {
		return ' '
	}
	return r
}

// XS3: a sequence that comes in several writes is treated as one, and our own colours stay.
func TestXS3_Writer(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b[92mINF\x1b[0m ready\r\n": "\x1b[92mINF\x1b[0m ready\n", "\x1b[2J": `\u001b[2J`, "\x1b]0;t\x07": `\u001b]0;t\u0007`, "a\u202eb": `a\u202eb`, "\x1b[8mx\x1b[1;08my": "xy", "\u009b1m\xe2\x80": `\u009b1m\xe2\x80`,
		"\x1b[1;2;3": `\u001b[1;2;3`, "👨‍👩": "👨‍👩", "a\u200d": `a\u200d`, "🧑\u200d\xf0": `🧑\u200d\xf0`,
	} {
		for i := range len(in) {
			var out bytes.Buffer
			w := redact.NewPrintableWriter(&out, true)
			_, _ = w.Write([]byte(in[:i]))
			_, _ = w.Write([]byte(in[i:]))
			if err := w.Flush(); err != nil || out.String() != want {
				t.Errorf("%q cut at %d became %q, %v", in, i, out.String(), err)
			}
		}
	}
	if n, err := redact.NewPrintableWriter(full{}, true).Write([]byte("x")); n != 1 || !errors.Is(err, errFull) {
		t.Errorf("%d, %v", n, err)
	}
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

// XS3: the log on a terminal, in colours. The handler for terminals makes a real
// escape of \x1b in a quoted value, so the writer stands behind it.
func TestXS3_LogOnATerminal(t *testing.T) {
	var out bytes.Buffer
	secrets := redact.New(random)
	log := slog.New(secrets.Handler(redact.PrintableHandler(tint.NewTextHandler(redact.NewPrintableWriter(&out, true), nil))))
	const attack = "a\x1b]0;t\x07\u009b2J\u202e\nERR forged \\x1b[2J \\x1b]0;t"
	log.With("with", attack).WithGroup("g"+attack).Error("m "+attack, "text", attack, "err", errors.New(attack), "key\x1b[2J", 1, "list", []string{attack}, slog.Group("in", "x", attack), "secret", random)
	got := out.String()
	if i := strings.IndexFunc(strings.TrimSuffix(withoutColours(got), "\n"), func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }); i >= 0 {
		t.Errorf("at %d: %q", i, got)
	}
	if !strings.Contains(got, "\x1b[") || !strings.Contains(got, redact.Mark) || strings.Count(got, "\n") != 1 {
		t.Errorf("%q", got)
	}
}

func withoutColours(s string) string { return colours.ReplaceAllString(s, "") }

// FuzzPrintable: the output has no invisible character, does not change when it is made
// printable again, and does not depend on the sizes of the writes.
func FuzzPrintable(f *testing.F) {
	for _, s := range written {
		f.Add(s, 3)
	}
	f.Add("\x1b[\x1b[31m31mx\u202e\r\n\x1b]0;\x07\xff", 4)
	f.Fuzz(func(t *testing.T, s string, cut int) {
		got, line := redact.Printable(s), redact.PrintableLine(s)
		checkPrintable(t, s, got, "\n\t")
		checkPrintable(t, s, line, "")
		if again := redact.Printable(got); again != got {
			t.Errorf("%q became %q and then %q", s, got, again)
		}
		if again := redact.PrintableLine(line); again != line {
			t.Errorf("%q became %q and then %q", s, line, again)
		}
		var out bytes.Buffer
		w := redact.NewPrintableWriter(&out, false)
		cut = min(max(cut, 0), len(s))
		_, _ = w.Write([]byte(s[:cut]))
		_, _ = w.Write([]byte(s[cut:]))
		if _ = w.Flush(); out.String() != got {
			t.Errorf("%q cut at %d became %q, whole %q", s, cut, out.String(), got)
		}
		var coloured bytes.Buffer
		w = redact.NewPrintableWriter(&coloured, true)
		_, _ = w.Write([]byte(s))
		if _ = w.Flush(); redact.Printable(coloured.String()) != got {
			t.Errorf("%q became %q in colours, %q without", s, coloured.String(), got)
		}
	})
}

// checkPrintable allows a joiner only between two emoji.
func checkPrintable(t *testing.T, in, out, allowed string) {
	if !utf8.ValidString(out) {
		t.Errorf("%q became %q", in, out)
	}
	before := rune(0)
	for i, r := range out {
		next, _ := utf8.DecodeRuneInString(out[i+utf8.RuneLen(r):])
		joins := r == '\u200d' && before > 0x2000 && next > 0x2000
		if !strings.ContainsRune(allowed, r) && !joins && (unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r >= 0xe0000 && r <= 0xe0fff) {
			t.Errorf("%q became %q: %U", in, out, r)
		}
		before = r
	}
}
