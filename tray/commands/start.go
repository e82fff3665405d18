package commands

import (
	"github.com/spf13/cobra"

	"clawtray/supervisor"
)

// start starts the gateway, and forgets earlier failures. Its flags do the same as the
// entries that the menu offers after some failures (BEHAVIOUR Q2, Q3).
func start(a *app) *cobra.Command {
	r := supervisor.Request{Intent: supervisor.Start}
	c := ask(a, "start", &r)
	var lastGood, safe bool
	c.Flags().BoolVar(&lastGood, "last-good", false, "")
	c.Flags().BoolVar(&safe, "safe", false, "")
	exclusive(c, "last-good", "safe")
	send := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case lastGood:
			r.Intent = supervisor.LastGood
		case safe:
			r.Intent = supervisor.SafeStart
		}
		return send(cmd, args)
	}
	return c
}
