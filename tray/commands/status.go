package commands

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"clawtray/assets"
	"clawtray/supervisor"
	"clawtray/tray"
	"clawtray/tray/autostart"
)

// status prints the state of the gateway, once or at every change.
func status(a *app) *cobra.Command {
	var asJSON, watch bool
	c := &cobra.Command{Use: "status"}
	c.Flags().BoolVar(&asJSON, "json", false, "")
	c.Flags().BoolVar(&watch, "watch", false, "")
	exclusive(c, "json", "watch")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		out := cmd.OutOrStdout()
		if watch {
			return follow(out, a.client().Watch(cmd.Context()))
		}
		report, raw, err := a.client().Report(cmd.Context())
		if err != nil {
			return err
		}
		if asJSON {
			_, err = out.Write(raw)
			return err
		}
		showStatus(out, report.Status)
		return nil
	}
	return c
}

// stateColours are the terminal colours (SGR codes) that are most similar to the icons'
// colours.
var stateColours = map[assets.Icon]string{
	assets.Running: "32", assets.Starting: "34", assets.Reconnecting: "33", assets.Degraded: "33", assets.Error: "31", assets.Stopped: "90",
}

// showStatus prints the state of the gateway in the words of the menu.
func showStatus(out io.Writer, s supervisor.Status) {
	printSummary(out, summarize(s), Coloured(out))
}

// summarize returns the status in the words of the menu.
func summarize(s supervisor.Status) tray.Summary {
	return tray.Summarize(s, tray.Settings{Service: serviceInstalled()}, time.Now())
}

// serviceInstalled reports whether OpenClaw's own service is installed, which starts a
// gateway, too.
func serviceInstalled() bool { return autostart.Service() != "" }

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
