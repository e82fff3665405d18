package commands

import (
	"github.com/spf13/cobra"

	"clawtray/supervisor"
)

// restart restarts the gateway.
func restart(a *app) *cobra.Command {
	return ask(a, "restart", &supervisor.Request{Intent: supervisor.Restart})
}
