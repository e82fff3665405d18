// Package redact removes secrets from text, JSON and log records, and makes text from
// outside safe for a terminal.
//
// A [Redactor] removes two things, and puts [Mark] in their places: values that it was
// told ([Redactor.Add] and its relatives), in whatever spelling JSON, URLs or a terminal
// give them, and values that stand under a name that looks like that of a secret, such
// as "token=..." or {"apiKey": "..."}.
//
//	r := redact.New(token)
//	log := slog.New(r.Handler(slog.NewTextHandler(os.Stderr, nil)))
//
// [Printable] and its relatives are about another danger: text that moves the cursor of
// a terminal, or that shows letters in another order than they have.
package redact

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
)

// Mark stands where a secret was.
const Mark = "[redacted]"

// minSecret is the length, in bytes, from which Add accepts a value as a secret. Shorter
// values occur in ordinary words, which would all become "[redacted]".
const minSecret = 6

// Redactor removes secrets: the values that it was told, wherever they stand, and what
// stands under a name that looks like that of a secret. The zero value is ready for use.
// All methods may be called from any goroutine.
type Redactor struct {
	mu    sync.Mutex      // guards seen and the building of a new index
	seen  map[string]bool // all that Add was given, because most values come again and again
	index atomic.Pointer[index]
}

// New returns a Redactor that knows the given secrets.
func New(secrets ...string) *Redactor {
	r := &Redactor{}
	r.Add(secrets...)
	return r
}

// Add makes the redactor remove these values from now on. It ignores values of fewer than
// 6 bytes and common words such as "gateway": to remove those would make many lines
// unreadable, and would tell what the secret is.
func (r *Redactor) Add(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var words []word
	for _, secret := range secrets {
		if r.seen[secret] {
			continue
		}
		if r.seen == nil {
			r.seen = map[string]bool{}
		}
		r.seen[secret] = true
		// Text comes line by line, so a secret of many lines is found by its lines.
		for _, line := range strings.FieldsFunc(secret, unicode.IsControl) {
			line = strings.TrimSpace(line)
			if len(line) < minSecret || status[strings.ToLower(line)] || strings.HasPrefix(line, "-----") {
				continue
			}
			for _, form := range []string{line, bare(line)} {
				words = append(words, word{text: form, mark: Mark}, word{text: strings.ReplaceAll(form, " ", "+"), mark: Mark}) // as a form of a web page writes blanks
			}
		}
	}
	words = slices.DeleteFunc(words, func(w word) bool { return len(w.text) < minSecret })
	r.learn(words)
}

// AddPlace makes the redactor write name, such as "~", in place of a folder, such as the
// user's home.
func (r *Redactor) AddPlace(folder, name string) {
	folder = strings.TrimRight(folder, `/\`)
	if len(folder) < minSecret {
		return
	}
	words := []word{{text: folder, mark: name, place: true}}
	if quoted := strings.ReplaceAll(folder, `\`, `\\`); quoted != folder {
		words = append(words, word{text: quoted, mark: name, place: true})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.learn(words)
}

// learn builds a new index if one of the words is new. The caller holds r.mu.
func (r *Redactor) learn(words []word) {
	if len(words) == 0 {
		return
	}
	var all []word
	if x := r.index.Load(); x != nil {
		all = slices.Clone(x.words)
	}
	known := len(all)
	for _, w := range words {
		if !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	if len(all) > known {
		r.index.Store(newIndex(all))
	}
}

// String removes the secrets from text.
func (r *Redactor) String(s string) string {
	found := guess(s)
	if x := r.index.Load(); x != nil {
		found = append(found, x.spans(s)...)
	}
	return replace(s, found)
}

// JSON removes the secrets from a JSON text: the values that the redactor knows, and the
// strings and numbers at any depth below a key that looks like that of a secret. What is
// not JSON is treated as by String.
func (r *Redactor) JSON(b []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return []byte(r.String(string(b)))
	}
	out, err := json.Marshal(r.value(v, ""))
	if err != nil {
		return []byte(Mark)
	}
	return out
}

// value redacts a decoded JSON value. under is the key of a secret above it, at any
// depth, or "".
func (r *Redactor) value(v any, under string) any {
	switch v := v.(type) {
	case string:
		return r.text(under, v)
	case json.Number:
		if under != "" && !counts(under) || r.String(v.String()) != v.String() {
			return Mark
		}
	case []any:
		for i := range v {
			v[i] = r.value(v[i], under)
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for key, member := range v {
			within := under
			if judge(key) == strong {
				within = key
			}
			if text, ok := member.(string); ok && within == "" {
				clean[r.String(key)] = r.text(key, text)
				continue
			}
			clean[r.String(key)] = r.value(member, within)
		}
		return clean
	}
	return v
}

// text redacts a text that stands under a key or name.
func (r *Redactor) text(name, s string) string {
	if how := judge(name); s != "" && (how == strong || how == weak && looksSecret(s)) {
		return Mark
	}
	return r.String(s)
}

// Cut redacts b and shortens it to at most n bytes. The result is valid UTF-8.
func (r *Redactor) Cut(b []byte, n int) string {
	if len(b) <= n {
		return strings.ToValidUTF8(string(r.JSON(b)), "?")
	}
	// Redact more than is kept, so that a secret at the end of the kept part is seen whole.
	// When the first cut goes through a secret, String removes what is left of it.
	text := r.String(string(b[:min(len(b), 4*n)]))
	return strings.ToValidUTF8(text[:min(n, len(text))], "?")
}
