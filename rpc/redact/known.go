package redact

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
)

const (
	// gramSize is how many consecutive bytes of a secret must not be shown; fewer say
	// little about the rest. That many bytes are compared at once, as one number.
	gramSize = 8
	// shortSize is the same for secrets of fewer than gramSize bytes.
	shortSize = minSecret
	shortMask = 1<<(8*shortSize) - 1
	// wordySize is the same for a part that is only letters, or only digits, like a word
	// or a number of ordinary text: so many in a row are no coincidence.
	wordySize = 12
	// gramsOf bounds the part of a very long secret, at each end, whose pieces are
	// recognised, in bytes; the whole secret is always recognised.
	gramsOf = 256
	// halfEscape is how many bytes of an escape sequence may be left beside a part of a
	// secret, when a text was cut through both.
	halfEscape = 16
	// filterBits is the size of the filter: it has 2^filterBits bits. With 30 secrets of 60
	// bytes one byte in thirty of ordinary text needs a closer look.
	filterBits = 16
)

// span is a part of a text, in bytes, that is replaced by mark.
type span struct {
	start, end int
	mark       string
}

// word is one spelling of a value that must not be shown.
type word struct {
	text  string
	mark  string // what is shown instead
	place bool   // a folder: found only where a path may end, and only whole
}

// index finds words in a text in one pass. It never changes after newIndex.
type index struct {
	filter [1 << filterBits / 64]uint64
	words  []word
	grams  map[uint64]gram   // all pieces of gramSize bytes of words
	short  map[uint64][]word // words with fewer than gramSize bytes, by their first shortSize
}

// gram is a piece of a word.
type gram struct {
	random bool   // ordinary text does not contain it, so it is hidden also without the rest of its word
	begins []word // words that begin with it
}

func newIndex(words []word) *index {
	x := &index{words: words, grams: map[uint64]gram{}, short: map[uint64][]word{}}
	for _, w := range words {
		if len(w.text) < gramSize {
			head := pack(w.text[:shortSize])
			x.short[head] = append(x.short[head], w)
			x.note(head)
			continue
		}
		for i := 0; i+gramSize <= len(w.text); i++ {
			if i > 0 && (w.place || i >= gramsOf && i+gramSize+gramsOf < len(w.text)) {
				continue
			}
			piece := w.text[i : i+gramSize]
			g := x.grams[pack(piece)]
			g.random = g.random || !w.place && looksRandom(piece)
			if i == 0 {
				g.begins = append(g.begins, w)
			}
			x.grams[pack(piece)] = g
			x.note(pack(piece))
		}
	}
	return x
}

// pack puts up to eight bytes into one number.
func pack(s string) (n uint64) {
	for i := range len(s) {
		n = n<<8 | uint64(s[i])
	}
	return n
}

// slot is the bit of the filter for a number.
func slot(n uint64) uint64 { return n * 0x9E3779B97F4A7C15 >> (64 - filterBits) }

func (x *index) note(n uint64) { x.filter[slot(n)/64] |= 1 << (slot(n) % 64) }

func (x *index) maybe(n uint64) bool { return x.filter[slot(n)/64]&(1<<(slot(n)%64)) != 0 }

// find returns the parts of text that are a word, a random piece of a word, or what is
// left of a word where the text was cut.
func (x *index) find(text string) (found []span) {
	var last uint64
	run := 0 // pieces of secrets that end here, at the byte before, and so on
	for i := range len(text) {
		last = last<<8 | uint64(text[i])
		known := false
		if end := i + 1; end >= gramSize && x.maybe(last) {
			var g gram
			g, known = x.grams[last]
			found = begin(text, end-gramSize, g.begins, found)
			switch {
			case g.random:
				found = append(found, span{end - gramSize, end, Mark})
			case known && run >= wordySize-gramSize && oneWord(text[end-wordySize:end]):
				found = append(found, span{end - wordySize, end, Mark})
			}
		}
		if run++; !known {
			run = 0
		}
		if end := i + 1; len(x.short) > 0 && end >= shortSize && x.maybe(last&shortMask) {
			found = begin(text, end-shortSize, x.short[last&shortMask], found)
		}
	}
	return x.edges(text, found)
}

