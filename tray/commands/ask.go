package commands

import (
	"fmt"

	"github.com/spf13/cobra"

	"clawtray/supervisor"
	"clawtray/tray"
)

// ask returns a command that sends r to the running clawtray and prints the answer. Stop
// and restart, which wait for active work, have the flag --now, and restart also has
// --when-idle.
func ask(a *app, name string, r *supervisor.Request) *cobra.Command {
	c := &cobra.Command{Use: name}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		answer, err := a.client().Do(cmd.Context(), *r)
		if err == nil {
			fmt.Fprintln(cmd.OutOrStdout(), tray.Answer(answer))
		}
		return err
	}
	if r.Intent == supervisor.Stop || r.Intent == supervisor.Restart {
		c.Flags().BoolVar(&r.Now, "now", false, "")
	}
	if r.Intent == supervisor.Restart {
		whenIdle(c, &r.WhenIdle)
	}
	return c
}

// whenIdle adds the flag to wait for active work without a limit.
func whenIdle(c *cobra.Command, to *bool) {
	c.Flags().BoolVar(to, "when-idle", false, "")
	exclusive(c, "now", "when-idle")
}
