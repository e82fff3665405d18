//go:build !linux

package rest

// forgetProgram does nothing, because these systems do not count a program's code as its
// memory, or remove it by themselves.
func forgetProgram() {}
