package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
)

// installCommand is one call of `clawtray install`.
type installCommand struct {
	o                                openclaw.InstallOptions
	ifMissing, check, update, remove bool
	profile                          *string
}

// install fetches Node and OpenClaw (BEHAVIOUR N3).
func install(f *flags) *cobra.Command {
	i := installCommand{profile: &f.profile}
	c := &cobra.Command{Use: "install", Short: "Fetch Node and OpenClaw into your data directory",
		Long: "Fetch Node and OpenClaw from the npm registry you have configured into your data\n" +
			"directory. Nothing else on the machine is touched, and neither Node nor npm is needed."}
	c.Flags().StringVar(&i.o.DataDir, "data-dir", "", "where to (default your data directory)")
	c.Flags().StringVar(&i.o.NodeVersion, "node", "", "version of Node (default "+openclaw.DefaultNodeVersion+", or what OpenClaw needs)")
	c.Flags().StringVar(&i.o.OpenClawVersion, "openclaw", "", "version of OpenClaw (default "+openclaw.DefaultOpenClawVersion+", or the one installed if it is newer)")
	c.Flags().BoolVar(&i.ifMissing, "if-missing", false, "do nothing when a suitable pair is found")
	c.Flags().BoolVar(&i.check, "check", false, "install nothing: say what is installed, whether it is whole, and what is newer")
	c.Flags().BoolVar(&i.update, "update", false, "install the newest OpenClaw, and the Node it needs; the old one stays until the new one works")
	c.Flags().BoolVar(&i.remove, "remove", false, "remove what was installed here, and nothing else")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		wishes := 0
		for _, wish := range []bool{i.ifMissing, i.check, i.update || i.o.OpenClawVersion != "", i.remove} {
			if wish {
				wishes++
			}
		}
		if wishes > 1 || i.update && i.o.OpenClawVersion != "" {
			return &usageError{errors.New("choose one of --if-missing, --check, --update, --openclaw and --remove"), cmd.UsageString()}
		}
		if i.o.DataDir == "" {
			i.o.DataDir = settings.Places(*i.profile).Data
		}
		dir, err := filepath.Abs(i.o.DataDir)
		if err != nil {
			return err
		}
		i.o.DataDir, i.o.Home, i.o.Env = dir, xdg.Home, os.Environ()
		return i.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return c
}

func (i *installCommand) run(ctx context.Context, out, log io.Writer) error {
	switch {
	case i.check:
		return i.say(ctx, out)
	case i.remove:
		return i.drop(ctx, out)
	case i.ifMissing:
		search := openclaw.Search{Home: i.o.Home, DataDir: i.o.DataDir, Env: i.o.Env}
		if r, _, err := openclaw.Resolve(ctx, search); err == nil {
			fmt.Fprintf(log, "OpenClaw %s (%s) and Node %s (%s) are here already.\n", r.Version, r.Source, r.NodeVersion, r.NodeSource)
			return nil
		}
	case i.update:
		i.o.OpenClawVersion = openclaw.Newest
	}
	i.o.Progress = progress(log)
	r, err := openclaw.Install(ctx, i.o)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "\nOpenClaw %s with Node %s is installed.\n", r.Version, r.NodeVersion)
	i.wake(ctx, log, r)
	return nil
}

// say prints what is installed and what there is to install. Its error, and so
// the exit code, is about what is installed: an update is no fault.
func (i *installCommand) say(ctx context.Context, out io.Writer) error {
	c, err := openclaw.Check(ctx, i.o)
	if err == nil {
		fmt.Fprintf(out, "Installed  OpenClaw %s with Node %s, complete: %d files, %d MB\n           %s\n",
			c.Runtime.Version, c.Runtime.NodeVersion, c.Files, c.Bytes/1e6, c.Runtime.Dir)
	}
	fmt.Fprintf(out, "Tested     OpenClaw %s with Node %s, by this clawtray\n", openclaw.DefaultOpenClawVersion, openclaw.DefaultNodeVersion)
	newest, asked := openclaw.Latest(ctx, i.o)
	switch {
	case asked != nil:
		fmt.Fprintf(out, "Newest     not known: %v\n", asked)
	case err == nil && newest != c.Runtime.Version:
		fmt.Fprintf(out, "Newest     OpenClaw %s; \"clawtray install --update\" gets it\n", newest)
	default:
		fmt.Fprintf(out, "Newest     OpenClaw %s\n", newest)
	}
	return err
}

// drop removes the managed runtime, unless the gateway runs from it.
func (i *installCommand) drop(ctx context.Context, out io.Writer) error {
	// A gateway may run from it with another Node; its clawtray knows.
	report, _, err := i.client().Report(ctx)
	if err == nil && report.PID != 0 && strings.Contains(report.Diagnostics.Command, i.o.DataDir+string(filepath.Separator)) {
		return fmt.Errorf("the gateway (process %d) runs from it. Stop it first, with \"clawtray stop\"", report.PID)
	}
	if err := openclaw.Remove(ctx, i.o.DataDir); err != nil {
		return err
	}
	fmt.Fprintln(out, "No managed runtime is installed any more. OpenClaw's settings and data are untouched.")
	return nil
}

func (i *installCommand) client() *control.Client {
	return control.NewClient(settings.Places(*i.profile).Runtime)
}

// wake lets a running clawtray use what it has waited for.
func (i *installCommand) wake(ctx context.Context, log io.Writer, r openclaw.Runtime) {
	report, _, err := i.client().Report(ctx)
	switch {
	case err != nil: // none runs
	case report.State == supervisor.Failed && report.Cause.Action() == supervisor.ActInstall:
		fmt.Fprintln(log, "Starting the gateway …")
		answer, err := i.client().Do(ctx, supervisor.Request{Intent: supervisor.Retry})
		if err != nil {
			answer.Message = err.Error()
		}
		fmt.Fprintln(log, answer.Message)
	case report.State == supervisor.Running && report.Mode == supervisor.Managed && report.GatewayVersion != r.Version:
		fmt.Fprintf(log, "The gateway runs OpenClaw %s; \"clawtray restart\" restarts it with what is installed.\n", report.GatewayVersion)
	}
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
		switch {
		case !terminal:
		case p.Total > 0:
			fmt.Fprintf(out, "  %d of %d MB\r", p.Bytes>>20, p.Total>>20)
		case p.Items > 0:
			fmt.Fprintf(out, "  %d files\r", p.Items)
		}
	}
}
