package doctor

import (
	"fmt"
	"io"
	"strings"
)

// Colours of a terminal.
const (
	green, yellow, red, dim, plain = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
)

var colours = map[Level]string{OK: green, Warning: yellow, Problem: red}

// Text writes the findings for a person. home is shown as "~".
func (f Findings) Text(w io.Writer, home string, colour bool) {
	paint := func(with, text string) string {
		if !colour {
			return text
		}
		return with + text + plain
	}
	short := func(text string) string { return text }
	if len(home) > 1 {
		short = strings.NewReplacer(home+"/", "~/", home+`\`, `~\`).Replace
	}
	width := 0
	for _, one := range f {
		width = max(width, len(one.Name))
	}
	margin := strings.Repeat(" ", len(Problem)+2+width+2)
	for _, one := range f {
		level := paint(colours[one.Level], fmt.Sprintf("%-*s", len(Problem), one.Level))
		fmt.Fprintf(w, "%s  %-*s  %s\n", level, width, one.Name, short(one.Detail))
		for _, line := range one.More {
			fmt.Fprintf(w, "%s%s\n", margin, paint(dim, short(line)))
		}
		if one.Remedy != "" {
			fmt.Fprintf(w, "%s→ %s\n", margin, short(one.Remedy))
		}
	}
	fmt.Fprintln(w)
	switch problems, warnings := f.count(Problem), f.count(Warning); {
	case problems > 0:
		fmt.Fprintf(w, "%s, %s.\n", counted(problems, "problem"), counted(warnings, "warning"))
	case warnings > 0:
		fmt.Fprintf(w, "No problem, %s.\n", counted(warnings, "warning"))
	default:
		fmt.Fprintln(w, "All is well.")
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
