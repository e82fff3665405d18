package commands

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/machine"
	"clawtray/supervisor/settings"
	"clawtray/supervisor/words"
	"clawtray/tray"
)

// restoreLimit limits the access to the files of a configuration, which may be on a slow
// mount.
const restoreLimit = 30 * time.Second

// restore restores the configuration from before OpenClaw's doctor changed it (BEHAVIOUR
// Q1). It also works when no clawtray runs.
func restore(a *app) *cobra.Command {
	c := &cobra.Command{Use: "restore"}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		answer, err := a.client().Do(cmd.Context(), supervisor.Request{Intent: supervisor.RestoreConfig})
		if errors.Is(err, control.ErrNotRunning) {
			answer, err = a.restoreHere(cmd.Context())
		}
		if err == nil {
			fmt.Fprintln(cmd.OutOrStdout(), tray.Answer(answer))
		}
		return err
	}
	return c
}

// restoreHere restores it in this process, when no clawtray runs.
func (a *app) restoreHere(ctx context.Context) (supervisor.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, restoreLimit)
	defer cancel()
	dirs := settings.Places(a.flags.Profile)
	m := dirs.Machine(settings.Read(dirs.File()).Settings, slog.New(slog.DiscardHandler))
	e, _ := m.Effective(ctx) // e has the paths even when the file cannot be read
	at, err := m.Restore(ctx, e)
	if errors.Is(err, machine.ErrNoCopy) {
		return supervisor.Answer{}, errors.New(words.Here().Said.NothingToRestore)
	}
	return supervisor.Restored(at), err
}
