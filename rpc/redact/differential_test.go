package redact_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"clawtray/rpc/redact"
)

// A case is a secret, its spelling, the text around it, and where that is cut. In every case
// no eight consecutive bytes of the secret may be left.

var alphabets = []string{
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", "0123456789abcdef", "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz0123456789+/=",
	"abcDEF0123!#$%&()*+,-./:;<=>?@[]^_{|}~\"'`\\ ", "äöüßéèabc/\"\\123", "密码钥匙abc123",
}

func randomSecret(r *rand.Rand) string {
	alphabet := []rune(alphabets[r.IntN(len(alphabets))])
	secret := make([]rune, 8+r.IntN(50))
	for i := range secret {
		secret[i] = alphabet[r.IntN(len(alphabet))]
	}
	return strings.TrimSpace(string(secret))
}

// spellings write a secret as programs do.
var spellings = []func(r *rand.Rand, s string) string{
	func(_ *rand.Rand, s string) string { return s },
	func(_ *rand.Rand, s string) string { return inJSON(s) },
	func(_ *rand.Rand, s string) string { return inJSON(inJSON(s)) },
	func(_ *rand.Rand, s string) string { return strings.ReplaceAll(inJSON(s), "/", `\/`) },
	func(_ *rand.Rand, s string) string { return url.QueryEscape(s) },
	func(_ *rand.Rand, s string) string { return url.PathEscape(s) },
	func(_ *rand.Rand, s string) string { return lowerHex(url.QueryEscape(s)) },
	func(_ *rand.Rand, s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	func(_ *rand.Rand, s string) string { return inJSON(url.PathEscape(s)) },
	func(r *rand.Rand, s string) string { // a colour that changes inside
		i := boundary(r, s)
		return "\x1b[1;3" + fmt.Sprint(r.IntN(8)) + "m" + s[:i] + "\x1b[0m" + s[i:]
	},
	func(r *rand.Rand, s string) string {
		i := boundary(r, s)
		return inJSON(s[:i]) + `\u001b[0m` + inJSON(s[i:])
	},
	func(_ *rand.Rand, s string) string {
		return "\x1b]8;;https://host/" + url.PathEscape(s) + "\x1b\\link\x1b]8;;\x07"
	},
	func(r *rand.Rand, s string) string { return base64.StdEncoding.EncodeToString(inside(r, s)) },
	func(r *rand.Rand, s string) string { return base64.RawURLEncoding.EncodeToString(inside(r, s)) },
	func(r *rand.Rand, s string) string {
		return strings.ReplaceAll(inJSON(base64.StdEncoding.EncodeToString(inside(r, s))), "/", `\/`)
	},
	func(r *rand.Rand, s string) string {
		return url.QueryEscape(base64.StdEncoding.EncodeToString(inside(r, s)))
	},
	func(r *rand.Rand, s string) string { return hex.EncodeToString(inside(r, s)) },
	func(r *rand.Rand, s string) string { return fmt.Sprintf("%X", inside(r, s)) },
	func(r *rand.Rand, s string) string { return fmt.Sprintf("<Buffer % x>", inside(r, s)) },
}

// inside is a secret between a few other bytes, as in a header or in a file that was
// encoded as a whole.
func inside(r *rand.Rand, s string) []byte {
	const around = "user:\x00{\"a\":"
	return []byte(around[:r.IntN(len(around))] + s + around[:r.IntN(len(around))])
}

func boundary(r *rand.Rand, s string) int {
	runes := []rune(s)
	return len(string(runes[:r.IntN(len(runes)+1)]))
}

func inJSON(s string) string {
	b, _ := json.Marshal(s) // a string always marshals
	return string(b[1 : len(b)-1])
}

// places are what a secret stands in, at %s.
var places = []string{
	"%s", "the value %s was used", "token=%s", "OPENCLAW_GATEWAY_TOKEN=%s rest", `{"note":"%s","x":1}`, "https://user:%s@host/", "https://host/#token=%s&x=y", "https://host/%s?q=1", "[x] \"%s\" (y)",
	"prefix%ssuffix", "2026-11-26T00:45:34.069Z info [gateway] said %s", "\t%s\n", "--token %s --port 1", "a=%s,b=%s", "100% of %s", "%s%s",
}

// check redacts one case in each of the ways that the program does. size is how many
// consecutive bytes must not be left: eight, and some more for random secrets, because the
// text around them may begin or end like them.
func check(t *testing.T, seed1, seed2 uint64, secret string, size int) {
	r := rand.New(rand.NewPCG(seed1, seed2))
	redactor := redact.New()
	redactor.Add(secret, "another-secret-0815", randomSecret(r))
	text := strings.ReplaceAll(places[r.IntN(len(places))], "%s", spellings[r.IntN(len(spellings))](r, secret))
	filler := strings.Repeat("filler ", r.IntN(4))
	whole := filler + text + filler

	assertNoLeak(t, size, secret, whole, redactor.String(whole))
	assertNoLeak(t, size, secret, whole, string(redactor.JSON([]byte(whole))))
	cut := r.IntN(len(whole) + 1)
	assertNoLeak(t, size, secret, whole, redactor.Cut([]byte(whole), cut))
	lines := redactor.Lines()
	assertNoLeak(t, size, secret, whole[:cut], lines(whole[:cut]))
	assertNoLeak(t, size, secret, whole[cut:], lines(whole[cut:]))
	assertNoLeak(t, size, secret, whole[:cut]+"…", redactor.String(whole[:cut]+"…"))
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m|\\\\u001b\\[[0-9;]*m")

// assertNoLeak looks for the secret in what a reader could make of out.
func assertNoLeak(t *testing.T, size int, secret, in, out string) {
	t.Helper()
	out = strings.ReplaceAll(out, redact.Mark, "\x00") // its brackets are nobody's
	seen := []string{out, colours.ReplaceAllString(out, "")}
	for _, s := range seen {
		for range 2 {
			s = lenient(s)
			seen = append(seen, s, strings.ReplaceAll(s, "+", " "))
		}
		var j string
		if json.Unmarshal([]byte(`"`+s+`"`), &j) == nil {
			seen = append(seen, j)
		}
		seen = append(seen, strings.ReplaceAll(strings.ReplaceAll(out, `\/`, "/"), `\"`, `"`))
	}
	for _, s := range seen {
		// Leave out backslashes, because most of them belong to escapes.
		if leaks(strings.ReplaceAll(s, `\`, ""), strings.ReplaceAll(secret, `\`, ""), size) {
			t.Fatalf("%q is left in part of %q: %q", secret, in, out)
		}
	}
	for i := range len(secret) - size + 1 {
		// Eight bytes share a character of base64 with the ninth.
		if hexes(out, secret[i:i+size]) || i+size < len(secret) && base64s(out, secret[i:i+size+1]) {
			t.Fatalf("%q is left encoded in %q: %q", secret[i:i+size], in, out)
		}
	}
}

var betweenDigits = strings.NewReplacer(" ", "", ":", "")

// hexes reports whether piece stands in s in hexadecimal digits.
func hexes(s, piece string) bool {
	return strings.Contains(strings.ToLower(betweenDigits.Replace(s)), hex.EncodeToString([]byte(piece)))
}

// base64s reports whether piece stands in s in base64.
func base64s(s, piece string) bool {
	s = strings.NewReplacer("-", "+", "_", "/", `\`, "", "%2B", "+", "%2F", "/").Replace(s)
	for before := range 3 { // bytes before it; a character that has bits of a neighbour is left out
		whole := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + piece))
		first, last := (before*8+5)/6, (before+len(piece))*8/6
		if strings.Contains(s, whole[first:last]) {
			return true
		}
	}
	return false
}

// lenient undoes what of s is escaped as in a URL. Half an escape at the end says nothing.
func lenient(s string) string {
	s = halfEscape.ReplaceAllString(s, "")
	return hexEscape.ReplaceAllStringFunc(s, func(e string) string {
		c, _ := url.PathUnescape(e)
		return c
	})
}

var halfEscape = regexp.MustCompile(`%[0-9A-Fa-f]?(…)?$`)

var hexEscape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// XS5: a few thousand cases, always the same ones.
func TestXS5_NothingOfASecretIsLeft(t *testing.T) {
	cases := uint64(3000)
	if testing.Short() {
		cases = 500
	}
	for seed := range cases {
		check(t, 5, seed, randomSecret(rand.New(rand.NewPCG(1, seed))), 8)
	}
}

// FuzzRedactor does the same with any secrets. It also checks that redacting twice changes
// nothing, and that JSON stays JSON.
func FuzzRedactor(f *testing.F) {
	f.Add(uint64(1), uint64(2), random, "token=", " rest")
	f.Add(uint64(3), uint64(4), awkward, `{"a":"`, `"}`)
	f.Add(uint64(5), uint64(6), "correct horse battery staple", "http://x/#", "&y=1")
	f.Add(uint64(7), uint64(8), "密码密码密码密码", "-----BEGIN PRIVATE KEY-----", "-----END")
	f.Fuzz(func(t *testing.T, seed1, seed2 uint64, secret, before, after string) {
		r := redact.New(secret)
		text := before + secret + after
		got := r.String(text)
		if r.String(text) != got {
			t.Errorf("%q: not the same twice", text)
		}
		if json.Valid([]byte(before)) && !json.Valid(r.JSON([]byte(before))) {
			t.Errorf("no JSON any more: %q", before)
		}
		if learned(secret) {
			if strings.Contains(got, secret) {
				t.Errorf("%q became %q", text, got)
			}
			// In a JSON text a backslash is not the secret's own.
			if j := r.JSON([]byte(text)); strings.Contains(string(j), secret) && !strings.Contains(secret, `\`) {
				t.Errorf("%q became %q", text, j)
			}
			if !ownEscape.MatchString(secret) {
				check(t, seed1, seed2, secret, 10)
			}
		}
	})
}

// ownEscape matches what in a secret looks like an escape of JSON already. Such a
// secret is found as it is and in JSON, but not in JSON in JSON.
var ownEscape = regexp.MustCompile(`\\[ux][0-9A-Fa-f]{2}`)

// learned reports whether Add accepts s as one secret: s is long enough, has one line, is not
// the mark, and does not consist of repetitions.
func learned(s string) bool {
	different := map[rune]bool{}
	for _, c := range s {
		different[c] = true
	}
	return len(different) >= 8 && redact.New(s).String(s) != s && len(s) >= 8 && s == strings.ToValidUTF8(s, "") && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f }) &&
		s == strings.TrimSpace(s) && !strings.Contains(redact.Mark, s[:min(8, len(s))])
}
