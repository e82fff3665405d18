package redact

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// plain is a text in which escapes of JSON, JavaScript or URLs are decoded.
type plain struct {
	text []byte
	from []part // where each byte of text stands in the original
}

// part is a part of the original text, in bytes.
type part struct{ start, end int32 }

// asIs is s without anything undone.
func asIs(s string) plain {
	p := plain{[]byte(s), make([]part, len(s))}
	for i := range p.from {
		p.from[i] = part{int32(i), int32(i) + 1}
	}
	return p
}

// escaped reports whether s may hold a secret in another spelling.
func escaped(s string) bool {
	for i := range len(s) {
		if c := s[i]; c == '\\' || c == '%' || c < ' ' || c >= 0x7f {
			return true
		}
	}
	return false
}

// depth is how many times a URL may be escaped within another URL.
const depth = 2

// levels returns s with the escapes of JSON and JavaScript decoded, and then the same with
// one more level of URL escapes decoded each time, as long as there are any. A secret may
// itself contain what looks like an escape; in one of the results it stands unchanged.
func levels(s string) []plain {
	p := asIs(s)
	last := p.unquoted(every)
	all := []plain{last}
	if strings.Contains(s, `\\u`) || strings.Contains(s, `\\x`) {
		all = append(all, p.unquoted(odd))
	}
	for range depth {
		if !bytes.Contains(last.text, []byte("%")) {
			break
		}
		next := last.unescaped()
		if bytes.Contains(next.text, []byte(`\u`)) || bytes.Contains(next.text, []byte(`\x`)) {
			all = append(all, next.unquoted(none))
		}
		last = next.unquoted(every)
		all = append(all, last)
	}
	return all
}

// These say after how many backslashes a u or an x begins an escape: after any number;
// after an odd number, as in JSON that does not stand in JSON itself; or never.
func every(int) bool           { return true }
func odd(backslashes int) bool { return backslashes%2 == 1 }
func none(int) bool            { return false }

// unquoted is p with the characters that \u002f, \\u002F and \x2f stand for. Other
// backslashes are removed, so that \" and \\\" both become a quote. undoes says after how
// many backslashes in a row an escape begins.
func (p plain) unquoted(undoes func(backslashes int) bool) plain {
	if !bytes.Contains(p.text, []byte(`\`)) {
		return p
	}
	out := plain{make([]byte, 0, len(p.text)), make([]part, 0, len(p.text))}
	for i := 0; i < len(p.text); {
		after := i
		for after < len(p.text) && p.text[after] == '\\' {
			after++
		}
		if after == i {
			out.add(p.text[i:i+1], p.from[i])
			i++
			continue
		}
		r, end := escape(p.text, after)
		if !undoes(after - i) {
			end = after
		}
		if end > after {
			out.add(utf8.AppendRune(nil, r), part{p.from[i].start, p.from[end-1].end})
		}
		i = end
	}
	return out
}

// unescaped is p with the bytes that URL escapes such as %2f stand for.
func (p plain) unescaped() plain {
	out := plain{make([]byte, 0, len(p.text)), make([]part, 0, len(p.text))}
	for i := 0; i < len(p.text); {
		if p.text[i] == '%' && i+2 < len(p.text) && hexValue(p.text[i+1]) >= 0 && hexValue(p.text[i+2]) >= 0 {
			c := byte(hexValue(p.text[i+1])<<4 | hexValue(p.text[i+2]))
			out.add([]byte{c}, part{p.from[i].start, p.from[i+2].end})
			i += 3
			continue
		}
		out.add(p.text[i:i+1], p.from[i])
		i++
	}
	return out
}

// add appends bytes that all come from the same part of the original text.
func (p *plain) add(b []byte, from part) {
	for _, c := range b {
		p.text, p.from = append(p.text, c), append(p.from, from)
	}
}

// bare is a secret as it is found in a text whose escapes are decoded.
func bare(secret string) string {
	return strings.Map(func(r rune) rune {
		if r == '\\' || unicode.In(r, unicode.Cc, unicode.Cf) {
			return -1
		}
		return r
	}, secret)
}

// escape reads the escape that follows a backslash: uXXXX, also a pair of them for one
// character, or xXX. end is where it ends, or at when there is none.
func escape(s []byte, at int) (r rune, end int) {
	n := 0
	switch {
	case at < len(s) && s[at] == 'u':
		n = 4
	case at < len(s) && s[at] == 'x':
		n = 2
	}
	if n == 0 || at+1+n > len(s) {
		return 0, at
	}
	code, err := strconv.ParseUint(string(s[at+1:at+1+n]), 16, 32)
	if err != nil {
		return 0, at
	}
	r, end = rune(code), at+1+n
	if !utf16.IsSurrogate(r) {
		return r, end
	}
	next := end
	for next < len(s) && s[next] == '\\' {
		next++
	}
	if next > end && next+5 <= len(s) && s[next] == 'u' {
		if low, err := strconv.ParseUint(string(s[next+1:next+5]), 16, 32); err == nil {
			if pair := utf16.DecodeRune(r, rune(low)); pair != unicode.ReplacementChar {
				return pair, next + 5
			}
		}
	}
	return r, end
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// without returns p without the invisible things that could stand inside a secret:
// terminal sequences such as colours, control characters, and characters of no width. With
// hidden it also removes the text of terminal commands, such as the URL of a link.
func (p plain) without(hidden bool) plain {
	out := plain{make([]byte, 0, len(p.text)), make([]part, 0, len(p.from))}
	for i := 0; i < len(p.text); {
		if c := p.text[i]; c >= ' ' && c <= '~' { // most of most texts
			out.text, out.from = append(out.text, c), append(out.from, p.from[i])
			i++
			continue
		}
		if n := sequence(p.text[i:], hidden); n > 0 {
			i += n
			continue
		}
		r, size := utf8.DecodeRune(p.text[i:])
		if !unicode.In(r, unicode.Cc, unicode.Cf) {
			out.text = append(out.text, p.text[i:i+size]...)
			out.from = append(out.from, p.from[i:i+size]...)
		}
		i += size
	}
	return out
}

// sequence is the length of the terminal sequence at the beginning of b, in bytes; 0 when
// there is none.
func sequence(b []byte, hidden bool) int {
	switch {
	case len(b) < 2 || b[0] != 0x1b:
		return 0
	case b[1] == '[':
		for i := 2; i < len(b); i++ {
			if b[i] >= '@' && b[i] <= '~' {
				return i + 1
			}
			if b[i] < ' ' || b[i] > '~' {
				return i
			}
		}
		return len(b)
	case b[1] == ']' && hidden:
		for i := 2; i < len(b); i++ {
			if b[i] == 0x07 || b[i] == 0x1b {
				return i + 1
			}
		}
		return len(b)
	}
	return 0
}
