package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"

	"clawtray/supervisor"
	"clawtray/supervisor/doctor"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
	"clawtray/tray"
	"clawtray/tray/autostart"
)

// errUnwell makes doctor exit with 1; what is wrong was printed.
var errUnwell = errors.New("something needs you; see the remedies above")

// doctorCommand says how everything is that clawtray depends on (BEHAVIOUR N4).
func doctorCommand(f *flags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "doctor", Short: "Look at everything clawtray depends on, and say what to do"}
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		out := cmd.OutOrStdout()
		findings := examine(cmd.Context(), f.profile)
		if asJSON {
			text, err := json.MarshalIndent(findings, "", "  ")
			if err != nil {
				return err
			}
			fmt.Fprintln(out, string(text))
		} else {
			findings.Text(out, xdg.Home, coloured(out))
		}
		if !findings.Healthy() {
			return errUnwell
		}
		return nil
	}
	return c
}

// examine looks at everything and changes nothing. No secret is in its answer.
func examine(ctx context.Context, profile string) doctor.Findings {
	dirs := settings.Places(profile)
	file := settings.Read(dirs.File())
	login, _ := autostart.Here(loginArgs(profile)...)
	subject := doctor.Subject{Version: version + " (" + commit + ")", Program: login.Program, Dirs: dirs, File: file,
		Machine: machineFor(dirs, file.Settings, slog.New(slog.DiscardHandler))}
	checks := append(subject.Checks(), tray.Checks()...)
	checks = append(checks, login.Check(), autostart.CheckService())
	return doctor.Examine(ctx, checks, subject.Redactor().String)
}

// machineFor is this machine for a supervisor with these settings.
func machineFor(dirs settings.Dirs, set settings.Settings, log *slog.Logger) *supervisor.Machine {
	return &supervisor.Machine{
		Search: openclaw.Search{Home: xdg.Home, DataDir: dirs.Data, Env: os.Environ(), NodePath: set.Node, EntryPath: set.OpenClaw,
			CacheFile: filepath.Join(dirs.Cache, "runtime.json")},
		Env: os.Environ(), Home: xdg.Home, ConfiguredToken: set.Token, NodeOptions: set.NodeOptions, StateDir: dirs.State, CacheDir: dirs.Cache, Log: log,
	}
}
