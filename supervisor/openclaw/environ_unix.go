//go:build unix

package openclaw

func sameVar(a, b string) bool { return a == b }
