package openclaw

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// SecretState says what is known of a secret.
type SecretState int

const (
	SecretAbsent       SecretState = iota // nothing sets the secret
	SecretKnown                           // Value returns the secret
	SecretOnlyOpenClaw                    // only OpenClaw can get the secret: from a program, its store, a guarded file
	SecretUnresolved                      // the reference leads to something that does not exist
	SecretInvalid                         // OpenClaw rejects the value
)

// Secret is a token or a password, or the reason why there is none. Its text form does not
// contain the value (BEHAVIOUR K3).
type Secret struct {
	State  SecretState
	Source Source
	Over   []Source // places with another value, which this one overrides
	Ref    string   // the reference, for people: "$NAME", or "exec:provider:id"; empty for a plain text

	value string
	key   string       // the key in the configuration, if the secret is set there
	asked bool         // the value comes from Reader.Ask
	err   *ConfigError // set when State is SecretUnresolved or SecretInvalid
}

// KnownSecret returns a secret with this value.
func KnownSecret(value string, source Source) Secret { return Secret{Source: source}.known(value) }

// Value returns the secret, and whether it is known.
func (s Secret) Value() (string, bool) { return s.value, s.State == SecretKnown }

func (s Secret) String() string {
	switch s.State {
	case SecretAbsent:
		return "none"
	case SecretKnown:
		return "from " + string(s.Source)
	case SecretOnlyOpenClaw:
		return "from " + string(s.Source) + ", which only OpenClaw can read (" + s.Ref + ")"
	}
	return s.err.Error()
}
func (s Secret) GoString() string             { return s.String() }
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Format keeps the value out of every verb of package fmt, also those for numbers and structs.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// secretRef refers to a secret that is stored elsewhere.
type secretRef struct{ source, provider, id string }

func (r secretRef) String() string {
	if r.source == "env" {
		return "$" + r.id
	}
	return r.source + ":" + r.provider + ":" + r.id
}

const defaultProvider = "default"

