package openclaw

import "strings"

// On Windows, "Path" and "PATH" are the same variable.
func sameVar(a, b string) bool { return strings.EqualFold(a, b) }
