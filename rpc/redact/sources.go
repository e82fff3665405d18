package redact

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	// leastGuessed is the length, in bytes, from which the value of a variable or key with
	// the name of a secret counts as a secret. Shorter values, such as "true", "8080" or
	// "enabled", are switches and numbers; to learn them would remove them everywhere.
	leastGuessed = 8
	// leastIssued is the length, in characters, from which a value that a gateway issued
	// counts as a secret. Real device tokens have 43. The limit keeps a faulty gateway
	// from removing ordinary words by issuing them.
	leastIssued = 20
)

// AddIssued is Add for tokens that a gateway issued. It also ignores values that no real
// token looks like: those of fewer than 20 characters, or with blanks.
func (r *Redactor) AddIssued(tokens ...string) {
	r.Add(slices.DeleteFunc(slices.Clone(tokens), func(t string) bool {
		return len([]rune(t)) < leastIssued || strings.ContainsAny(t, " \t\r\n")
	})...)
}

// AddEnv is Add for what [EnvSecrets] finds in env.
func (r *Redactor) AddEnv(env []string) { r.Add(EnvSecrets(env)...) }

// EnvSecrets returns the values of those variables in env that have the name of a secret,
// and the passwords of all URLs in env. The entries are "NAME=value", as os.Environ gives
// them. Values of fewer than 8 bytes and the paths of files are left out.
func EnvSecrets(env []string) (found []string) {
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		found = append(found, passwordIn(value)...)
		upper := strings.ToUpper(name) // on Windows names have any case
		if upper == "PWD" || upper == "OLDPWD" {
			continue
		}
		if strings.HasPrefix(strings.TrimSpace(value), "{") { // an account in JSON
			var doc any
			if json.Unmarshal([]byte(value), &doc) == nil {
				found = append(found, Secrets(doc)...)
				continue
			}
		}
		if telling(judge(upper), value) {
			found = append(found, value)
		}
	}
	return found
}

// Secrets returns the values in a decoded JSON document (as json.Unmarshal fills an any)
// that stand at any depth below a key with the name of a secret, and the passwords of all
// URLs in the document. Values of fewer than 8 bytes, paths, and references to secrets
// that are kept elsewhere ("${NAME}", {"source": "env", ...}) are left out.
func Secrets(doc any) []string { return secretsUnder(innocent, doc) }

func secretsUnder(how strength, v any) (found []string) {
	switch v := v.(type) {
	case string:
		found = passwordIn(v)
		if telling(how, v) {
			found = append(found, v)
		}
	case []any:
		for _, member := range v {
			found = append(found, secretsUnder(how, member)...)
		}
	case map[string]any:
		if _, is := v["source"].(string); is && how != innocent {
			return nil
		}
		for key, member := range v {
			if n, is := member.(float64); is && !counts(key) { // somebody wrote a password of digits without quotes
				member = strconv.FormatFloat(n, 'f', -1, 64)
			}
			below := max(how, judge(key))
			if _, leaf := member.(string); !leaf && below == weak { // gateway.auth.mode is no secret, although "auth" may name one
				below = how
			}
			found = append(found, secretsUnder(below, member)...)
		}
	}
	return found
}

// telling reports whether value is a secret when it stands under a name of this strength.
func telling(how strength, value string) bool {
	value = strings.TrimSpace(value)
	switch {
	case how == innocent, len(value) < leastGuessed, placeholder(value), harmless("", value), isPath(value):
		return false
	case strings.Contains(value, "://"):
		return false // passwordIn finds the password, if there is one
	case how == weak:
		return looksSecret(value)
	}
	return true
}

// passwordIn returns the password in a URL, as it is written and without its escapes.
func passwordIn(value string) []string {
	if !strings.Contains(value, "://") || !strings.Contains(value, "@") {
		return nil
	}
	var found []string
	g := guesser{s: value}
	g.userinfo(strings.Index(value, "://"))
	for _, s := range g.found {
		pass := value[s.start:s.end]
		found = append(found, pass)
		if decoded, err := url.PathUnescape(pass); err == nil {
			found = append(found, decoded)
		}
	}
	return found
}

// tops are the folders in the root folders of Linux and macOS.
var tops = []string{"home", "Users", "root", "run", "tmp", "var", "etc", "usr", "opt", "mnt", "media", "srv", "nix",
	"private", "Library", "Volumes", "Applications", "snap", "dev", "proc"}

// isPath reports whether value is the path of a file, as the values of XAUTHORITY and
// SSH_AUTH_SOCK are. It looks for known folders, because a secret in base64 may also
// begin with a slash.
func isPath(value string) bool {
	first, rest, within := strings.Cut(value, "/")
	switch {
	case within && (first == "~" || first == "." || first == ".."):
		return true
	case within && first == "":
		top, _, _ := strings.Cut(rest, "/")
		if slices.Contains(tops, top) {
			return true
		}
	}
	return len(value) > 3 && value[1] == ':' && (value[2] == '\\' || value[2] == '/')
}
