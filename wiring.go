package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"clawtray/rpc"
	"clawtray/supervisor"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
	"clawtray/tray"
	"clawtray/tray/autostart"
)

// trayOptions gives the tray what its entries do.
func trayOptions(s *supervisor.Supervisor, m *supervisor.Machine, dirs settings.Dirs, set settings.Settings, profile string, log *slog.Logger) tray.Options {
	options := tray.Options{
		Gateway:        s,
		Version:        version,
		Log:            log,
		Dashboard:      s.Dashboard,
		LogFile:        dirs.Log(),
		ConfigFile:     dirs.File(),
		OpenClawConfig: openclaw.PathsFrom(m.Env, m.Home).ConfigPath,
		Settings:       tray.Settings{Notify: tray.Level(set.Notifications)},
		Diagnostics: func(ctx context.Context) (string, error) {
			report, err := s.Report(ctx)
			if err != nil {
				return "", err
			}
			text, err := json.MarshalIndent(report, "", "  ")
			return string(text), err
		},
		SaveReport: func(ctx context.Context) (string, error) { return newDiagnostics(profile, s.Report).save(ctx, "") },
		Service:    func() bool { return autostart.Service() != "" },
		UsePort: func(ctx context.Context, port int) (string, error) {
			if err := settings.Set(dirs.File(), "port", port); err != nil {
				return "", err
			}
			answer, err := s.UsePort(ctx, port)
			return answer.Message, err
		},
		SaveSettings: func(t tray.Settings) error {
			return settings.Set(dirs.File(), "notifications", string(t.Notify))
		},
	}
	if login, err := autostart.Here(loginArgs(profile)...); err == nil {
		options.Autostart = login
		if moved, err := login.Repair(); err != nil {
			log.Warn("the entry that starts clawtray at login could not be repaired", "err", err)
		} else if moved {
			log.Info("the entry that starts clawtray at login follows the program to its new place")
		}
	}
	return options
}

// identityAt loads the device identity when it is first wanted: the icon need not
// wait until the key is read and checked.
func identityAt(path string, log *slog.Logger) func() (*rpc.Identity, string) {
	return sync.OnceValues(func() (*rpc.Identity, string) {
		identity, report, err := rpc.LoadOrCreateIdentity(path)
		var problem string
		switch {
		case err != nil:
			problem = err.Error()
		case report.MovedAside != "":
			problem = "The device identity was damaged and has been replaced; the old file is " + report.MovedAside
		}
		if problem != "" {
			log.Warn("device identity", "problem", problem)
		}
		return identity, problem
	})
}

// loginArgs are what clawtray is started with at login.
func loginArgs(profile string) []string {
	if profile == "" {
		return nil
	}
	return []string{"--profile", profile}
}

// policy is the default policy with what the user set.
func policy(s settings.Supervision) supervisor.Policy {
	p := supervisor.DefaultPolicy()
	p.Governor.Budget, p.Governor.Window = s.RestartBudget, time.Duration(s.RestartWindow)
	p.DrainStop, p.DrainRestart = time.Duration(s.DrainStop), time.Duration(s.DrainRestart)
	return p
}
