package redact

// A program that prints its headers or a buffer shows a secret in base64 or in
// hexadecimal digits. This file finds known secrets there.

const (
	// leastBase64 and leastHex are how many characters hold gramSize bytes.
	leastBase64 = 11
	leastHex    = 2 * gramSize
	// halfEscaped is how many bits the two digits have that a cut may have left of an
	// escape such as %2B before such a text.
	halfEscaped = 12
)

// sixBits is the value of each character of base64, in both of its alphabets; -1
// for all others.
var sixBits [256]int8

func init() {
	for i := range sixBits {
		sixBits[i] = -1
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	for i := range len(alphabet) {
		sixBits[alphabet[i]] = int8(i)
	}
	sixBits['+'], sixBits['-'], sixBits['/'], sixBits['_'] = 62, 62, 63, 63
}

// between reports whether c may stand between the bytes of a text in hexadecimal
// digits, as in "<Buffer 73 6b 2d>".
func between(c byte) bool { return c == ' ' || c == ':' || c == '-' || c == ',' }

// inBase64 reports whether text holds a piece of a secret in base64. It looks at
// the bits of the last characters as one number and needs no memory, because most
// lines hold words and paths that could be base64.
func (x *index) inBase64(text string) bool {
	var high, low uint64
	run := 0
	for i := range len(text) {
		v := sixBits[text[i]]
		if v < 0 {
			run = 0
			continue
		}
		high, low = high<<6|low>>58, low<<6|uint64(v)
		if run++; run < leastBase64 {
			continue
		}
		// A byte may end with this character, or two or four bits before its end. The
		// fourth case, six bits, was looked at with the character before.
		if x.has(low) || x.has(high<<62|low>>2) || x.has(high<<60|low>>4) {
			return true
		}
	}
	return false
}

// inHex reports whether text holds a piece of a secret in hexadecimal digits.
func (x *index) inHex(text string) bool {
	var last uint64
	run := 0
	for i := range len(text) {
		v := hexValue(text[i])
		switch {
		case v >= 0:
			last = last<<4 | uint64(v)
			if run++; run >= leastHex && x.has(last) {
				return true
			}
		case !between(text[i]):
			run = 0
		}
	}
	return false
}

// has reports whether a number is a piece of a secret.
func (x *index) has(gram uint64) bool {
	if !x.maybe(gram) {
		return false
	}
	_, known := x.grams[gram]
	return known
}

// coding is a way to write bytes as characters.
type coding struct {
	bits  int                                 // that one character holds
	step  int                                 // a byte begins at a multiple of so many bits
	least int                                 // characters that hold gramSize bytes
	value func(c byte) (value int, skip bool) // negative for a character that is none of the coding; skip says that it ends no run
}

var (
	inSixBits  = coding{6, 2, leastBase64, func(c byte) (int, bool) { return int(sixBits[c]), false }}
	inFourBits = coding{4, 4, leastHex, func(c byte) (int, bool) { return hexValue(c), between(c) }}
)

// encoded adds the parts of p that hold a secret in base64 or hexadecimal digits.
func (x *index) encoded(p plain, found []span) []span {
	text := string(p.text)
	if x.inBase64(text) {
		found = x.decoded(p, inSixBits, found)
	}
	if x.inHex(text) {
		found = x.decoded(p, inFourBits, found)
	}
	return found
}

// decoded adds what find finds in the characters of p, decoded. A run of them may
// begin in the middle of a byte.
func (x *index) decoded(p plain, c coding, found []span) []span {
	var run []int // where its characters are
	end := func() {
		for drop := 0; drop < 8+halfEscaped && len(run) >= c.least; drop += c.step {
			found = x.spelled(p.decode(run, drop, c), found)
		}
		run = run[:0]
	}
	for i, char := range p.text {
		v, skip := c.value(char)
		switch {
		case v >= 0:
			run = append(run, i)
		case !skip:
			end()
		}
	}
	end()
	return found
}

// decode is the text that the characters of p at run stand for, without the first
// bits of them.
func (p plain) decode(run []int, drop int, c coding) plain {
	size := len(run) * c.bits / 8
	out := plain{make([]byte, 0, size), make([]part, 0, size)}
	number, have := 0, -drop
	for n, at := range run {
		v, _ := c.value(p.text[at])
		number, have = number<<c.bits|v, have+c.bits
		if have < 8 {
			continue
		}
		have -= 8
		first := run[max(0, n-1)] // a byte has bits of two characters
		out.add([]byte{byte(number >> have)}, part{p.from[first].start, p.from[at].end})
		number &= 1<<have - 1
	}
	return out
}
