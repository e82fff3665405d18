package openclaw

import "strings"

// Windows does not tell "Path" from "PATH".
func sameVar(a, b string) bool { return strings.EqualFold(a, b) }
