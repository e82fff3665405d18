package tray

import (
	"regexp"
	"strings"
	"unicode"

	"clawtray/supervisor/words"
)

// maxLabel is the maximum width of a line in the menu, in Latin letters; a Chinese
// character counts as two. Hosts do not shorten lines, and a long line runs over the edge
// of the screen.
const maxLabel = 60

// maxTooltip is the maximum number of characters in a tooltip; Windows cuts at 127.
const maxTooltip = 120

// plain makes text from outside safe for every place: it makes the text printable, and
// replaces characters that a notification server or a tooltip would read as markup, or that
// a shell behind a Windows notification would expand, by similar ones.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if alike, ok := lookalikes[r]; ok {
			return alike
		}
		return r
	}, printable(s))
}

// printable returns s as one line without control characters. A tab would split a line of
// the menu, a newline would break it, and an escape sequence would control a terminal.
func printable(s string) string {
	s = ansi.ReplaceAllString(s, "")
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)), " ")
}

// ansi matches the escape sequences that colour text in a terminal.
var ansi = regexp.MustCompile("\x1b\\[[0-9;?]*[a-zA-Z]")

var lookalikes = map[rune]rune{'<': '‹', '>': '›', '&': '＆', '"': '”', '`': '´', '$': '＄'}

// fitting is how many bytes of s fit into n columns.
func fitting(s string, n int) int {
	for i, r := range s {
		if n -= words.RuneColumns(r); n < 0 {
			return i
		}
	}
	return len(s)
}

// cut shortens s to at most n columns.
func cut(s string, n int) string {
	if words.Columns(s) <= n {
		return s
	}
	return strings.TrimRight(s[:fitting(s, n-1)], " ") + "…"
}

// wrap breaks s into at most n lines of maxLabel columns, at spaces where it can.
func wrap(s string, n int) []string {
	var lines []string
	for ; s != "" && n > 0; n-- {
		if words.Columns(s) <= maxLabel || n == 1 {
			return append(lines, cut(s, maxLabel))
		}
		at := fitting(s, maxLabel)
		if space := strings.LastIndexByte(s[:at+1], ' '); space > at/2 {
			at = space
		}
		lines = append(lines, s[:at])
		s = strings.TrimLeft(s[at:], " ")
	}
	return lines
}
