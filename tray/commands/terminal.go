package commands

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Coloured reports whether out is a terminal that shows colours and whose user wants them
// (no-color.org).
func Coloured(out io.Writer) bool {
	return terminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func terminal(out io.Writer) bool {
	f, ok := out.(interface{ Fd() uintptr }) // an *os.File, an output or a printable
	return ok && term.IsTerminal(int(f.Fd()))
}
