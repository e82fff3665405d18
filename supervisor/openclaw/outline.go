package openclaw

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// Outline is the configuration file at path without its words, as indented JSON:
// the shape, the switches, the numbers that are no ids, and the few words that
// choose between behaviours. Everything else a person wrote is replaced by its
// length, because nobody can list all the places where a key, an account or a
// telephone number may stand. It is for people who help others (BEHAVIOUR A3, K3).
func Outline(path string) ([]byte, error) {
	raw, _, err := readLimited(path, maxConfigSize)
	if err != nil {
		return nil, err
	}
	doc, err := parseJSON5(raw)
	if err != nil {
		return nil, fmt.Errorf("not valid JSON5 (%d bytes): %w", len(raw), err)
	}
	return json.MarshalIndent(outline("", doc), "", "  ")
}

// tellingKeys are those whose values are choices, from OpenClaw's configuration
// reference (2026.9.6).
var tellingKeys = map[string]bool{
	"mode": true, "bind": true, "level": true, "consoleLevel": true, "dmPolicy": true, "groupPolicy": true, "policy": true,
	"lastTouchedVersion": true, "lastTouchedAt": true, "lastRunVersion": true,
}

// leastID is the least number that is taken for somebody's: ports, counts and
// milliseconds up to 11 days are below.
const leastID = 1e9

var (
	choice  = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.:_-]{0,31}$`)
	keyName = regexp.MustCompile(`^[A-Za-z][A-Za-z_-]{0,31}$`)
)

// outline is v, which stands under key, without its words.
func outline(key string, v any) any {
	switch v := v.(type) {
	case string:
		if v == "" || tellingKeys[key] && choice.MatchString(v) {
			return v
		}
		return fmt.Sprintf("[%d characters]", len([]rune(v)))
	case float64:
		if v >= leastID {
			return "[number]"
		}
	case []any:
		list := make([]any, len(v))
		for i, member := range v {
			list[i] = outline("", member)
			if _, number := member.(float64); number { // of an account, as a rule
				list[i] = "[number]"
			}
		}
		return list
	case map[string]any:
		members := make(map[string]any, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			shown := name
			if !keyName.MatchString(name) {
				shown = fmt.Sprintf("[key %d]", len(members)+1)
			}
			members[shown] = outline(name, v[name])
		}
		return members
	}
	return v
}
