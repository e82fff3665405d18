package redact

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode"
)

// stems are the beginnings, in lower case, of all words that may stand before a secret.
// Each has three bytes, so that one comparison of a number finds it.
var stems = []string{"tok", "sec", "pas", "pwd", "key", "sig", "aut", "coo", "cre", "bea", "bas", "jwt", "://", `:\/`, "---"}

// longest is how many bytes of a value are looked at to judge it. Without this bound an
// attacker could send a text that takes time in proportion to the square of its length.
const longest = 4096

// stemBits is the size of stemFilter: it has 2^stemBits entries.
const stemBits = 12

var (
	stemFilter [1 << stemBits]bool
	stemSet    = map[uint32]bool{}
	lower      [256]byte
	inName     [256]bool
)

func init() {
	for c := range 256 {
		lower[c] = byte(c)
		switch {
		case c >= 'A' && c <= 'Z':
			lower[c] = byte(c + 'a' - 'A')
			inName[c] = true
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_', c == '-', c == '.':
			inName[c] = true
		}
	}
	for _, s := range stems {
		n := uint32(pack(s))
		stemFilter[stemSlot(n)], stemSet[n] = true, true
	}
}

func stemSlot(n uint32) uint32 { return n * 0x9E3779B1 >> (32 - stemBits) }

func nameByte(c byte) bool { return inName[c] }

// nextStem is the index of the first stem in s at or after from; -1 when there is none.
func nextStem(s string, from int) int {
	var last uint32
	for i := from; i < len(s); i++ {
		last = (last<<8 | uint32(lower[s[i]])) & 0xffffff
		if stemFilter[stemSlot(last)] && i >= from+2 && stemSet[last] {
			return i - 2
		}
	}
	return -1
}

// guess returns the parts of a text that are probably secrets because of what stands
// before them: key=value, "key":"value", --key value, Authorization: Bearer value,
// https://user:value@host, and private keys.
func guess(s string) []span {
	g := guesser{s: s}
	for i := nextStem(s, 0); i >= 0; i = nextStem(s, i) {
		switch s[i] {
		case ':':
			i = g.userinfo(i)
		case '-':
			i = g.pem(i)
		default:
			i = g.named(i)
		}
	}
	return g.found
}

// guesser collects what guess finds. Its methods get the index of a stem, and return the
// index at which guess goes on.
type guesser struct {
	s     string
	found []span
}

func (g *guesser) hide(start, end int) int {
	if start < end && g.s[start:end] != Mark {
		g.found = append(g.found, span{start, end, Mark})
	}
	return end
}

// userinfo hides the password in a URL whose "://" is at i. Some programs write it as
// `:\/\/` in JSON.
func (g *guesser) userinfo(i int) int {
	start := i + len("://")
	if strings.HasPrefix(g.s[i:], `:\/\/`) {
		start = i + len(`:\/\/`)
	}
	end := start
	for end < min(len(g.s), start+longest) && g.s[end] > ' ' && !strings.ContainsRune("\"'`<>\\", rune(g.s[end])) {
		end++
	}
	authority := g.s[start:end]
	if slash := strings.IndexAny(authority, "/?#"); slash >= 0 {
		// People write passwords with a slash, although such a URL is not valid. A number
		// before the slash is a port.
		_, pass, has := strings.Cut(authority[:slash], ":")
		if strings.Contains(authority[:slash], "@") || !has || pass == "" || strings.Trim(pass, "0123456789") == "" {
			authority = authority[:slash]
		}
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return g.cutUserinfo(start, authority)
	}
	user, pass, has := strings.Cut(authority[:at], ":")
	switch {
	case has && pass != Mark && !placeholder(pass):
		g.hide(start+len(user)+1, start+at)
	case !has && looksRandom(user) && len(user) >= leastGuessed: // a token in the place of the user
		g.hide(start, start+at)
	}
	return start + at
}

