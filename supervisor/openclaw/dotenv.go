package openclaw

import (
	"regexp"
	"strings"
)

// maxDotenv is OpenClaw's own limit for a .env file (2026.9.6); it ignores a larger file.
const maxDotenv = 1 << 20

// jsSpace matches one white space character as JavaScript's \s does.
const jsSpace = `[\t\n\v\f\r \x{a0}\x{feff}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]`

var (
	// dotenvLine matches assignments as the npm package dotenv 17.4.2 does, which OpenClaw
	// uses: NAME=value or NAME: value, an optional "export" before it, quoted values over
	// several lines, and a comment after it.
	dotenvLine = regexp.MustCompile(`(?m)^` + jsSpace + `*(?:export` + jsSpace + `+)?([\w.-]+)(?:` + jsSpace + `*=` + jsSpace + `*?|:` + jsSpace + `+?)` +
		`(` + jsSpace + `*'(?:\\'|[^'])*'|` + jsSpace + `*"(?:\\"|[^"])*"|` + jsSpace + "*`(?:\\\\`|[^`])*`" + `|[^#\r\n]+)?` +
		jsSpace + `*(?:#[^\r\n\x{2028}\x{2029}]*)?$`)
	// portableName matches the names of variables that OpenClaw accepts; it ignores others.
	portableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// parseDotenv parses the text of a .env file. When a name occurs twice, the last value
// counts.
func parseDotenv(raw []byte) map[string]string {
	text := strings.ToValidUTF8(string(raw), "\ufffd")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	values := map[string]string{}
	for _, m := range dotenvLine.FindAllStringSubmatch(text, -1) {
		if portableName.MatchString(m[1]) {
			values[m[1]] = dotenvValue(trimJS(m[2]))
		}
	}
	return values
}

// dotenvValue removes the quotes around a value, and reads the escapes that double quotes allow.
func dotenvValue(value string) string {
	double := strings.HasPrefix(value, `"`)
	value = withoutQuotes(value)
	if double {
		value = strings.NewReplacer(`\n`, "\n", `\r`, "\r").Replace(value)
	}
	return value
}

// withoutQuotes removes a quote at the beginning of a line together with the last same
// quote at the end of a line, as dotenv's pattern ^(['"`])([\s\S]*)\1$ does. Go's patterns
// have no \1.
func withoutQuotes(value string) string {
	var out strings.Builder
	for rest := value; ; {
		begin, end := quoted(rest)
		if begin < 0 {
			out.WriteString(rest)
			return out.String()
		}
		out.WriteString(rest[:begin] + rest[begin+1:end])
		rest = rest[end+1:]
		// The text after the quote does not begin a line, so only a later line can match.
		next := strings.IndexByte(rest, '\n')
		if next < 0 {
			out.WriteString(rest)
			return out.String()
		}
		out.WriteString(rest[:next+1])
		rest = rest[next+1:]
	}
}

// quoted finds the first quote at the beginning of a line and the last same quote at the
// end of a line. begin is -1 when there is no such pair.
func quoted(text string) (begin, end int) {
	for begin = 0; ; {
		if begin < len(text) && strings.IndexByte("'\"`", text[begin]) >= 0 {
			if end := lastAtLineEnd(text[begin+1:], text[begin]); end >= 0 {
				return begin, begin + 1 + end
			}
		}
		next := strings.IndexByte(text[begin:], '\n')
		if next < 0 {
			return -1, -1
		}
		begin += next + 1
	}
}

func lastAtLineEnd(text string, quote byte) int {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == quote && (i+1 == len(text) || text[i+1] == '\n') {
			return i
		}
	}
	return -1
}

// trimJS removes white space at both ends as JavaScript's trim does.
func trimJS(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return isJSSpace(r) })
}

func isJSSpace(r rune) bool {
	return strings.ContainsRune("\t\n\v\f\r \u00a0\ufeff\u1680\u2028\u2029\u202f\u205f\u3000", r) || '\u2000' <= r && r <= '\u200a'
}