var (
	shorthand    = regexp.MustCompile(`^\$([A-Z][A-Z0-9_]{0,127})$`)
	providerName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)
	variableName = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,127}$`)
	filePointer  = regexp.MustCompile(`^(?:/(?:[^~]|~0|~1)*|value)$`)
)

// secretAt reads the secret at a key of the configuration, such as gateway.auth.token. The
// rules are those of OpenClaw 2026.9.6: a text is the secret itself; "$NAME" alone, ${NAME}
// anywhere in a text, and an object {source, provider, id} are references.
func (d *document) secretAt(keys ...string) Secret {
	key := strings.Join(keys, ".")
	s := Secret{Source: d.source(key), key: key}
	switch v := field(d.tree, keys...).(type) {
	case nil:
		return Secret{}
	case string:
		return d.secretText(s, key, v)
	default:
		ref, ok := d.secretRef(v)
		if !ok {
			return s.invalid(d.problem(ConfigInvalid, key, errors.New("it is neither a text nor a reference to a secret")))
		}
		return d.resolve(s, key, ref)
	}
}

func (s Secret) invalid(err *ConfigError) Secret {
	s.State, s.err = SecretInvalid, err
	return s
}

func (s Secret) unresolved(err *ConfigError) Secret {
	s.State, s.err = SecretUnresolved, err
	return s
}

// known returns s with this value. White space around it is removed, as in OpenClaw.
func (s Secret) known(value string) Secret {
	s.State, s.value = SecretKnown, trimJS(value)
	return s
}

func (d *document) secretText(s Secret, key, text string) Secret {
	if trimJS(text) == "" {
		return Secret{}
	}
	if m := shorthand.FindStringSubmatch(trimJS(text)); m != nil {
		provider, _ := field(d.tree, "secrets", "defaults", "env").(string)
		return d.resolve(s, key, secretRef{"env", orDefault(provider), m[1]})
	}
	value, missing := d.vars.substitute(text)
	if refersToVariable(text) {
		s.Ref = trimJS(text)
	}
	if len(missing) > 0 {
		return d.missing(s, key, missing[0])
	}
	if trimJS(value) == "" {
		return s.invalid(d.problem(ConfigInvalid, key, errors.New("it is blank")))
	}
	return s.known(value)
}

func orDefault(provider string) string {
	if provider = trimJS(provider); provider != "" {
		return provider
	}
	return defaultProvider
}

// missing returns s for a variable that is not set.
func (d *document) missing(s Secret, key, name string) Secret {
	if s.Ref == "" {
		s.Ref = "$" + name
	}
	if path, ok := d.vars.unread[name]; ok {
		s.State, s.Ref = SecretOnlyOpenClaw, s.Ref+" in "+path
		return s
	}
	err := d.problem(ConfigUnresolved, key, nil)
	err.Variable = name
	return s.unresolved(err)
}

// secretRef reads an object as a reference: exactly source, provider and id, or without a provider.
func (d *document) secretRef(v any) (secretRef, bool) {
	object, _ := v.(map[string]any)
	text := func(key string) string { s, _ := object[key].(string); return s }
	ref := secretRef{text("source"), text("provider"), text("id")}
	if !slices.Contains([]string{"env", "file", "exec", "store"}, ref.source) || trimJS(ref.id) == "" {
		return ref, false
	}
	switch _, named := object["provider"]; {
	case !named:
		provider, _ := field(d.tree, "secrets", "defaults", ref.source).(string)
		ref.provider = orDefault(provider)
	case len(object) != 3 || trimJS(ref.provider) == "":
		return ref, false
	}
	ref.id = trimJS(ref.id)
	return ref, providerName.MatchString(ref.provider)
}

// resolve returns the value of a reference if that needs neither a program nor OpenClaw's
// store.
func (d *document) resolve(s Secret, key string, ref secretRef) Secret {
	s.Ref = ref.String()
	provider, _ := field(d.tree, "secrets", "providers", ref.provider).(map[string]any)
	source, _ := provider["source"].(string)
	switch ref.source {
	case "env":
		return d.resolveVariable(s, key, ref, source, provider)
	case "file":
		if source != "file" {
			return s.unresolved(d.problem(ConfigUnresolved, key, fmt.Errorf("secrets.providers.%s is not there, or is none for files", ref.provider)))
		}
		return d.resolveFile(s, key, ref, provider)
	}
	s.State = SecretOnlyOpenClaw
	return s
}

func (d *document) resolveVariable(s Secret, key string, ref secretRef, source string, provider map[string]any) Secret {
	builtIn, _ := field(d.tree, "secrets", "defaults", "env").(string)
	if source != "env" && ref.provider != orDefault(builtIn) {
		return s.unresolved(d.problem(ConfigUnresolved, key, fmt.Errorf("secrets.providers.%s is not there, or is none for variables", ref.provider)))
	}
	if !variableName.MatchString(ref.id) {
		return s.invalid(d.problem(ConfigInvalid, key, errors.New("the reference names no variable")))
	}
	if allowed, ok := provider["allowlist"].([]any); ok && source == "env" && !slices.Contains(allowed, any(ref.id)) {
		return s.unresolved(d.problem(ConfigUnresolved, key, fmt.Errorf("secrets.providers.%s.allowlist lacks %s", ref.provider, ref.id)))
	}
	found, ok := d.vars.refer(ref.id)
	if !ok || trimJS(found.value) == "" {
		return d.missing(s, key, ref.id)
	}
	return s.known(found.value)
}

// maxSecretFile is OpenClaw's own limit for a file of secrets (2026.9.6).
const maxSecretFile = 1 << 20

// resolveFile reads a secret from a file if the file meets OpenClaw's conditions: it
// belongs to the user, nobody else can read it, and it is not a link. Otherwise OpenClaw
// has to read it and reports what is wrong. On Windows the conditions are about access
// lists, which only OpenClaw checks.
func (d *document) resolveFile(s Secret, key string, ref secretRef, provider map[string]any) Secret {
	s.State = SecretOnlyOpenClaw
	written, _ := provider["path"].(string)
	mode, _ := provider["mode"].(string)
	path := d.paths.expand(trimJS(written))
	if runtime.GOOS == "windows" || provider["plugin"] != nil || !filepath.IsAbs(path) || !filePointer.MatchString(ref.id) {
		return s
	}
	info, err := os.Lstat(path)
	d.files.note(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || foreign(info) || linkedTwice(info) {
		return s
	}
	raw, _, err := d.files.read(path, maxSecretFile)
	if err != nil {
		return s
	}
	text := strings.TrimPrefix(string(raw), "\ufeff")
	if mode == "singleValue" {
		if ref.id != "value" {
			return s
		}
		return s.found(strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"))
	}
	var payload map[string]any
	if json.Unmarshal([]byte(text), &payload) != nil {
		return s
	}
	value, _ := pointedAt(payload, ref.id).(string)
	return s.found(value)
}

// found is known, but leaves a blank value to OpenClaw, which rejects it with its own
// message.
func (s Secret) found(value string) Secret {
	if trimJS(value) == "" {
		return s
	}
	return s.known(value)
}

// pointedAt returns the value at a JSON pointer; nil when there is none.
func pointedAt(v any, pointer string) any {
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch at := v.(type) {
		case map[string]any:
			v = at[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(at) || strconv.Itoa(i) != token {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

// first returns the first secret that is set. Its field Over lists the places of later ones
// that differ.
func first(secrets ...Secret) Secret {
	var chosen Secret
	over := map[Source]bool{}
	for _, s := range secrets {
		switch {
		case s.State == SecretAbsent:
		case chosen.State == SecretAbsent:
			chosen = s
			for _, source := range s.Over {
				over[source] = true
			}
		case s.State != SecretKnown || s.value != chosen.value:
			over[s.Source] = true
		}
	}
	chosen.Over = slices.Sorted(maps.Keys(over))
	return chosen
}
