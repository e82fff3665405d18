package commands

import (
	"fmt"

	"github.com/spf13/cobra"

	"clawtray/supervisor"
	"clawtray/supervisor/words"
	"clawtray/tray"
)

// second is what a clawtray does when another one is already running (BEHAVIOUR L5). If it
// was started from the desktop, nobody reads its output, so it shows what a person would
// look for: the dashboard, or else the state of the gateway.
func (a *app) second(cmd *cobra.Command) error {
	ctx := cmd.Context()
	report, _, err := a.client().Report(ctx)
	if err != nil {
		return err
	}
	if ignored := a.ignored(report); ignored != "" {
		return fmt.Errorf(words.Here().Wrong.RunsAlready, ignored)
	}
	fmt.Fprintln(cmd.OutOrStdout(), words.Here().Said.AlreadyRunning)
	if !a.flags.Show {
		return nil
	}
	if report.State == supervisor.Running {
		if url, err := a.client().Dashboard(ctx); err == nil && tray.Browse(ctx, url) == nil {
			return nil
		}
	}
	return summarize(report.Status).Notify(ctx)
}

// ignored says which flag of this clawtray has no effect, because the running clawtray was
// started without it; empty when there is none.
func (a *app) ignored(running supervisor.Report) string {
	t := words.Here().Wrong
	switch f := a.flags; {
	case f.Port != 0 && f.Port != running.Port:
		return fmt.Sprintf(t.OtherPort, running.Port, f.Port)
	case f.Debug:
		return fmt.Sprintf(t.CannotBeGiven, "--debug")
	case f.Trace:
		return fmt.Sprintf(t.CannotBeGiven, "--trace-rpc")
	}
	return ""
}
