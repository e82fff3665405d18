package control

import (
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"clawtray/supervisor"
)

// Commands returns the commands that talk to a running clawtray. client is
// called when one runs, after the flags were read; show prints a status for a
// person, in words that the caller shares with whatever else shows it.
func Commands(client func() *Client, show func(io.Writer, supervisor.Status)) []*cobra.Command {
	ask := func(name, short string, r supervisor.Request) *cobra.Command {
		c := &cobra.Command{Use: name, Short: short, Args: cobra.NoArgs}
		c.RunE = func(cmd *cobra.Command, _ []string) error {
			answer, err := client().Do(cmd.Context(), r)
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), answer.Message)
			}
			return err
		}
		if r.Intent == supervisor.Stop || r.Intent == supervisor.Restart {
			c.Flags().BoolVar(&r.Now, "now", false, "do not wait for active work")
		}
		return c
	}
	return []*cobra.Command{
		status(client, show),
		ask("start", "Start the gateway", supervisor.Request{Intent: supervisor.Start}),
		ask("stop", "Stop the gateway", supervisor.Request{Intent: supervisor.Stop}),
		ask("restart", "Restart the gateway", supervisor.Request{Intent: supervisor.Restart}),
		ask("reload", "Make the gateway use its configuration on disk", supervisor.Request{Intent: supervisor.Reload}),
		quit(client),
	}
}

func status(client func() *Client, show func(io.Writer, supervisor.Status)) *cobra.Command {
	var asJSON, watch bool
	c := &cobra.Command{Use: "status", Short: "Say how the gateway is", Args: cobra.NoArgs}
	c.Flags().BoolVar(&asJSON, "json", false, "print the full report as JSON")
	c.Flags().BoolVar(&watch, "watch", false, "print every change until interrupted")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		out := cmd.OutOrStdout()
		if watch {
			for s, err := range client().Watch(cmd.Context()) {
				if err != nil {
					return err
				}
				fmt.Fprintln(out, line(s))
			}
			return nil
		}
		report, raw, err := client().Report(cmd.Context())
		if err != nil {
			return err
		}
		if asJSON {
			_, err = out.Write(raw)
			return err
		}
		show(out, report.Status)
		return nil
	}
	return c
}

// line is one status in one line, for a log that is read while it grows.
func line(s supervisor.Status) string {
	text := fmt.Sprintf("%s  %s", time.Now().Format("15:04:05.000"), s.State)
	if s.Phase != supervisor.Idle {
		text += " (" + string(s.Phase) + ")"
	}
	if s.Mode != supervisor.NoMode {
		text += " " + string(s.Mode)
	}
	if s.PID != 0 {
		text += fmt.Sprintf(" pid %d", s.PID)
	}
	if s.Cause.Code != supervisor.NoCause {
		text += ": " + s.Cause.Sentence()
	}
	return text
}

// quit waits until clawtray has ended, not only until it has answered.
func quit(client func() *Client) *cobra.Command {
	c := &cobra.Command{Use: "quit", Short: "Stop the gateway if it is ours, and end clawtray", Args: cobra.NoArgs}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		cl := client()
		next, stop := iter.Pull2(cl.Watch(cmd.Context()))
		defer stop()
		if _, err, _ := next(); err != nil {
			return err
		}
		if _, err := cl.Do(cmd.Context(), supervisor.Request{Intent: supervisor.Quit}); err != nil {
			return err
		}
		for running := true; running; {
			_, _, running = next()
		}
		fmt.Fprintln(cmd.OutOrStdout(), "clawtray has ended.")
		return cmd.Context().Err()
	}
	return c
}
