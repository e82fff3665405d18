package openclaw

import "strings"

// lookup returns the value of the variable key in env, and whether it is set. env has
// "KEY=value" entries, of which the last one counts, as in os/exec.
func lookup(env []string, key string) (string, bool) {
	for i := len(env) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(env[i], "="); ok && sameVar(k, key) {
			return v, true
		}
	}
	return "", false
}

// getenv is lookup for callers that treat an empty variable as a missing one.
func getenv(env []string, key string) string {
	v, _ := lookup(env, key)
	return v
}

// without returns a copy of env without the variables for which drop returns true.
func without(env []string, drop func(key string) bool) []string {
	kept := make([]string, 0, len(env))
	for _, entry := range env {
		// Windows has entries like "=C:=C:\dir". Their key is empty, and they stay.
		if k, _, ok := strings.Cut(entry, "="); ok && k != "" && drop(k) {
			continue
		}
		kept = append(kept, entry)
	}
	return kept
}

// with returns env with key set to value, replacing every earlier entry.
func with(env []string, key, value string) []string {
	kept := without(env, func(k string) bool { return sameVar(k, key) })
	return append(kept, key+"="+value)
}
