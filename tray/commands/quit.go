package commands

import (
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"clawtray/supervisor"
	"clawtray/supervisor/words"
)

// quit asks the running clawtray to quit, and waits until its process has ended.
func quit(a *app) *cobra.Command {
	c := &cobra.Command{Use: "quit"}
	request := supervisor.Request{Intent: supervisor.Quit}
	c.Flags().BoolVar(&request.Now, "now", false, "")
	whenIdle(c, &request.WhenIdle)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		cl := a.client()
		next, stop := iter.Pull2(cl.Watch(cmd.Context()))
		defer stop()
		_, err, _ := next()
		if err != nil {
			return err
		}
		if _, err := cl.Do(cmd.Context(), request); err != nil {
			return err
		}
		for running := true; running; {
			if _, err, running = next(); err != nil {
				return err
			}
		}
		if err := cmd.Context().Err(); err != nil {
			return err // interrupted, so clawtray may still run
		}
		if err := cl.AwaitEnd(cmd.Context()); err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), words.Here().Said.Ended)
		return err
	}
	return c
}
