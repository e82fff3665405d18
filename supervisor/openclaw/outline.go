package openclaw

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// Outline returns the configuration file at path, as indented JSON, without its texts. It
// keeps keys, booleans, numbers that cannot be ids, and the few texts that choose between
// behaviours. Every other text becomes its length, because nobody can list all places where
// a key, an account or a telephone number may be written. It is for people who help others
// (BEHAVIOUR A3, K3).
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

// tellingKeys are the keys whose texts are choices, from OpenClaw's configuration reference
// (2026.9.6).
var tellingKeys = map[string]bool{
	"mode": true, "bind": true, "level": true, "consoleLevel": true, "dmPolicy": true, "groupPolicy": true, "policy": true,
	"lastTouchedVersion": true, "lastTouchedAt": true, "lastRunVersion": true,
}

// leastID is the smallest number that may be an id of a person or account. Ports, counts
// and times up to 11 days in milliseconds are smaller.
const leastID = 1e9

var (
	choice  = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.:_-]{0,31}$`)
	keyName = regexp.MustCompile(`^[A-Za-z][A-Za-z_-]{0,31}$`)
)

// outline returns v, the value of key, without its texts.
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
			if _, number := member.(float64); number { // usually the id of an account
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
