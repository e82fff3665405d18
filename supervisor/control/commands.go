package control

import (
	"fmt"
	"io"
	"iter"
	"strings"
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
			return follow(out, client().Watch(cmd.Context()))
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

// follow prints every change, a line each, until the statuses end. A change that a
// line does not show, such as a fact behind a phase, is none to the reader.
func follow(w io.Writer, statuses iter.Seq2[supervisor.Status, error]) error {
	var last string
	var since time.Time
	for s, err := range statuses {
		if err != nil {
			return err
		}
		at := time.Now()
		if !s.PhaseSince.Equal(since) {
			at, since = s.PhaseSince, s.PhaseSince
		}
		if text := line(s); text != last {
			last = text
			fmt.Fprintf(w, "%s  %s\n", at.Local().Format("15:04:05.000"), text)
		}
	}
	return nil
}

// line is a status in one line: what, whose, why, and what comes next when.
func line(s supervisor.Status) string {
	var b strings.Builder
	b.WriteString(string(s.State))
	add := func(when bool, format string, args ...any) {
		if when {
			fmt.Fprintf(&b, format, args...)
		}
	}
	clock := func(t time.Time) string { return t.Local().Format("15:04:05") }
	add(s.Phase != supervisor.Idle, " (%s)", s.Phase)
	add(s.Mode != supervisor.NoMode, " %s", s.Mode)
	add(s.PID != 0, " pid %d", s.PID)
	add(s.Cause.Code != supervisor.NoCause, ": %s", s.Cause.Sentence())
	add(!s.NextRetryAt.IsZero(), "; next try at %s, attempt %d of %d", clock(s.NextRetryAt), s.Attempts, s.MaxAttempts)
	add(s.ActiveWork != 0, "; %d still active", s.ActiveWork)
	add(!s.Deadline.IsZero(), "; until %s at the latest", clock(s.Deadline))
	add(s.SlowStart, "; slower than usual: %s", s.LastLine)
	if s.State == supervisor.Running {
		for _, r := range s.Health.Reasons {
			add(true, "; %s: %s", r.Severity, r.Text)
		}
	}
	return b.String()
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