// oneWord reports whether s has only letters and digits of ASCII.
func oneWord(s string) bool {
	for i := range len(s) {
		if c := lower[s[i]]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// begin adds those of words that stand in text at start.
func begin(text string, start int, words []word, found []span) []span {
	for _, w := range words {
		end := start + len(w.text)
		if strings.HasPrefix(text[start:], w.text) && (!w.place || pathEnds(text[end:])) {
			found = append(found, span{start, end, w.mark})
		}
	}
	return found
}

// pathEnds reports whether the name of a folder is complete when rest follows it.
func pathEnds(rest string) bool {
	return rest == "" || !nameByte(rest[0]) || rest[0] == '.' && (len(rest) == 1 || rest[1] == ' ')
}

// edges adds to found what is left of a secret where a text was cut: at both ends of the
// text, and on both sides of an ellipsis.
func (x *index) edges(text string, found []span) []span {
	found = x.edge(text, 0, len(text), found)
	for _, ellipsis := range []string{"…", "..."} {
		for from := 0; ; {
			i := strings.Index(text[from:], ellipsis)
			if i < 0 {
				break
			}
			i += from
			from = i + len(ellipsis)
			found = x.edge(text, from, i, found)
		}
	}
	return found
}

// edge looks for a part of a secret at the end of text[:end] and at the beginning of
// text[start:], also behind characters that a cut may have added or left there.
func (x *index) edge(text string, start, end int, found []span) []span {
	for _, added := range []string{"", "\r\n[]", " \t\r\n[](){}\"'"} {
		before := strings.TrimRight(text[:end], added)
		if n := x.part(before, headOf); n > 0 {
			found = append(found, span{len(before) - n, len(before), Mark})
		} else if i := strings.LastIndexAny(before[max(0, len(before)-halfEscape):], `%\ux[`); i >= 0 {
			before = before[:max(0, len(before)-halfEscape)+i]
			if n := x.part(before, headOf); n > 0 {
				found = append(found, span{len(before) - n, len(before), Mark})
			}
		}
		after := strings.TrimLeft(text[start:], added)
		for range halfEscape {
			if n := x.part(after, tailOf); n > 0 {
				found = append(found, span{len(text) - len(after), len(text) - len(after) + n, Mark})
				break
			}
			if after == "" || !strings.Contains("0123456789abcdefABCDEFux[;m", after[:1]) {
				break
			}
			after = after[1:]
		}
	}
	return found
}

// headOf is how many bytes at the end of text are the beginning of secret; 0 when they
// are fewer than gramSize.
func headOf(secret, text string) int {
	for n := min(len(secret), len(text)); n >= gramSize; n-- {
		if strings.HasSuffix(text, secret[:n]) {
			return n
		}
	}
	return 0
}

// tailOf is how many bytes at the beginning of text are the end of secret. When the whole
// text is a part of secret, because it was cut at both ends, it is the whole text.
func tailOf(secret, text string) int {
	if text := strings.TrimRight(text, "\r\n"); strings.Contains(secret, text) {
		return len(text)
	}
	for n := min(len(secret), len(text)); n >= gramSize; n-- {
		if strings.HasPrefix(text, secret[len(secret)-n:]) {
			return n
		}
	}
	return 0
}

// part is the size of the largest part of a secret at one edge of text, in bytes. of is
// headOf or tailOf and says at which edge.
func (x *index) part(text string, of func(secret, text string) int) (size int) {
	if len(text) < gramSize || !x.knows(text[:gramSize]) && !x.knows(text[len(text)-gramSize:]) {
		return 0
	}
	for _, w := range x.words {
		if !w.place {
			size = max(size, of(w.text, text))
		}
	}
	return size
}

// knows reports whether gram is a piece of a secret.
func (x *index) knows(gram string) bool { return x.has(pack(gram)) }

// spans is find, also for words that are written with escapes.
func (x *index) spans(text string) []span {
	if len(x.words) == 0 {
		return nil
	}
	found := x.find(text)
	if !escaped(text) {
		if x.inBase64(text) || x.inHex(text) {
			found = x.encoded(asIs(text), found)
		}
		return found
	}
	for _, p := range levels(text) {
		seen := p.without(false)
		found = x.encoded(seen, x.spelled(seen, found))
		if bytes.Contains(p.text, []byte("\x1b]")) {
			found = x.spelled(p.without(true), found)
		}
	}
	return found
}

// spelled adds to found what find finds in p, as parts of the original text.
func (x *index) spelled(p plain, found []span) []span {
	for _, s := range x.find(string(p.text)) {
		found = append(found, span{int(p.from[s.start].start), int(p.from[s.end-1].end), s.mark})
	}
	return found
}

// replace returns text in which each part of found is replaced by its mark. Parts that
// overlap are replaced together.
func replace(text string, found []span) string {
	if len(found) == 0 {
		return text
	}
	slices.SortFunc(found, func(a, b span) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return b.end - a.end
	})
	var out strings.Builder
	done := 0
	for i := 0; i < len(found); {
		s := found[i]
		for i++; i < len(found) && found[i].start < s.end; i++ {
			if found[i].mark == Mark {
				s.mark = Mark
			}
			s.end = max(s.end, found[i].end)
		}
		out.WriteString(text[done:s.start])
		out.WriteString(s.mark)
		done = s.end
	}
	out.WriteString(text[done:])
	return out.String()
}

// looksSecret reports whether s looks like a key that a machine has made, not like a word
// and not like a name in a program.
func looksSecret(s string) bool { return looksRandom(s) && strings.ContainsAny(s, "0123456789") }

// looksRandom reports whether s does not look like a word of a language, because it has
// digits between letters, or capitals after small letters. Versions and times, which have
// other characters between letters and digits, do not look random.
func looksRandom(s string) bool {
	if len(s) < gramSize {
		return false
	}
	changes, last := 0, 0
	for _, c := range s {
		kind := 0
		switch {
		case unicode.IsDigit(c):
			kind = 1
		case unicode.IsUpper(c):
			kind = 2
		case unicode.IsLetter(c):
			kind = 3
		default:
			last = 0
			continue
		}
		if last != 0 && kind != last && !(last == 2 && kind == 3) {
			changes++
		}
		last = kind
	}
	return changes >= 1
}