// cutUserinfo hides the password in a URL that was cut before its host.
func (g *guesser) cutUserinfo(start int, authority string) int {
	rest := g.s[start+len(authority):]
	if rest != "" && !strings.HasPrefix(rest, "...") {
		return start
	}
	user, pass, _ := strings.Cut(strings.TrimRight(authority, ".…"), ":")
	if user != "" && user[0] != '[' && strings.Trim(pass, "0123456789") != "" && !harmless("", pass) { // neither IPv6 nor a port
		g.hide(start+len(user)+1, start+len(user)+1+len(pass))
	}
	return start
}

// pem hides a private key whose first line begins at i.
func (g *guesser) pem(i int) int {
	for i < len(g.s) && g.s[i] == '-' { // there are more than the three of the stem
		i++
	}
	if !strings.HasPrefix(g.s[i:], "BEGIN ") {
		return i
	}
	head, body, ok := strings.Cut(g.s[i:], "-----")
	if !ok || !strings.Contains(head, "PRIVATE KEY") || len(head) > 60 {
		return i
	}
	return g.hide(max(i-len("-----"), 0), len(g.s)-len(body)+keyEnd(body))
}

// named hides the value that follows the name around i, if that is the name of a secret.
func (g *guesser) named(i int) int {
	start, end := i, i
	for start > 0 && inName[g.s[start-1]] {
		start--
	}
	for end < len(g.s) && inName[g.s[end]] {
		end++
	}
	name := strings.Trim(g.s[start:end], "-._")
	if scheme := strings.ToLower(name); scheme == "basic" || scheme == "bearer" && skipBlanks(g.s, end) > end {
		return g.credential(scheme, end)
	}
	how := judge(name)
	if how == innocent && strings.EqualFold(name, "key") { // "API key: ..."
		how = judge(wordBefore(g.s[:start]) + "_key")
	}
	if how == innocent {
		return end
	}
	flag := strings.HasPrefix(g.s[start:end], "--")
	at, equals := separator(g.s, end, flag)
	if at < 0 {
		return end
	}
	return g.value(at, end, finding{name: strings.ToLower(name), how: how, equals: equals})
}

// wordBefore is the last word of s, which is followed by one blank.
func wordBefore(s string) string {
	s, ok := strings.CutSuffix(s, " ")
	if !ok {
		return ""
	}
	i := len(s)
	for i > 0 && unicode.IsLetter(rune(s[i-1])) {
		i--
	}
	return s[i:]
}

// separators stand between a name and its value.
var separators = []string{"=>", "==", "=", ":", "：", "%3D", "%3d", "%3A", "%3a"}

// separator is the index at which the value begins that belongs to a name ending at i; -1
// when no value follows. equals reports whether it is an assignment, as opposed to the
// colon of a sentence.
func separator(s string, i int, flag bool) (at int, equals bool) {
	j := i
	for j < len(s) && s[j] == '\\' {
		j++
	}
	quoted := j < len(s) && (s[j] == '"' || s[j] == '\'' || s[j] == '`')
	if quoted {
		i = j + 1
	}
	blank := skipBlanks(s, i)
	for _, sep := range separators {
		if strings.HasPrefix(s[blank:], sep) {
			if strings.HasPrefix(s[blank:], "::") { // parts of a name
				return -1, false
			}
			return skipBlanks(s, blank+len(sep)), quoted && s[j] != '`' || !strings.HasPrefix(sep, ":") && sep != "："
		}
	}
	switch {
	case !flag || blank >= len(s):
	case quoted && s[blank] == ',': // a list of arguments
		return skipBlanks(s, blank+1), true
	case blank > i && s[blank] != '-':
		return blank, false
	}
	return -1, false
}

func skipBlanks(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return i
}

// finding is a name that is followed by a separator.
type finding struct {
	name   string // in lower case
	how    strength
	equals bool
}

// schemes are what may stand between "Authorization:" and the secret.
var schemes = []string{"bearer ", "basic ", "digest ", "token ", "negotiate ", "apikey "}

