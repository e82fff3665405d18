package openclaw

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// npm has its own dialect of ini (package "ini" 6 on npm). A comment begins at any ";" or
// "#" without a backslash before it, even in the middle of a word. Keys can be quoted as
// values can, and quoted text is JSON. General ini libraries differ in these points and
// would return other tokens and addresses than npm. TestXW3_LikeTheRealNpm compares this
// parser with npm.

// npmLine matches a section, or a key with or without a value.
var npmLine = regexp.MustCompile(`^(?:\[[^\]]*\]\s*|([^=]+)(=(.*))?)$`)

// parseNpmrc reads one npmrc. Repeated "key[] = value" lines become one value with one line each.
// Keys after a section header are skipped, because npm does not use them as settings.
func parseNpmrc(text string, env []string) map[string]string {
	values, lists := map[string]string{}, map[string]bool{}
	for _, line := range strings.FieldsFunc(text, func(c rune) bool { return c == '\r' || c == '\n' }) {
		trimmed := npmTrim(line)
		if trimmed == "" || trimmed[0] == ';' || trimmed[0] == '#' {
			continue
		}
		parts := npmLine.FindStringSubmatch(line)
		if parts == nil {
			continue
		}
		if parts[1] == "" {
			return values // after a section header, npm uses no key as a setting
		}
		key, value := npmPlain(parts[1]), "true"
		if parts[2] != "" {
			value = expandVariables(npmTrim(npmPlain(parts[3])), env)
		}
		key, list := strings.CutSuffix(key, "[]")
		if key == "" && list {
			key, list = "[]", false
		}
		key = expandVariables(key, env)
		before, is := values[key]
		if lists[key] = lists[key] || list; lists[key] && is {
			value = before + "\n" + value
		}
		values[key] = value
	}
	return values
}

// npmTrim removes leading and trailing white space as JavaScript's trim does.
func npmTrim(s string) string {
	return strings.TrimFunc(s, func(c rune) bool { return unicode.IsSpace(c) || c == '\ufeff' })
}

// npmPlain returns a key or a value without its quotes, comment and escaping backslashes.
func npmPlain(s string) string {
	s = npmTrim(s)
	for _, quote := range []string{`"`, `'`} {
		if strings.HasPrefix(s, quote) && strings.HasSuffix(s, quote) {
			return unquote(s, quote)
		}
	}
	var plain strings.Builder
	escaped := false
	for _, c := range s {
		switch comment := c == ';' || c == '#'; {
		case escaped:
			if !comment && c != '\\' {
				plain.WriteByte('\\')
			}
			plain.WriteRune(c)
			escaped = false
		case comment:
			return npmTrim(plain.String())
		case c == '\\':
			escaped = true
		default:
			plain.WriteRune(c)
		}
	}
	if escaped {
		plain.WriteByte('\\')
	}
	return npmTrim(plain.String())
}

// unquote parses quoted text as JSON, as npm does: the text inside single quotes, or the whole text
// including double quotes. Text that is not valid JSON is returned unchanged.
func unquote(s, quote string) string {
	if quote == "'" {
		s = strings.TrimPrefix(s, quote)
		s = strings.TrimSuffix(s, quote)
	}
	var value any
	if json.Unmarshal([]byte(s), &value) != nil {
		return s
	}
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return s // true, false and null; also objects, which no setting uses
}

var npmVariable = regexp.MustCompile(`(\\*)\$\{([^${}?]+)(\?)?\}`)

// expandVariables replaces ${NAME} by the variable's value, as npm does. If the variable is not set,
// ${NAME} stays unchanged and ${NAME?} becomes empty. A backslash before it prevents the replacement.
func expandVariables(v string, env []string) string {
	return npmVariable.ReplaceAllStringFunc(v, func(match string) string {
		parts := npmVariable.FindStringSubmatch(match)
		if escapes := len(parts[1]); escapes%2 == 1 {
			return match[(escapes+1)/2:]
		}
		value, ok := lookup(env, parts[2])
		if !ok && parts[3] == "" {
			value = "${" + parts[2] + "}"
		}
		return parts[1][len(parts[1])/2:] + value
	})
}
