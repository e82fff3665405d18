// Package words is what the commands and doctor say, once in each language, and the choice
// of the language. The words of the menu and of notifications are in package tray, and every
// cause that package supervisor knows brings its English words itself.
//
// A sentence is a field of [Texts]. [English] and [Chinese] fill all of them, and the tests
// fail when one of them leaves a field empty. Packages that tell their errors in English keep
// doing so: [Texts.Translate] recognizes them.
package words

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Texts are all words of one language.
type Texts struct {
	Language string // "en" or "zh"
	Colon    string
	Space    string // between two sentences

	Help    Help
	Command map[string]Command // by its name, such as "autostart on"; "" is clawtray itself
	Exit    map[int]Exit       // by exit code
	Said    Said
	Wrong   Wrong
	Doctor  Doctor
	Desktop Desktop

	// Elsewhere are the sentences of other packages. English has none.
	Elsewhere []Sentence
}

// Sentence is what another package says in English, and its translation. A %s stands for
// what differs each time.
type Sentence struct{ English, Here string }

// Translate translates what another package has said in English. A sentence that is not
// known stays as it is: it comes from the system, from a gateway or from npm.
func (t *Texts) Translate(said string) string {
	for _, s := range t.Elsewhere {
		values, ok := values(s.English, said)
		if !ok {
			continue
		}
		for i, v := range values {
			if v := v.(string); strings.Contains(v, " ") { // not a name
				values[i] = t.Translate(v)
			}
		}
		return fmt.Sprintf(s.Here, values...)
	}
	if where, what, ok := strings.Cut(said, ": "); ok { // "/some/file: permission denied"
		if here := t.Translate(what); here != what {
			return where + t.Colon + here
		}
	}
	return said
}

// values are what stands in text where the sentence has a %s.
func values(sentence, text string) (found []any, ok bool) {
	parts := strings.Split(sentence, "%s")
	rest, ok := strings.CutPrefix(text, parts[0])
	for i, part := range parts[1:] {
		at := strings.Index(rest, part)
		if i == len(parts)-2 { // the last one: the sentence ends with it
			at = len(rest) - len(part)
		}
		if !ok || at < 0 || rest[at:at+len(part)] != part {
			return nil, false
		}
		found, rest = append(found, rest[:at]), rest[at+len(part):]
	}
	return found, ok && rest == ""
}

// Columns is how wide text is, in Latin letters: Chinese characters count twice.
func Columns(text string) (n int) {
	for _, r := range text {
		n += RuneColumns(r)
	}
	return n
}

// RuneColumns is how wide one character is, in Latin letters.
func RuneColumns(r rune) int {
	switch kind := width.LookupRune(r).Kind(); {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Pad is text with spaces behind it, so that it takes n columns.
func Pad(text string, n int) string { return text + strings.Repeat(" ", max(0, n-Columns(text))) }
