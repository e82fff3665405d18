package main

import (
	"fmt"
	"io"
	"os"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
)

// install fetches Node and OpenClaw (BEHAVIOUR N3).
func install(f *flags) *cobra.Command {
	var o openclaw.InstallOptions
	var ifMissing bool
	c := &cobra.Command{Use: "install", Short: "Fetch Node and OpenClaw into your data directory"}
	c.Flags().StringVar(&o.DataDir, "data-dir", "", "where to (default your data directory)")
	c.Flags().StringVar(&o.NodeVersion, "node", openclaw.DefaultNodeVersion, "version of Node")
	c.Flags().StringVar(&o.OpenClawVersion, "openclaw", openclaw.DefaultOpenClawVersion, "version of OpenClaw")
	c.Flags().BoolVar(&ifMissing, "if-missing", false, "do nothing when a suitable pair is found")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if o.DataDir == "" {
			o.DataDir = settings.Places(f.profile).Data
		}
		o.Home, o.Env = xdg.Home, os.Environ()
		out := cmd.ErrOrStderr()
		if ifMissing {
			search := openclaw.Search{Home: o.Home, DataDir: o.DataDir, Env: o.Env}
			if r, _, err := openclaw.Resolve(cmd.Context(), search); err == nil {
				fmt.Fprintf(out, "OpenClaw %s (%s) and Node %s (%s) are here already.\n", r.Version, r.Source, r.NodeVersion, r.NodeSource)
				return nil
			}
		}
		o.Progress = progress(out)
		r, err := openclaw.Install(cmd.Context(), o)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\nInstalled OpenClaw %s with Node %s.\n", r.Version, r.NodeVersion)
		return nil
	}
	return c
}

// progress prints a line a step, and on a terminal how far it is.
func progress(out io.Writer) func(openclaw.Progress) {
	terminal := false
	if f, ok := out.(*os.File); ok {
		terminal = term.IsTerminal(int(f.Fd()))
	}
	var step string
	return func(p openclaw.Progress) {
		if p.Step != step {
			step = p.Step
			fmt.Fprintf(out, "%s …\n", step)
		}
		if terminal && p.Total > 0 {
			fmt.Fprintf(out, "  %d of %d MB\r", p.Bytes>>20, p.Total>>20)
		}
	}
}
