package redact

import (
	"strings"
	"unicode"
)

// strength says how sure it is that the value under a name is a secret.
type strength uint8

const (
	innocent strength = iota
	weak              // the value is a secret if it looks like one: auth, someKey
	strong            // the value is a secret unless it is an ordinary word: token, apiKey, DB_PASS
)

// nouns are words for secrets. A part of a name may end with one: GATEWAY_TOKEN,
// authtoken, apiKey.
var nouns = []string{
	"token", "tokens", "secret", "secrets", "password", "passwords", "passwd", "passphrase", "passcode", "pwd", "jwt",
	"bearer", "apikey", "apikeys", "authkey", "secretkey", "privatekey", "accesskey", "credential", "credentials", "cookie", "cookies", "signature", "authorization",
}

// about are last parts of names whose values tell something about a secret, but are not
// the secret: tokenIncluded, passwordRequired, AUTH_TOKEN_FILE.
var about = set("included source count limit budget ttl type mode kind name file path dir url uri env var ref required present set " +
	"configured expires expired expiry at ms seconds length len size usage used max min rate status state error mismatch missing " +
	"profile store provider service socket sock mask hint format version")

// keyOf are the words before "key" that make it a secret, however the name is written;
// notKeyOf are those that make it something else.
var (
	keyOf    = set("api private access secret auth signing encryption master client account ssh gpg license admin deploy webhook bot")
	notKeyOf = set("session idempotency cache sort primary foreign partition public dedupe lookup map row object group routing storage state " +
		"config i18n json event store queue lane registry hot short run lock")
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// judge says how sure it is that a key, variable or flag of this name holds a secret.
func judge(name string) strength {
	parts := partsOf(name)
	best := innocent
	for i, p := range parts {
		switch {
		case about[p] && best != innocent && i == len(parts)-1:
			return innocent
		case isNoun(p):
			best = strong
		case p == "auth":
			best = max(best, weak)
		case i == 0:
		case p == "pass", p == "key" || p == "keys":
			best = max(best, judgeKey(parts[i-1], p, name))
		}
	}
	return best
}

// judgeKey judges a name that ends in "key" or "pass" by the word before that.
func judgeKey(before, p, name string) strength {
	switch {
	case p != "pass" && notKeyOf[before]:
		return innocent
	case p != "pass" && keyOf[before], name == strings.ToUpper(name): // ANTHROPIC_API_KEY, STRIPE_KEY, DB_PASS
		return strong
	}
	return weak
}

func isNoun(p string) bool {
	for _, n := range nouns {
		if strings.HasSuffix(p, n) {
			return true
		}
	}
	return false
}

// counts reports whether a number under this name counts something, as maxTokens does.
func counts(name string) bool { return strings.Contains(strings.ToLower(name), "tokens") }

// partsOf splits a name before capitals, and at everything that is neither a letter nor a
// digit. The parts are in lower case.
func partsOf(name string) (parts []string) {
	var part strings.Builder
	flush := func() {
		if part.Len() > 0 {
			parts = append(parts, part.String())
			part.Reset()
		}
	}
	small := false // the last letter was one
	for _, c := range name {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			flush()
			small = false
			continue
		}
		if unicode.IsUpper(c) && small {
			flush()
		}
		small = !unicode.IsUpper(c)
		part.WriteRune(unicode.ToLower(c))
	}
	flush()
	return parts
}
