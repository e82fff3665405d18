package commands

import (
	"fmt"

	"github.com/spf13/cobra"
)

// version prints the name and version of clawtray.
func version(a *app) *cobra.Command {
	return &cobra.Command{Use: "version", RunE: func(cmd *cobra.Command, _ []string) error { return a.tellVersion(cmd) }}
}

func (a *app) tellVersion(cmd *cobra.Command) error {
	_, err := fmt.Fprintln(cmd.OutOrStdout(), a.program)
	return err
}
