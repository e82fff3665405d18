package commands

import (
	"context"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/settings"
	"clawtray/tray"
)

// verbs returns the commands that come from the menu's table, such as reload.
func verbs(a *app) []*cobra.Command {
	var all []*cobra.Command
	for _, v := range tray.Verbs() {
		c := &cobra.Command{Use: v.Name, Short: v.Short}
		c.RunE = func(cmd *cobra.Command, _ []string) error {
			answer, err := v.Do(cmd.Context(), a.menu())
			if err == nil && answer != "" {
				fmt.Fprintln(cmd.OutOrStdout(), answer)
			}
			return err
		}
		all = append(all, c)
	}
	return all
}

// menu returns the options with which a command does what an entry of the menu does.
func (a *app) menu() tray.Options {
	dirs := settings.Places(a.flags.Profile)
	return tray.Options{Gateway: remote{a.client()}, Files: menuFiles(dirs), Actions: settingsActions(dirs)}
}

// remote is the gateway of the running clawtray.
type remote struct{ client *control.Client }

func (r remote) Do(ctx context.Context, q supervisor.Request) (supervisor.Answer, error) {
	return r.client.Do(ctx, q)
}

func (r remote) Status() supervisor.Status {
	for s := range r.Watch(context.Background()) {
		return s
	}
	return supervisor.Status{}
}

func (r remote) Watch(ctx context.Context) iter.Seq[supervisor.Status] {
	return func(yield func(supervisor.Status) bool) {
		for s, err := range r.client.Watch(ctx) {
			if err != nil || !yield(s) {
				return
			}
		}
	}
}