// value hides the value at i. It belongs to the name in f, which ends at end.
func (g *guesser) value(i, end int, f finding) int {
	if strings.HasPrefix(g.s[i:], Mark) || strings.HasPrefix(g.s[i:], "//") { // it is redacted already, or the name was that of a protocol
		return max(end, i)
	}
	for _, scheme := range schemes {
		if len(g.s)-i > len(scheme) && strings.EqualFold(g.s[i:i+len(scheme)], scheme) {
			i = skipBlanks(g.s, i+len(scheme))
			if scheme == "digest " { // name="value", name="value"
				return g.hide(i, i+len(firstLine(g.s[i:])))
			}
			break
		}
	}
	j := i
	for j < len(g.s) && g.s[j] == '\\' {
		j++
	}
	switch {
	case j < len(g.s) && (g.s[j] == '"' || g.s[j] == '\'' || g.s[j] == '`'):
		return g.quoted(j, j-i, f)
	case i < len(g.s) && g.s[i] == '[' && strings.ContainsRune("\"'\\", rune(byteAt(g.s, skipBlanks(g.s, i+1)))):
		return g.hide(i, closing(g.s, i))
	}
	stop := valueEnd(g.s[:min(len(g.s), i+longest)], i)
	v := g.s[i:stop]
	switch {
	case harmless(f.name, v), f.how == weak && !looksSecret(v), f.name == "pwd" && isPath(v), f.name == "oldpwd" && isPath(v):
		return max(end, i)
	case !f.equals && (prose(v, g.s[stop:]) || !chosen(f.name) && ordinaryWord(v)):
		return max(end, i)
	}
	if strings.HasSuffix(f.name, "cookie") && strings.Contains(v, "=") {
		return g.hide(i, lineEnd(g.s, i))
	}
	return g.hide(i, valueEnd(g.s, i))
}

func byteAt(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

// quoted hides a quoted text. Its opening quote is at i and has so many backslashes before
// it as escapes says. The text ends at the closing quote, at the end of the line or at the
// end of the whole text.
func (g *guesser) quoted(i, escapes int, f finding) int {
	start := i + 1
	end, run := len(g.s), 0
	for j := start; j < len(g.s); j++ {
		switch {
		case g.s[j] == '\\':
			run++
			continue
		case g.s[j] == g.s[i] && run%(2*(escapes+1)) == escapes:
			end = j - escapes
		case g.s[j] == '\n':
			end = j
		}
		if end < len(g.s) {
			break
		}
		run = 0
	}
	text := g.s[start:end]
	for _, scheme := range schemes {
		if len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
			start += len(scheme)
			break
		}
	}
	if harmless(f.name, text) || f.how == weak && !looksSecret(text) {
		return start
	}
	return g.hide(start, end)
}

// credential hides what follows the word Bearer or Basic, which ends at i, unless it is an
// ordinary word of a sentence.
func (g *guesser) credential(scheme string, i int) int {
	at := skipBlanks(g.s, i)
	if at == i {
		return i
	}
	v := g.s[at:valueEnd(g.s[:min(len(g.s), at+longest)], at)]
	if harmless(scheme, v) || scheme == "bearer" && ordinaryWord(v) || scheme == "basic" && !userAndPassword(v) {
		return i
	}
	return g.hide(at, valueEnd(g.s, at))
}

// userAndPassword reports whether v is base64 of a user and a password with a colon
// between them, as it follows the word Basic in a header.
func userAndPassword(v string) bool {
	v = strings.TrimRight(v, "=.…")
	decoded, err := base64.RawStdEncoding.DecodeString(v[:len(v)-len(v)%4])
	return err == nil && bytes.Contains(decoded, []byte(":"))
}

// chosen reports whether a person chooses the value under this name. A person may have
// chosen an ordinary word; a machine does not.
func chosen(name string) bool {
	return strings.Contains(name, "pass") || strings.Contains(name, "pwd") || strings.Contains(name, "secret")
}

// ordinaryWord reports whether v has only small letters.
func ordinaryWord(v string) bool {
	return !strings.ContainsFunc(v, func(c rune) bool { return !unicode.IsLower(c) })
}

