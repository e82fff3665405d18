package openclaw

import (
	"errors"
	"strings"
	"testing"
)

// TestXW1_WhatOpenClawReads: texts that a JSON5 parser must accept and that ours once
// rejected.
func TestXW1_WhatOpenClawReads(t *testing.T) {
	for text, want := range map[string]string{
		"/*\n * see https://example.org\n */ {a: 1}": `{61:d3ff0000000000000}`,
		"{\u00a0a:\u00a01}":                          `{61:d3ff0000000000000}`,
		"\ufeff{}":                                   `{}`,
		`{a: "\x41\v\0"}`:                            `{61:s410b00}`,
		"{a: 'x\\\r\ny'}":                            `{61:s7879}`,
		"{a: '\u2028'}":                              `{61:se280a8}`,
		"{键: true}":                                  `{e994ae:t}`,
		`{\u0061: null}`:                             `{61:n}`,
		"[+1, .5, 5., 0x10, -Infinity, +NaN,]":       `[d3ff0000000000000,d3fe0000000000000,d4014000000000000,d4030000000000000,dfff0000000000000,NaN]`,
		`{__proto__: {a: 1}, b: 1, b: 2}`:            `{5f5f70726f746f5f5f:{61:d3ff0000000000000},62:d4000000000000000}`,
		`'\ud83d\ude00'`:                             `sf09f9880`,
		`'\ud83d'`:                                   `sefbfbd`,
		strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting): strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting),
	} {
		v, err := decodeJSON5([]byte(text))
		if err != nil {
			t.Errorf("%.40q: %v", text, err)
		} else if got := showValue(v); got != want {
			t.Errorf("%.40q is %.80s, want %.80s", text, got, want)
		}
	}
}

// TestXU12_WhereATextBreaks: the error names the position, and contains only one character
// of the text.
func TestXU12_WhereATextBreaks(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "line 1, column 1: unexpected end of the text",
		"{\n  a: {":                 "line 2, column 7: unexpected end of the text",
		"{\n  a: 'secret\n'}":       "line 2, column 13: unexpected character U+000A",
		"{ключ 1}":                  "line 1, column 7: unexpected character '1'",
		"{a: 1} x":                  "line 1, column 8: unexpected character 'x'",
		"{a: /* ":                   "line 1, column 8: unexpected end of the text",
		strings.Repeat("[", 20_000): "line 1, column 10001: more than 10000 arrays and objects inside each other",
	} {
		_, err := decodeJSON5([]byte(text))
		if syntax, ok := errors.AsType[*SyntaxError](err); !ok || err.Error() != want || syntax.Line == 0 {
			t.Errorf("%.30q: %v\nwant %s", text, err, want)
		}
	}
}

func FuzzJSON5(f *testing.F) {
	for _, text := range []string{"{}", "{gateway:{auth:{token:'x'},port:1e3,reload:{debounceMs:-Infinity}}}", "/*", "{a:0x", "'\\u12", "[[[[", "{__proto__:1,}", "+.5", "\"\\x4", "{\\u0061:'\\ud83d\\ude00'}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := decodeJSON5(raw)
		if syntax, ok := errors.AsType[*SyntaxError](err); err != nil && (!ok || syntax.Line < 1 || syntax.Column < 1) {
			t.Errorf("%v", err)
		}
		if err == nil {
			showValue(v) // panics for a type that callers do not expect
		}
		parseDotenv(raw)
	})
}
