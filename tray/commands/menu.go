package commands

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"

	"github.com/adrg/xdg"

	"clawtray/supervisor"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
	"clawtray/tray"
	"clawtray/tray/autostart"
)

// Parts are the parts of clawtray that the entries of the menu use.
type Parts struct {
	Supervisor *supervisor.Supervisor
	Dirs       settings.Dirs
	Settings   settings.Settings  // at the start
	Chosen     <-chan tray.Chosen // changes of the settings
	Log        *slog.Logger
}

// Chosen returns what the menu shows of the settings. --lang has priority until the setting
// differs from the one at the start.
func (f Flags) Chosen(atStart, now settings.Settings) tray.Chosen {
	language := now.Language
	if f.Language != "" && language == atStart.Language {
		language = f.Language
	}
	return tray.Chosen{Notify: tray.Level(now.Notifications), Language: language}
}

// menuFiles returns the files that the menu opens.
func menuFiles(dirs settings.Dirs) tray.Files {
	return tray.Files{Log: dirs.Log(), Config: dirs.File(), OpenClawConfig: openclaw.ProfilePaths(os.Environ(), xdg.Home, dirs.Profile).ConfigPath}
}

// settingsActions returns the actions that change the settings file.
func settingsActions(dirs settings.Dirs) tray.Actions {
	return tray.Actions{
		SaveSetting:  func(key, value string) error { return settings.Set(dirs.File(), key, value) },
		MakeSettings: func() error { return settings.Make(dirs.File()) },
	}
}

// Menu returns the options of the tray. An entry and the command of the same name use the
// same code.
func (p Program) Menu(f Flags, parts Parts) tray.Options {
	a := newApp(p, f)
	s, dirs, log := parts.Supervisor, parts.Dirs, parts.Log
	start := f.Chosen(parts.Settings, parts.Settings)
	options := tray.Options{
		Gateway:  s,
		Requests: s,
		Log:      log,
		Name:     p.String(),
		Settings: tray.Settings{Notify: start.Notify, Language: start.Language},
		Chosen:   parts.Chosen,
		Files:    menuFiles(dirs),
		Left:     dirs.Notifications(),
		Actions:  settingsActions(dirs),
	}
	options.Actions.Dashboard = s.Dashboard
	options.Actions.Diagnostics = func(ctx context.Context) (string, error) {
		report, err := s.Report(ctx)
		if err != nil {
			return "", err
		}
		text, err := json.MarshalIndent(report, "", "  ")
		return string(text), err
	}
	options.Actions.SaveReport = func(ctx context.Context) (string, error) { return a.sources(ctx, s.Report).Save(ctx, "") }
	options.Actions.StartChannel = s.StartChannel
	options.Actions.UsePort = func(ctx context.Context, port int) (string, error) {
		if err := settings.Set(dirs.File(), "port", port); err != nil {
			return "", err
		}
		answer, err := s.UsePort(ctx, port)
		return answer.Message, err
	}
	options.Actions.Service = serviceInstalled
	if login, err := autostart.Here(f.Profile); err == nil {
		options.Autostart = login
		if moved, err := login.Repair(); err != nil {
			log.Warn("the entry that starts clawtray at login could not be repaired", "err", err)
		} else if moved {
			log.Info("the entry that starts clawtray at login follows the program to its new place")
		}
	}
	return options
}