// valueEnd is the index at which the unquoted value at i ends: at a blank, at a quote, or
// at a comma or another separator that is followed by another name.
func valueEnd(s string, i int) int {
	j := i
scan:
	for ; j < len(s); j++ {
		switch c := s[j]; c {
		case ' ', '\t', '\n', '\r', '"', '\'', '`', '<', '>':
			break scan
		case '\\':
			if next := byteAt(s, j+1); next == 'n' || next == 'r' || next == 't' || next == '"' || next == '\'' {
				break scan
			}
		case ',', ';', '&', '#':
			if continues(s[j+1:]) {
				break scan
			}
		case '%':
			if strings.HasPrefix(s[j:], "%26") {
				break scan
			}
		}
	}
	for j > i && strings.IndexByte(".,;:!?)]}", s[j-1]) >= 0 && !strings.HasSuffix(s[i:j], Mark) {
		j--
	}
	return j
}

// continues reports whether rest begins with another name, or with another part of a
// sentence.
func continues(rest string) bool {
	i := 0
	for i < len(rest) && inName[rest[i]] {
		i++
	}
	return rest == "" || i > 0 && i < len(rest) && (rest[i] == '=' || rest[i] == ':') || i == 0 && !unicode.IsPunct(rune(rest[0]))
}

// lineEnd is the end of the line or of the quoted text at i.
func lineEnd(s string, i int) int {
	if n := strings.IndexAny(s[i:], "\r\n\""); n >= 0 {
		return i + n
	}
	return len(s)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// closing is the index after the list that begins at i.
func closing(s string, i int) int {
	if n := strings.IndexByte(s[i:], ']'); n >= 0 {
		return i + n + 1
	}
	return len(s)
}

// status are words that describe a secret, such as "missing", and common words that
// nobody may hide. They are never secrets.
var status = set("true false null nil undefined none yes no on off ok set unset missing expired invalid valid required optional empty present " +
	"absent unknown disabled enabled configured mismatch rejected refused accepted denied failed hidden default redacted generated provided " +
	"rotated changed revoked saved loaded environment env config file keychain __openclaw_redacted__ " +
	"openclaw openclaw.json port gateway clawtray password localhost loopback")

// harmless reports whether a value is no secret although its name is that of one.
func harmless(name, v string) bool {
	trimmed := strings.Trim(v, `\"'.,;:!?()[]{}`)
	switch {
	case strings.Trim(Mark, "[]") == trimmed, status[strings.ToLower(trimmed)], placeholder(v):
		return true
	case strings.Trim(trimmed, "0123456789.") == "":
		return counts(name) || len(trimmed) < 4
	}
	return !strings.ContainsFunc(v, func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) })
}

// placeholder reports whether v stands in place of a value: <token>, $TOKEN, ${TOKEN},
// %TOKEN%.
func placeholder(v string) bool {
	if len(v) < 2 {
		return false
	}
	inner := v
	switch {
	case v[0] == '<' && v[len(v)-1] == '>':
		return true
	case v[0] == '$':
		inner = strings.TrimSuffix(strings.TrimPrefix(v[1:], "{"), "}")
	case v[0] == '%' && v[len(v)-1] == '%':
		inner = v[1 : len(v)-1]
	default:
		return false
	}
	return inner != "" && strings.Trim(inner, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == "" && !unicode.IsDigit(rune(inner[0]))
}

// prose reports whether v is an ordinary word in a sentence that goes on with rest, as in
// "token: ours comes from the environment".
func prose(v, rest string) bool {
	first := true
	for _, c := range v {
		if !unicode.IsLetter(c) && c != '\'' && c != '-' && c != '’' || unicode.IsUpper(c) && !first {
			return false
		}
		first = false
	}
	if strings.ContainsFunc(v, func(c rune) bool { return unicode.In(c, unicode.Han) }) {
		return true
	}
	rest = strings.TrimLeft(rest, ",;:.!?")
	next := skipBlanks(rest, 0)
	return next > 0 && next < len(rest) && (rest[next] >= 'a' && rest[next] <= 'z' || rest[next] == '(')
}
