package openclaw

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxNesting limits the depth of arrays and objects. Every level needs stack, and when the
// stack is exhausted, the Go runtime ends the program without a chance to recover.
const maxNesting = 10_000

// SyntaxError says where a text is not valid JSON5. Line and Column count from 1, in
// characters. Text never contains more than one character of the input, because the input
// may contain secrets.
type SyntaxError struct {
	Line, Column int
	Text         string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Text)
}

// decodeJSON5 parses one JSON5 value by the rules of the npm package json5 2.2.3, which
// OpenClaw uses. The value consists of map[string]any, []any, string, float64, bool and
// nil. When a key occurs twice, the last value counts. Halves of surrogate pairs and
// invalid UTF-8 become U+FFFD. The error is a *SyntaxError.
//
// Go's JSON5 libraries do not accept all of this: titanous/json5 v1.0.0 rejects no-break
// spaces, \x and \v escapes, slashes in block comments, and keys outside ASCII.
func decodeJSON5(raw []byte) (any, error) {
	d := json5Decoder{text: string(raw)}
	v, err := d.document()
	if err == nil {
		return v, nil
	}
	line := 1 + strings.Count(d.text[:d.at], "\n")
	lineStart := strings.LastIndexByte(d.text[:d.at], '\n') + 1
	return nil, &SyntaxError{Line: line, Column: 1 + utf8.RuneCountInString(d.text[lineStart:d.at]), Text: err.Error()}
}

// parseJSON5 is decodeJSON5 for a text that must be an object.
func parseJSON5(raw []byte) (map[string]any, error) {
	v, err := decodeJSON5(raw)
	if err != nil {
		return nil, err
	}
	doc, ok := v.(map[string]any)
	if !ok {
		return nil, errNotAnObject
	}
	return doc, nil
}

var errNotAnObject = errors.New("the text is not an object in braces")

// json5Decoder reads text; at is the offset of the next byte. When a method fails, at is
// the position of the problem.
type json5Decoder struct {
	text  string
	at    int
	depth int
}

// endOfText is what peek returns after the last character.
const endOfText rune = -1

func (d *json5Decoder) peek() rune {
	r, _ := d.next()
	return r
}

// next returns the next character and its length in bytes. It does not advance.
func (d *json5Decoder) next() (rune, int) {
	if d.at >= len(d.text) {
		return endOfText, 0
	}
	return utf8.DecodeRuneInString(d.text[d.at:])
}

// take advances over the next character when that is r.
func (d *json5Decoder) take(r rune) bool {
	got, n := d.next()
	if got != r || n == 0 {
		return false
	}
	d.at += n
	return true
}

// unexpected returns the error for the character at d.at.
func (d *json5Decoder) unexpected() error {
	switch r := d.peek(); {
	case r == endOfText:
		return errEndOfText
	case unicode.IsPrint(r):
		return fmt.Errorf("unexpected character %q", r)
	default:
		return fmt.Errorf("unexpected character %U", r)
	}
}

// errEndOfText means that the text ends too early, as in a file that is being written.
var errEndOfText = errors.New("unexpected end of the text")

func (d *json5Decoder) document() (any, error) {
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	if err := d.space(); err != nil {
		return nil, err
	}
	if d.peek() != endOfText {
		return nil, d.unexpected()
	}
	return v, nil
}

// space advances over white space and comments.
func (d *json5Decoder) space() error {
	for {
		r, n := d.next()
		switch {
		case r == '/':
			if err := d.comment(); err != nil {
				return err
			}
		case r == '\t', r == '\v', r == '\f', r == '\ufeff', isLineEnd(r), unicode.Is(unicode.Zs, r):
			d.at += n
		default:
			return nil
		}
	}
}

func isLineEnd(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029'
}

func (d *json5Decoder) comment() error {
	rest := d.text[d.at:]
	switch {
	case strings.HasPrefix(rest, "//"):
		end := strings.IndexFunc(rest, isLineEnd)
		if end < 0 {
			end = len(rest)
		}
		d.at += end
	case strings.HasPrefix(rest, "/*"):
		end := strings.Index(rest[2:], "*/")
		if end < 0 {
			d.at = len(d.text)
			return errEndOfText
		}
		d.at += 2 + end + 2
	default:
		d.at++
		return d.unexpected()
	}
	return nil
}

