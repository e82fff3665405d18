//go:build !linux

package main

// forgetProgram does nothing: these systems count a program's code once for all
// that run it, or take it away by themselves.
func forgetProgram() {}
