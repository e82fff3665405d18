package commands

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
	"clawtray/supervisor/words"
)

// openclawLimit limits the search for Node and OpenClaw, see supervisor/doctor.
const openclawLimit = time.Minute

// openclawCommand runs the OpenClaw that clawtray has found (BEHAVIOUR O7), so that people
// can paste every command in clawtray's texts into a terminal. All arguments after its name
// are for OpenClaw.
func openclawCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:                "openclaw [arguments]",
		Example:            "  clawtray openclaw devices list",
		DisableFlagParsing: true,
		Args:               cobra.ArbitraryArgs,
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		profile, args := leadingProfile(args)
		if profile != "" {
			a.flags.Profile = profile
		}
		if err := openclaw.CheckProfile(a.flags.Profile); err != nil {
			return &usageError{err}
		}
		command, err := a.openclaw(cmd.Context(), args)
		if err != nil {
			return err
		}
		return become(command)
	}
	return c
}

// leadingProfile removes --profile from the front of the arguments. cobra puts it there
// whether it was before or after the word openclaw.
func leadingProfile(args []string) (profile string, rest []string) {
	switch {
	case len(args) > 1 && args[0] == "--profile":
		return args[1], args[2:]
	case len(args) > 0 && strings.HasPrefix(args[0], "--profile="):
		return strings.TrimPrefix(args[0], "--profile="), args[1:]
	}
	return "", args
}

// openclaw returns the command with its environment.
func (a *app) openclaw(ctx context.Context, args []string) (openclaw.Command, error) {
	ctx, cancel := context.WithTimeout(ctx, openclawLimit)
	defer cancel()
	dirs := settings.Places(a.flags.Profile)
	machine := dirs.Machine(settings.Read(dirs.File()).Settings, slog.New(slog.DiscardHandler))
	r, err := machine.Runtime(ctx)
	if err != nil {
		if missing, ok := errors.AsType[*openclaw.MissingError](err); ok {
			t := words.Here()
			err = errors.New(t.Translate(missing.Sentence) + t.Space + t.Translate(missing.Remedy))
		}
		return openclaw.Command{}, err
	}
	e, err := machine.Effective(ctx)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) { // people repair a broken configuration with OpenClaw's own commands
		e.Paths = openclaw.ProfilePaths(machine.Env, machine.Home, machine.Profile)
	}
	if err == nil && e.File.Exists && len(args) > 0 && args[0] == "doctor" { // doctor rewrites the file (BEHAVIOUR Q1)
		_ = machine.KeepCopy(ctx, e) // ignore a file that we may not copy, because the user has decided to run doctor
	}
	return r.Command(os.Environ(), e, args), nil
}
