package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"clawtray/assets"
	"clawtray/supervisor"
	"clawtray/tray"
	"clawtray/tray/autostart"
)

// stateColours are the SGR codes nearest to the icons' colours.
var stateColours = map[assets.Icon]string{
	assets.Running: "32", assets.Starting: "34", assets.Reconnecting: "33", assets.Degraded: "33", assets.Error: "31", assets.Stopped: "90",
}

// showStatus prints how the gateway is, in the words of the menu.
func showStatus(out io.Writer, s supervisor.Status) {
	printSummary(out, tray.Summarize(s, tray.Settings{Service: autostart.Service() != ""}, time.Now()), coloured(out))
}

func printSummary(out io.Writer, s tray.Summary, colour bool) {
	paint := func(code, text string) string {
		if !colour {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	fmt.Fprintf(out, "%s %s\n", paint(stateColours[s.Icon], "●"), paint("1", s.Status))
	for _, line := range s.Details {
		fmt.Fprintln(out, " ", line)
	}
	for i, line := range s.Recent {
		if i == 0 {
			fmt.Fprintf(out, "\n%s\n", line)
			continue
		}
		fmt.Fprintln(out, " ", paint("2", line))
	}
}

// coloured reports whether out takes colours and its reader wants them
// (no-color.org).
func coloured(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
