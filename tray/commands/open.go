package commands

import (
	"github.com/spf13/cobra"

	"clawtray/tray"
)

// open shows the dashboard with its sign-in.
func open(a *app) *cobra.Command {
	c := &cobra.Command{Use: "open"}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		url, err := a.client().Dashboard(cmd.Context())
		if err != nil {
			return err
		}
		return tray.Browse(cmd.Context(), url)
	}
	return c
}
