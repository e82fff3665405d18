package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/settings"
	"clawtray/tray"
	"clawtray/tray/autostart"
)

// open shows the dashboard, signed in.
func open(f *flags) *cobra.Command {
	c := &cobra.Command{Use: "open", Short: "Open the dashboard in your browser, signed in"}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		url, err := client(f).Dashboard(cmd.Context())
		if err != nil {
			return err
		}
		return tray.Browse(cmd.Context(), url)
	}
	return c
}

// client talks to the clawtray of the profile.
func client(f *flags) *control.Client { return control.NewClient(settings.Places(f.profile).Runtime) }

// second is what a clawtray does that finds another one running (BEHAVIOUR L5).
// Started from the desktop, where nobody reads what it prints, it shows what the
// first one has to show: the dashboard, or else how the gateway is.
func second(ctx context.Context, out io.Writer, f flags) error {
	fmt.Fprintln(out, "clawtray is running already; `clawtray status` says how the gateway is.")
	if !f.show {
		return nil
	}
	report, _, err := client(&f).Report(ctx)
	if err != nil {
		return err
	}
	if report.State == supervisor.Running {
		if url, err := client(&f).Dashboard(ctx); err == nil && tray.Browse(ctx, url) == nil {
			return nil
		}
	}
	return tray.Summarize(report.Status, tray.Settings{Service: autostart.Service() != ""}, time.Now()).Notify(ctx)
}
