package commands

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"clawtray/supervisor/words"
	"clawtray/tray/autostart"
)

// autostartCommand switches the start at login on and off (BEHAVIOUR L6). The menu changes
// the same entry.
func autostartCommand(a *app) *cobra.Command {
	do := func(use string, work func(autostart.Login) error) *cobra.Command {
		return &cobra.Command{Use: use, RunE: func(cmd *cobra.Command, _ []string) error {
			login, err := autostart.Here(a.flags.Profile)
			if err == nil {
				err = work(login)
			}
			if err != nil {
				return err
			}
			return tellAutostart(cmd, login)
		}}
	}
	none := func(autostart.Login) error { return nil }
	c := do("autostart", none)
	c.AddCommand(
		do("on", func(l autostart.Login) error { return l.Set(true) }),
		do("off", func(l autostart.Login) error { return l.Set(false) }),
		do("status", none))
	return c
}

// tellAutostart says what will happen at the next login.
func tellAutostart(cmd *cobra.Command, login autostart.Login) error {
	on, err := login.Enabled()
	if err != nil {
		return err
	}
	t := words.Here().Said
	text := t.LoginOff
	if on {
		text = t.LoginOn
	}
	fmt.Fprintln(cmd.OutOrStdout(), text)
	if on && inCheckout(login.Program) {
		fmt.Fprintf(cmd.OutOrStdout(), t.Checkout+"\n", login.Program)
	}
	if service := autostart.Service(); service != "" {
		fmt.Fprintf(cmd.OutOrStdout(), t.Service+"\n", service)
	}
	return nil
}

// inCheckout reports whether the program is in the folder where clawtray's Makefile builds
// it.
func inCheckout(program string) bool {
	folder := filepath.Dir(program)
	if filepath.Base(folder) != "build" {
		return false
	}
	mod, err := os.ReadFile(filepath.Join(folder, "..", "go.mod"))
	return err == nil && bytes.HasPrefix(mod, []byte("module clawtray\n"))
}
