package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"clawtray/tray/autostart"
)

// autostartCommand switches the start at login (BEHAVIOUR L6), with the entry
// that the menu makes.
func autostartCommand(f *flags) *cobra.Command {
	do := func(use, short string, work func(autostart.Login) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, RunE: func(cmd *cobra.Command, _ []string) error {
			login, err := autostart.Here(loginArgs(f.profile)...)
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
	c := do("autostart", "Start clawtray at login, or not", none)
	c.AddCommand(
		do("on", "Start clawtray at login", func(l autostart.Login) error { return l.Set(true) }),
		do("off", "Do not start clawtray at login", func(l autostart.Login) error { return l.Set(false) }),
		do("status", "Say whether clawtray starts at login", none))
	return c
}

// tellAutostart says what will happen at the next login.
func tellAutostart(cmd *cobra.Command, login autostart.Login) error {
	on, err := login.Enabled()
	if err != nil {
		return err
	}
	text := "clawtray does not start at login."
	if on {
		text = "clawtray starts at login."
	}
	fmt.Fprintln(cmd.OutOrStdout(), text)
	if service := autostart.Service(); service != "" {
		fmt.Fprintf(cmd.OutOrStdout(), "OpenClaw's own service is installed (%s); clawtray leaves it alone and attaches to its gateway.\n", service)
	}
	return nil
}