// value parses a value and the white space before it.
func (d *json5Decoder) value() (any, error) {
	if err := d.space(); err != nil {
		return nil, err
	}
	switch r := d.peek(); r {
	case '{':
		return d.nested(d.object)
	case '[':
		return d.nested(d.array)
	case '"', '\'':
		return d.text5()
	case 'n':
		return nil, d.word("null")
	case 't':
		return true, d.word("true")
	case 'f':
		return false, d.word("false")
	default:
		return d.number()
	}
}

func (d *json5Decoder) nested(read func() (any, error)) (any, error) {
	if d.depth++; d.depth > maxNesting {
		return nil, fmt.Errorf("more than %d arrays and objects inside each other", maxNesting)
	}
	d.at++ // the bracket
	v, err := read()
	d.depth--
	return v, err
}

// word advances over exactly this word.
func (d *json5Decoder) word(word string) error {
	for _, r := range word {
		if !d.take(r) {
			return d.unexpected()
		}
	}
	return nil
}

func (d *json5Decoder) array() (any, error) {
	list := []any{}
	for {
		if err := d.space(); err != nil {
			return nil, err
		}
		if d.take(']') {
			return list, nil
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if end, err := d.separator(']'); end || err != nil {
			return list, err
		}
	}
}

func (d *json5Decoder) object() (any, error) {
	members := map[string]any{}
	for {
		if err := d.space(); err != nil {
			return nil, err
		}
		if d.take('}') {
			return members, nil
		}
		key, err := d.key()
		if err != nil {
			return nil, err
		}
		if err := d.space(); err != nil {
			return nil, err
		}
		if !d.take(':') {
			return nil, d.unexpected()
		}
		if members[key], err = d.value(); err != nil {
			return nil, err
		}
		if end, err := d.separator('}'); end || err != nil {
			return members, err
		}
	}
}

// separator advances over what follows a member: a comma, or the closing bracket, which
// ends the list.
func (d *json5Decoder) separator(closing rune) (end bool, err error) {
	if err := d.space(); err != nil {
		return false, err
	}
	if d.take(closing) {
		return true, nil
	}
	if d.take(',') {
		return false, nil
	}
	return false, d.unexpected()
}

// key parses the name of a member: a text, or an identifier of ECMAScript 5.1.
func (d *json5Decoder) key() (string, error) {
	if r := d.peek(); r == '"' || r == '\'' {
		return d.text5()
	}
	var name strings.Builder
	for {
		start := d.at
		r, n := d.next()
		d.at += n
		escaped := r == '\\'
		if escaped {
			var err error
			if !d.take('u') {
				return "", d.unexpected()
			}
			if r, err = d.hex(4); err != nil {
				return "", err
			}
		}
		if !isIdentifier(r, name.Len() == 0) {
			d.at = start
			if escaped || name.Len() == 0 {
				return "", d.unexpected()
			}
			return name.String(), nil
		}
		name.WriteRune(r)
	}
}

// isIdentifier reports whether r is allowed in an identifier, or as its first character.
func isIdentifier(r rune, first bool) bool {
	switch {
	case r == '$', r == '_', unicode.IsLetter(r), unicode.Is(unicode.Nl, r):
		return r != utf8.RuneError
	case first:
		return false
	}
	return r == '\u200c' || r == '\u200d' || unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc)
}

// number parses a signed number in any of JSON5's notations.
func (d *json5Decoder) number() (any, error) {
	sign := 1.0
	if d.take('-') {
		sign = -1
	} else {
		d.take('+')
	}
	switch d.peek() {
	case 'I':
		return math.Inf(int(sign)), d.word("Infinity")
	case 'N':
		return math.NaN(), d.word("NaN")
	}
	if rest := d.text[d.at:]; strings.HasPrefix(rest, "0x") || strings.HasPrefix(rest, "0X") {
		d.at += 2
		return d.hexadecimal(sign)
	}
	return d.decimal(sign)
}

