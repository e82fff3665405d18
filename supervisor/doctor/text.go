package doctor

import (
	"fmt"
	"io"
	"strings"

	"clawtray/supervisor/words"
)

// Colours of a terminal.
const (
	green, yellow, red, dim, plain = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
)

var colours = map[Level]string{OK: green, Warning: yellow, Problem: red}

// Text writes the findings for a person. home is shown as "~".
func (f Findings) Text(w io.Writer, t words.Doctor, home string, colour bool) {
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
	levels := map[Level]string{OK: t.OK, Warning: t.Warning, Problem: t.Problem}
	first := max(words.Columns(t.OK), words.Columns(t.Warning), words.Columns(t.Problem))
	margin := strings.Repeat(" ", first+2+width+2)
	for _, one := range f {
		level := paint(colours[one.Level], words.Pad(levels[one.Level], first))
		fmt.Fprintf(w, "%s  %-*s  %s\n", level, width, one.Name, short(one.Detail))
		for _, line := range one.More {
			fmt.Fprintf(w, "%s%s\n", margin, paint(dim, short(line)))
		}
		if one.Remedy != "" {
			fmt.Fprintf(w, "%s→ %s\n", margin, short(one.Remedy))
		}
	}
	fmt.Fprintln(w)
	problems, warnings := f.count(Problem), f.count(Warning)
	switch {
	case problems > 0:
		fmt.Fprintln(w, counted(problems, t.OneProblem, t.Problems)+counted(warnings, t.OneWarning, t.Warnings))
	case warnings > 0:
		fmt.Fprintln(w, t.NoProblem+counted(warnings, t.OneWarning, t.Warnings))
	default:
		fmt.Fprintln(w, t.AllWell)
	}
}

func counted(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}
