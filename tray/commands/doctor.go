package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"

	"clawtray/supervisor/doctor"
	"clawtray/supervisor/settings"
	"clawtray/supervisor/words"
	"clawtray/tray"
	"clawtray/tray/autostart"
)

// doctorCommand examines everything that clawtray depends on (BEHAVIOUR N4).
func doctorCommand(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "doctor"}
	c.Flags().BoolVar(&asJSON, "json", false, "")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		out := cmd.OutOrStdout()
		findings := a.examine(cmd.Context(), "")
		if asJSON {
			text, err := json.MarshalIndent(findings, "", "  ")
			if err != nil {
				return err
			}
			fmt.Fprintln(out, string(text))
		} else {
			findings.Text(out, words.Here().Doctor, xdg.Home, Coloured(out))
		}
		if !findings.Healthy() {
			return errors.New(words.Here().Wrong.Unwell) // the findings are printed before
		}
		return nil
	}
	return c
}

// examine looks at everything and changes nothing. No secret is in its answer. The empty
// language is the one that is spoken.
func (a *app) examine(ctx context.Context, language string) doctor.Findings {
	subject, login := a.subject()
	subject.Voice = tray.Voice(language)
	t := subject.Voice.Texts
	checks := append(subject.Checks(), tray.Checks(language)...)
	checks = append(checks, login.Check(t.Doctor), autostart.CheckService(t.Doctor))
	return doctor.Examine(ctx, checks, t.Doctor, subject.Redactor(ctx).String)
}

// subject returns what to check: the clawtray of this user and profile, and its entry for
// the start at login.
func (a *app) subject() (doctor.Subject, autostart.Login) {
	dirs := settings.Places(a.flags.Profile)
	file := settings.Read(dirs.File())
	login, _ := autostart.Here(a.flags.Profile)
	return doctor.Subject{Version: a.program.Version + " (" + a.program.Commit + ")", Program: login.Program, Dirs: dirs, File: file,
		Machine: dirs.Machine(file.Settings, slog.New(slog.DiscardHandler))}, login
}
