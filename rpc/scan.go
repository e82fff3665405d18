package rpc

import (
	"encoding/binary"
	"encoding/json"
	"math/bits"
)

// maxDepth bounds how deep a message may nest. Real messages have less than 20 levels;
// encoding/json gives up at 10,000.
const maxDepth = 1000

// The skip functions return one of these instead of an index.
const (
	invalid = -1 // this is not JSON
	tooDeep = -2 // it nests deeper than maxDepth
)

// scanObject calls member with the key and the raw value of each member of the JSON
// object in b, in order. The slices point into b. object reports whether b is exactly
// one JSON object, and deep whether a value in it nests too deeply to be checked.
//
// One pass finds the envelope and checks all of the payload, so that nobody has to
// decode the payload to know that it is JSON.
func scanObject(b []byte, member func(key, value []byte)) (object, deep bool) {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return false, false
	}
	if i = skipSpace(b, i+1); i < len(b) && b[i] == '}' {
		return skipSpace(b, i+1) == len(b), false
	}
	for {
		key := i
		keyEnd, value := skipKey(b, i)
		if value < 0 {
			return false, deep
		}
		if i = skipValue(b, value, 1); i == tooDeep {
			i, deep = skipNested(b, value), true
		}
		if i < 0 {
			return false, deep
		}
		member(b[key:keyEnd], b[value:i])
		if i = skipSpace(b, i); i >= len(b) {
			return false, deep
		}
		switch b[i] {
		case '}':
			return skipSpace(b, i+1) == len(b), deep
		case ',':
			i = skipSpace(b, i+1)
		default:
			return false, deep
		}
	}
}

// skipKey returns the index after the key that starts at b[i], and the index of its
// value, which is negative when there is no value.
func skipKey(b []byte, i int) (end, value int) {
	if i >= len(b) || b[i] != '"' {
		return i, invalid
	}
	if end = skipString(b, i); end < 0 {
		return i, invalid
	}
	if i = skipSpace(b, end); i >= len(b) || b[i] != ':' {
		return i, invalid
	}
	return end, skipSpace(b, i+1)
}

// skipNested returns the index after the object or array that starts at b[i]. It only
// counts brackets, so it needs no memory, however deep they nest.
func skipNested(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = skipString(b, i); i < 0 {
				return invalid
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return invalid
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipValue returns the index after the value that starts at b[i], or a negative
// number.
func skipValue(b []byte, i, depth int) int {
	switch {
	case depth > maxDepth:
		return tooDeep
	case i >= len(b):
		return invalid
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{':
		return skipObject(b, i, depth)
	case '[':
		return skipArray(b, i, depth)
	case 't':
		return skipLiteral(b, i, "true")
	case 'f':
		return skipLiteral(b, i, "false")
	case 'n':
		return skipLiteral(b, i, "null")
	}
	return skipNumber(b, i)
}

func skipObject(b []byte, i, depth int) int {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if _, i = skipKey(b, i); i < 0 {
			return invalid
		}
		if i = skipValue(b, i, depth+1); i < 0 {
			return i
		}
		if i = skipSpace(b, i); i >= len(b) {
			return invalid
		}
		switch b[i] {
		case '}':
			return i + 1
		case ',':
			i = skipSpace(b, i+1)
		default:
			return invalid
		}
	}
}

func skipArray(b []byte, i, depth int) int {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = skipValue(b, i, depth+1); i < 0 {
			return i
		}
		if i = skipSpace(b, i); i >= len(b) {
			return invalid
		}
		switch b[i] {
		case ']':
			return i + 1
		case ',':
			i = skipSpace(b, i+1)
		default:
			return invalid
		}
	}
}

// plain marks the bytes that need no escape inside a JSON string.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x20 && c != '"' && c != '\\'
	}
	return t
}()

// special finds a byte in w that needs an escape, or ends the string, inside a JSON
// string. It sets the top bit of the first such byte; the bytes after that one may be
// marked wrongly.
func special(w uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	quote, escape := w^ones*'"', w^ones*'\\'
	return ((w - ones*0x20) | (quote - ones) | (escape - ones)) &^ w & tops
}

// skipString returns the index after the string that starts at b[i], or a negative
// number.
func skipString(b []byte, i int) int {
	for i++; i < len(b); {
		if i+8 <= len(b) {
			m := special(binary.LittleEndian.Uint64(b[i:]))
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) / 8
		} else if plain[b[i]] {
			i++
			continue
		}
		if b[i] == '"' {
			return i + 1
		}
		if i = skipEscape(b, i); i < 0 {
			return invalid
		}
	}
	return invalid
}

// skipEscape returns the index after the escape at b[i], or a negative number.
func skipEscape(b []byte, i int) int {
	if b[i] != '\\' || i+1 >= len(b) {
		return invalid
	}
	i++
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		if i+4 < len(b) && isHex(b[i+1]) && isHex(b[i+2]) && isHex(b[i+3]) && isHex(b[i+4]) {
			return i + 5
		}
	}
	return invalid
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func skipLiteral(b []byte, i int, literal string) int {
	if end := i + len(literal); end <= len(b) && string(b[i:end]) == literal {
		return end
	}
	return invalid
}

func skipNumber(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	default:
		if i = skipDigits(b, i); i < 0 {
			return invalid
		}
	}
	if i < len(b) && b[i] == '.' {
		if i = skipDigits(b, i+1); i < 0 {
			return invalid
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return skipDigits(b, i)
	}
	return i
}

// skipDigits skips one digit or more.
func skipDigits(b []byte, i int) int {
	start := i
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	if i == start {
		return invalid
	}
	return i
}

// unquote returns the contents of the JSON string in raw, and reports whether raw is
// one. Most strings have no escapes; then the contents point into raw.
func unquote(raw []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return nil, false
	}
	inner := raw[1 : len(raw)-1]
	for _, c := range inner {
		if c == '\\' || c >= 0x80 { // encoding/json also repairs invalid UTF-8
			var s string
			if json.Unmarshal(raw, &s) != nil {
				return nil, false
			}
			return []byte(s), true
		}
	}
	return inner, true
}
