package commands

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"

	"clawtray/supervisor"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/report"
	"clawtray/supervisor/words"
	"clawtray/tray"
)

// diagnostics saves a report. It also works when no clawtray runs.
func diagnostics(a *app) *cobra.Command {
	var output string
	c := &cobra.Command{Use: "diagnostics"}
	c.Flags().StringVarP(&output, "output", "o", "", "")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		sources := a.sources(cmd.Context(), func(ctx context.Context) (supervisor.Report, error) {
			r, _, err := a.client().Report(ctx)
			return r, err
		})
		path, err := sources.Save(cmd.Context(), output)
		if err == nil {
			fmt.Fprintln(cmd.OutOrStdout(), path)
		}
		return err
	}
	return c
}

// sources returns the sources of a report about this user and profile.
func (a *app) sources(ctx context.Context, newest func(context.Context) (supervisor.Report, error)) report.Sources {
	subject, _ := a.subject()
	redact := subject.Redactor(ctx)
	redact.AddPlace(xdg.Home, "~") // the path contains the user's name
	return report.Sources{
		Version: a.program.String(), Dirs: subject.Dirs, OpenClawConfig: openclaw.PathsFrom(os.Environ(), xdg.Home).ConfigPath, Redact: redact,
		Report: newest,
		Summary: func(s supervisor.Status) string {
			return tray.Summarize(s, tray.Settings{Language: "en"}, time.Now()).String()
		},
		Doctor: func(ctx context.Context) ([]byte, error) {
			var text bytes.Buffer
			a.examine(ctx, words.English.Language).Text(&text, words.English.Doctor, xdg.Home, false)
			return text.Bytes(), nil
		},
	}
}
