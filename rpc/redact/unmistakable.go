package redact

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// Unmistakable is [Printable] for what a person is to decide about, such as a command or
// a name. Beyond what Printable replaces, every character that only looks like another one
// is replaced by its escape:
//   - blanks other than the space, and signs that look like one of ASCII; wide ones stay
//     beside Chinese or Japanese, where they belong;
//   - letters that look like ASCII letters, in a word that has ASCII letters too, or has
//     no other letters: a Russian word stays, "rm" with a Russian letter does not;
//   - letters that are written from right to left, and selectors of variants: they show
//     the characters around them in another order, or hide a message.
func Unmistakable(s string) string { return unmistakable(s, sign) }

// UnmistakableProse is Unmistakable for sentences: curly quotes, dashes and languages that
// are written from right to left stay.
func UnmistakableProse(s string) string {
	return unmistakable(s, func(text []rune, i int) string { return string(text[i]) })
}

func unmistakable(s string, sign func(text []rune, i int) string) string {
	if !suspicious(s) {
		return s
	}
	var out strings.Builder
	text := []rune(Printable(s))
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && inWord(text[end]) {
			end++
		}
		if end == i {
			out.WriteString(sign(text, i))
			i++
			continue
		}
		writeWord(&out, text[i:end])
		i = end
	}
	return out.String()
}

// inWord reports whether r is part of a word of a command: a letter, a digit or an accent.
// What is written from right to left is none, because it turns a whole command.
func inWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N, unicode.Mn, unicode.Mc) && !selector(r) && !turns(r)
}

// writeWord writes a word; its letters that look like ASCII ones are replaced when it can
// be taken for a word of ASCII.
func writeWord(out *strings.Builder, word []rune) {
	ascii, alike, others := 0, 0, 0
	for _, r := range word {
		switch {
		case r < unicode.MaxASCII:
			ascii++
		case looksASCII(r):
			alike++
		default:
			others++
		}
	}
	mistakable := alike > 0 && (ascii > 0 || others == 0)
	for _, r := range word {
		if mistakable && r > unicode.MaxASCII && looksASCII(r) {
			out.Write(visible(nil, r))
			continue
		}
		out.WriteRune(r)
	}
}

// sign is what stands for the character at i, which belongs to no word.
func sign(text []rune, i int) string {
	r := text[i]
	afterPicture := i > 0 && picture(text[i-1])
	switch {
	case r == '\n' || r == '\t' || r == '\ufe0f' && afterPicture || wide(r) && !amidASCII(text, i):
	case selector(r), r != ' ' && unicode.IsSpace(r), r > unicode.MaxASCII && looksASCII(r), turns(r):
		return string(visible(nil, r))
	}
	return string(r)
}

// wide reports whether r is a sign as Chinese and Japanese write it, as wide as a letter.
func wide(r rune) bool { return r >= '\u3000' && r <= '\u303f' || r >= '\uff00' && r <= '\uff65' }

// amidASCII reports whether the wide signs around i stand between ASCII, or at an edge.
func amidASCII(text []rune, i int) bool {
	before, after := i, i
	for before >= 0 && wide(text[before]) {
		before--
	}
	for after < len(text) && wide(text[after]) {
		after++
	}
	return (before < 0 || text[before] < unicode.MaxASCII) && (after == len(text) || text[after] < unicode.MaxASCII)
}

// selector reports whether r only chooses how the character before it looks.
func selector(r rune) bool { return r >= '\ufe00' && r <= '\ufe0f' || r >= '\u180b' && r <= '\u180f' }

// turns reports whether r is written from right to left: it takes its neighbours along.
func turns(r rune) bool {
	class, _ := bidi.LookupRune(r)
	switch class.Class() {
	case bidi.R, bidi.AL, bidi.AN:
		return true
	}
	return false
}

// looksASCII reports whether r can be taken for a character of ASCII. Unicode itself says
// so of wide letters, of letters for formulas and of ligatures; the others are in a table.
func looksASCII(r rune) bool {
	if strings.ContainsRune(alikes, r) {
		return true
	}
	same := norm.NFKC.String(string(r))
	return same != string(r) && !suspicious(same)
}

// alikes are characters that look like one of ASCII in the fonts of today's desktops,
// after Unicode's list of confusables (UTS 39), by writing.
const alikes = "" +
	"АВЕЅІЈКМНОРСТУХҮаесһіјоԛрѕԝхуүѵьзӏԁԍ" + // Cyrillic
	"ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγικνορτυχϳ" + // Greek
	"ԱՍՕՏԼցհոսօզյգ" + // Armenian
	"ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃ" + // Cherokee
	"ɑɡɩıȷɪʏʀʜʟɴꜱꞎƽƨǃǀꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ" + // Latin of other languages, Lisu
	"\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043" + // like -
	"\u2215\u2044\u2571\u29f8" + // like /
	"\u2216\u29f5\u29f9" + // like a backslash
	"\u037e\u2236\ua789\u05c3\u0589" + // like ; and :
	"\u201a\u060c\u066b\u2219\u00b7\u2024\ua4f8" + // like , and .
	"\u2018\u2019\u201b\u2032\u02b9\u02bb\u02bc\u02bd\u02c8\u00b4\ua78c" + // like ' and a backtick
	"\u201c\u201d\u201f\u2033\u02ba" + // like "
	"\u2039\u203a\u276e\u276f\u02c2\u02c3\u27e8\u27e9" + // like < and >
	"\u2217\u204e\u066d\u22c6" + // like *
	"\u2223\u2502\u2503\u23d0" + // like |
	"\u02dc\u223c" + // like ~
	"\u2800" // like a blank