func (d *json5Decoder) hexadecimal(sign float64) (any, error) {
	digits := d.digits(isHexDigit)
	if digits == "" {
		return nil, d.unexpected()
	}
	v, _ := strconv.ParseFloat("0x"+digits+"p0", 64) // too large is infinity, as in JavaScript
	return sign * v, nil
}

func (d *json5Decoder) decimal(sign float64) (any, error) {
	start := d.at
	var whole, fraction string
	if !d.take('0') { // after a leading zero only a dot or an exponent may follow
		whole = d.digits(isDigit)
	} else {
		whole = "0"
	}
	if d.take('.') {
		fraction = d.digits(isDigit)
	}
	if whole == "" && fraction == "" {
		return nil, d.unexpected()
	}
	if d.take('e') || d.take('E') {
		if !d.take('-') {
			d.take('+')
		}
		if d.digits(isDigit) == "" {
			return nil, d.unexpected()
		}
	}
	v, _ := strconv.ParseFloat(d.text[start:d.at], 64) // too large is infinity, as in JavaScript
	return sign * v, nil
}

// digits advances over the characters for which is returns true, and returns them.
func (d *json5Decoder) digits(is func(byte) bool) string {
	start := d.at
	for d.at < len(d.text) && is(d.text[d.at]) {
		d.at++
	}
	return d.text[start:d.at]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHexDigit(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// hex parses a number with exactly n hexadecimal digits.
func (d *json5Decoder) hex(n int) (rune, error) {
	start := d.at
	for range n {
		if d.at >= len(d.text) || !isHexDigit(d.text[d.at]) {
			return 0, d.unexpected()
		}
		d.at++
	}
	v, err := strconv.ParseUint(d.text[start:d.at], 16, 32)
	return rune(v), err
}

// text5 parses a text in double or single quotes.
func (d *json5Decoder) text5() (string, error) {
	quote, _ := d.next()
	d.at++
	var text surrogateJoiner
	for {
		r, n := d.next()
		switch {
		case r == endOfText, r == '\n', r == '\r':
			return "", d.unexpected()
		case r == quote:
			d.at++
			return text.String(), nil
		case r != '\\':
			d.at += n
			text.add(r)
			continue
		}
		d.at++
		r, ok, err := d.escape()
		if err != nil {
			return "", err
		}
		if ok {
			text.add(r)
		}
	}
}

// plainEscapes are the escapes of one letter.
var plainEscapes = map[rune]rune{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// escape parses what follows a backslash in a text. When ok is false, the escape means no
// character: the line continues on the next one.
func (d *json5Decoder) escape() (r rune, ok bool, err error) {
	r, n := d.next()
	if r == endOfText || '1' <= r && r <= '9' {
		return 0, false, d.unexpected()
	}
	d.at += n
	if plain, is := plainEscapes[r]; is {
		return plain, true, nil
	}
	switch r {
	case '0':
		if d.at < len(d.text) && isDigit(d.text[d.at]) {
			return 0, false, d.unexpected()
		}
		return 0, true, nil
	case 'x':
		r, err = d.hex(2)
	case 'u':
		r, err = d.hex(4)
	case '\r':
		d.take('\n')
		return 0, false, nil
	case '\n', '\u2028', '\u2029':
		return 0, false, nil
	}
	return r, err == nil, err
}

// surrogateJoiner collects the characters of a text. An escape names a UTF-16 code unit, so
// two escapes together can be one character.
type surrogateJoiner struct {
	text strings.Builder
	high rune // the first half of a pair; 0 when there is none
}

func (j *surrogateJoiner) add(r rune) {
	if j.high != 0 {
		joined := utf16.DecodeRune(j.high, r)
		j.high = 0
		j.text.WriteRune(joined) // U+FFFD when the two are not a pair
		if joined != utf8.RuneError {
			return
		}
	}
	if 0xd800 <= r && r < 0xdc00 {
		j.high = r
		return
	}
	j.text.WriteRune(r) // U+FFFD when r is a second half without a first one
}

func (j *surrogateJoiner) String() string {
	if j.high != 0 {
		j.high = 0
		j.text.WriteRune(utf8.RuneError)
	}
	return j.text.String()
}
