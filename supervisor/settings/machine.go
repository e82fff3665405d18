package settings

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/adrg/xdg"

	"clawtray/rpc"
	"clawtray/supervisor"
	"clawtray/supervisor/machine"
	"clawtray/supervisor/openclaw"
)

// Machine returns this machine for a supervisor with these settings and folders.
func (d Dirs) Machine(set Settings, log *slog.Logger) *machine.Machine {
	return &machine.Machine{
		Search: openclaw.Search{Home: xdg.Home, DataDir: d.Data, Env: os.Environ(), NodePath: set.Node, EntryPath: set.OpenClaw,
			CacheFile: filepath.Join(d.Cache, "runtime.json")},
		Env: os.Environ(), Home: xdg.Home, Profile: d.Profile, Given: set.given(), NodeOptions: set.NodeOptions, StateDir: d.State, CacheDir: d.Cache, Log: log,
	}
}

// given returns the values that have priority over OpenClaw's own configuration.
func (s Settings) given() openclaw.Overrides {
	o := openclaw.Overrides{Port: s.Port, PortSource: openclaw.SourceSettings, Token: s.Token}
	if s.PortGiven {
		o.PortSource = openclaw.SourceCommandLine
	}
	return o
}

// Supervisor returns the configuration of a supervisor with these settings and folders.
func (d Dirs) Supervisor(set Settings, log *slog.Logger) supervisor.Config {
	return supervisor.Config{Policy: set.Supervision.policy(), Port: set.Port, NoRequests: !set.Approvals, Identity: identityAt(d.Identity(), log),
		DeviceTokens: rpc.NewFileDeviceTokens(d.DeviceTokens()), Log: log}
}

// policy returns the default policy with the user's values.
func (s Supervision) policy() supervisor.Policy {
	p := supervisor.DefaultPolicy()
	p.Governor.Budget, p.Governor.Window = s.RestartBudget, time.Duration(s.RestartWindow)
	p.DrainStop, p.DrainRestart = time.Duration(s.DrainStop), time.Duration(s.DrainRestart)
	return p
}

// identityAt returns a function that loads the device identity at its first call. So the
// icon does not wait until the key is read and checked.
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
