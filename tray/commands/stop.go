package commands

import (
	"github.com/spf13/cobra"

	"clawtray/supervisor"
)

// stop stops the gateway.
func stop(a *app) *cobra.Command {
	return ask(a, "stop", &supervisor.Request{Intent: supervisor.Stop})
}
