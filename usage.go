package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// usageError is a mistake on the command line.
type usageError struct {
	error
	text string
}

// takeNoArguments makes arguments of commands, and of their commands, a mistake.
func takeNoArguments(commands []*cobra.Command) {
	for _, c := range commands {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return &usageError{fmt.Errorf("%s takes no arguments", cmd.CommandPath()), cmd.UsageString()}
			}
			return nil
		}
		takeNoArguments(c.Commands())
	}
}
