package commands

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"

	"clawtray/supervisor"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
	"clawtray/supervisor/words"
	"clawtray/tray"
)

// installCommand is one run of `clawtray install`.
type installCommand struct {
	o                                openclaw.InstallOptions
	ifMissing, check, update, remove bool
	app                              *app
}

// install installs Node and OpenClaw (BEHAVIOUR N3).
func install(a *app) *cobra.Command {
	i := installCommand{app: a}
	c := &cobra.Command{Use: "install"}
	c.Flags().StringVar(&i.o.DataDir, "data-dir", "", "")
	c.Flags().StringVar(&i.o.NodeVersion, "node", "", openclaw.DefaultNodeVersion)
	c.Flags().StringVar(&i.o.OpenClawVersion, "openclaw", "", openclaw.DefaultOpenClawVersion)
	c.Flags().BoolVar(&i.ifMissing, "if-missing", false, "")
	c.Flags().BoolVar(&i.check, "check", false, "")
	c.Flags().BoolVar(&i.update, "update", false, "")
	c.Flags().BoolVar(&i.remove, "remove", false, "")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		wishes := 0
		for _, wish := range []bool{i.ifMissing, i.check, i.update || i.o.OpenClawVersion != "", i.remove} {
			if wish {
				wishes++
			}
		}
		if wishes > 1 || i.update && i.o.OpenClawVersion != "" {
			return mistake("%s", words.Here().Wrong.InstallOnce)
		}
		if i.o.DataDir == "" {
			i.o.DataDir = settings.Places(a.flags.Profile).Data
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
	t, here := words.Here().Said, words.Here().Translate
	switch {
	case i.check:
		return i.say(ctx, out)
	case i.remove:
		return i.drop(ctx, out)
	case i.ifMissing:
		search := openclaw.Search{Home: i.o.Home, DataDir: i.o.DataDir, Env: i.o.Env}
		if r, _, err := openclaw.Resolve(ctx, search); err == nil {
			fmt.Fprintf(log, t.HereAlready+"\n", r.Version, here(r.Source), r.NodeVersion, here(r.NodeSource))
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
	fmt.Fprintf(log, "\n"+t.Installed+"\n", r.Version, r.NodeVersion)
	i.wake(ctx, log, r)
	return nil
}

// say prints what is installed and which newer version exists. Its error, and so the exit
// code, is about what is installed; a newer version is not an error.
func (i *installCommand) say(ctx context.Context, out io.Writer) error {
	t := words.Here()
	c, err := openclaw.Check(ctx, i.o)
	if err == nil {
		fmt.Fprintf(out, t.Said.Complete+"\n",
			c.Runtime.Version, c.Runtime.NodeVersion, c.Files, c.Bytes/1e6, c.Runtime.Dir)
	}
	fmt.Fprintf(out, t.Said.Tested+"\n", openclaw.DefaultOpenClawVersion, openclaw.DefaultNodeVersion)
	newest, asked := openclaw.Latest(ctx, i.o)
	switch {
	case asked != nil:
		fmt.Fprintf(out, t.Said.NewestUnknown+"\n", t.Translate(asked.Error()))
	case err == nil && newest != c.Runtime.Version:
		fmt.Fprintf(out, t.Said.NewestToGet+"\n", newest)
	default:
		fmt.Fprintf(out, t.Said.Newest+"\n", newest)
	}
	return err
}

// drop removes the managed runtime, but not while a gateway runs from it.
func (i *installCommand) drop(ctx context.Context, out io.Writer) error {
	// A gateway may use the managed OpenClaw with another Node. Only its clawtray knows
	// that.
	report, _, err := i.app.client().Report(ctx)
	if err == nil && report.PID != 0 && strings.Contains(report.Diagnostics.Command, i.o.DataDir+string(filepath.Separator)) {
		return fmt.Errorf(words.Here().Said.RunsFromIt, report.PID)
	}
	if err := openclaw.Remove(ctx, i.o.DataDir); err != nil {
		return err
	}
	fmt.Fprintln(out, words.Here().Said.Removed)
	return nil
}

// wake lets a running clawtray use the new runtime if it has been waiting for one.
func (i *installCommand) wake(ctx context.Context, log io.Writer, r openclaw.Runtime) {
	report, _, err := i.app.client().Report(ctx)
	switch {
	case err != nil: // no clawtray runs
	case report.State == supervisor.Failed && report.Cause.Action() == supervisor.ActInstall:
		fmt.Fprintln(log, words.Here().Said.Starting)
		answer, err := i.app.client().Do(ctx, supervisor.Request{Intent: supervisor.Retry})
		text := tray.Answer(answer)
		if err != nil {
			text = inWords(err)
		}
		fmt.Fprintln(log, text)
	case report.State == supervisor.Running && report.Mode == supervisor.Managed && report.GatewayVersion != r.Version:
		fmt.Fprintf(log, words.Here().Said.RestartForIt+"\n", report.GatewayVersion)
	}
}

// quietTime is the minimum time between two lines of progress when the output is not a
// terminal.
const quietTime = 10 * time.Second

// progress prints each step and how far it is. On a terminal it replaces the same line
// again and again; elsewhere it prints a new line now and then.
func progress(out io.Writer) func(openclaw.Progress) {
	quiet, tell := quietTime, func(line string) { fmt.Fprintln(out, line) }
	if o, ok := out.(interface{ Overwrite(string) }); ok && terminal(out) {
		quiet, tell = 0, o.Overwrite
	}
	var step string
	var said time.Time
	return func(p openclaw.Progress) {
		if p.Step != step {
			step, said = p.Step, time.Now()
			fmt.Fprintf(out, "%s …\n", words.Here().Translate(step))
		}
		if time.Since(said) < quiet {
			return
		}
		switch {
		case p.Total > 0:
			tell("  " + fmt.Sprintf(words.Here().Said.Megabytes, p.Bytes>>20, p.Total>>20))
		case p.Items > 0:
			tell("  " + fmt.Sprintf(words.Here().Said.Files, p.Items))
		default:
			return
		}
		said = time.Now()
	}
}
