// Package settings is clawtray's own configuration file and the places where
// it keeps its files.
package settings

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/pelletier/go-toml/v2"
)

// DefaultPort is the gateway's own default (OpenClaw's documentation).
const DefaultPort = 18789

// Settings is the configuration file, TOML. Every key may be left out. The
// comment of a field is what `clawtray config --default` says about it.
type Settings struct {
	Port          int    `toml:"port" comment:"The port of the gateway, on 127.0.0.1."`
	Node          string `toml:"node" comment:"The Node executable. Empty: found by itself; clawtray doctor says where it looked."`
	OpenClaw      string `toml:"openclaw" comment:"OpenClaw's openclaw.mjs, its folder, or the openclaw command. Empty: found by itself."`
	NodeOptions   string `toml:"node_options" comment:"The gateway's NODE_OPTIONS, for example \"--max-old-space-size=8192\". The environment's own is not passed on."`
	Token         string `toml:"token" comment:"The token shared with the gateway. Empty: from the environment or from OpenClaw's configuration,\nelse made once and kept. With a token in it, this file is only for you: mode 0600."`
	Notifications string `toml:"notifications" comment:"Which notifications are shown: \"all\", \"problems\" or \"none\"."`
	LogLevel      string `toml:"log_level" comment:"What clawtray logs at least: \"debug\", \"info\", \"warn\" or \"error\"."`

	Supervision Supervision `toml:"supervision" comment:"How patient clawtray is. Times are written like \"20s\", \"1m30s\" or \"10m\"."`
}

// Supervision is how patient clawtray is. Durations are written like "20s" or "10m".
type Supervision struct {
	RestartBudget int      `toml:"restart_budget" comment:"So many automatic restarts within the window; then a person has to look."`
	RestartWindow Duration `toml:"restart_window" comment:"The window for restart_budget."`
	DrainStop     Duration `toml:"drain_stop" comment:"How long a stop or quit waits for active work. A quit as a whole takes 30 s at most."`
	DrainRestart  Duration `toml:"drain_restart" comment:"How long a restart waits for active work."`
}

// Duration is a time.Duration that a file spells out.
type Duration time.Duration

// UnmarshalText reads "1m30s".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err == nil && v < 0 {
		err = fmt.Errorf("%s is negative", b)
	}
	*d = Duration(v)
	return err
}

// MarshalText writes it as it is read, "10m" and not "10m0s".
func (d Duration) MarshalText() ([]byte, error) {
	text := time.Duration(d).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return []byte(text), nil
}

// Default returns the settings of an empty file.
func Default() Settings {
	return Settings{Port: DefaultPort, Notifications: "all", LogLevel: "info", Supervision: Supervision{
		RestartBudget: 5, RestartWindow: Duration(10 * time.Minute),
		DrainStop: Duration(20 * time.Second), DrainRestart: Duration(time.Minute),
	}}
}

// DefaultText is a configuration file with every setting, its default and what
// it is for.
func DefaultText() string {
	text, err := toml.Marshal(Default())
	if err != nil {
		panic("settings: the defaults are not TOML: " + err.Error())
	}
	return "# clawtray's settings. Every line may be left out; then what stands here is used.\n\n" + string(text)
}

// checks say why the value of a key cannot be used; empty when it can.
var checks = map[string]func(Settings) string{
	"port": func(s Settings) string {
		if s.Port < 1 || s.Port > 65535 {
			return fmt.Sprintf("%d is not a port; choose one from 1 to 65535", s.Port)
		}
		return ""
	},
	"node_options": func(s Settings) string {
		if option, opens := debugger(s.NodeOptions); opens {
			return option + " opens a debugger to every program of this computer; start the gateway yourself to debug it"
		}
		return ""
	},
	"notifications": func(s Settings) string { return oneOf(s.Notifications, "all", "problems", "none") },
	"log_level":     func(s Settings) string { return oneOf(s.LogLevel, "debug", "info", "warn", "error") },
	"supervision.restart_budget": func(s Settings) string {
		if s.Supervision.RestartBudget < 1 {
			return "it has to be at least 1"
		}
		return ""
	},
	"supervision.restart_window": func(s Settings) string {
		if s.Supervision.RestartWindow <= 0 {
			return "it has to be longer than nothing"
		}
		return ""
	},
}

func oneOf(value string, allowed ...string) string {
	if slices.Contains(allowed, value) {
		return ""
	}
	return fmt.Sprintf("%q is not one of %s", value, strings.Join(allowed, ", ")) + didYouMean(value, allowed)
}

// Check says what is wrong with the values, naming path as their source.
func (s Settings) Check(path string) error {
	var wrong Mistakes
	for _, k := range keys {
		if check := checks[k.name]; check != nil {
			if why := check(s); why != "" {
				wrong = append(wrong, &Error{Path: path, Key: k.name, Reason: why})
			}
		}
	}
	return wrong.err()
}

// debugger finds the option that makes Node open its inspector. Node takes "_"
// for "-", and quotes and backslashes away.
func debugger(options string) (option string, opens bool) {
	for _, word := range strings.Fields(strings.NewReplacer(`"`, "", `\`, "", "_", "-").Replace(options)) {
		if strings.HasPrefix(word, "--inspect") {
			option, _, _ = strings.Cut(word, "=")
			return option, true
		}
	}
	return "", false
}

// Dirs are the folders of one profile. Made by [Places].
type Dirs struct {
	Config  string // the configuration file
	State   string // identity, tokens, logs, run file
	Data    string // the managed runtime, shared by all profiles
	Cache   string // what can be made again
	Runtime string // the control socket and the lock; mode 0700
}

// Places returns the folders of a profile; "" is the default one. Nothing is created.
func Places(profile string) Dirs {
	name := filepath.Join("clawtray", profile)
	d := Dirs{
		Config:  filepath.Join(xdg.ConfigHome, name),
		State:   filepath.Join(xdg.StateHome, name),
		Data:    filepath.Join(xdg.DataHome, "clawtray"),
		Cache:   filepath.Join(xdg.CacheHome, "clawtray"),
		Runtime: filepath.Join(xdg.RuntimeDir, name),
	}
	// A session without a runtime directory (su, cron, a container) has none to share.
	if info, err := os.Stat(xdg.RuntimeDir); err != nil || !info.IsDir() {
		d.Runtime = filepath.Join(d.State, "run")
	}
	// The path of a socket is short by nature; a deep home gets a folder named after it.
	if len(d.Runtime) > maxRuntime {
		sum := sha256.Sum256([]byte(d.Runtime))
		d.Runtime = filepath.Join(os.TempDir(), fmt.Sprintf("clawtray-%d-%x", os.Getuid(), sum[:6]))
	}
	return d
}

// maxRuntime leaves room for the socket's name: its path may be 104 bytes long on
// macOS, 108 on Linux and Windows.
const maxRuntime = 88

// File is the path of the configuration file.
func (d Dirs) File() string { return filepath.Join(d.Config, "clawtray.toml") }

// Identity is the path of the device identity.
func (d Dirs) Identity() string { return filepath.Join(d.State, "identity.pem") }

// DeviceTokens is the path of the tokens gateways issued to the device.
func (d Dirs) DeviceTokens() string { return filepath.Join(d.State, "device-tokens.json") }

// Log is the path of clawtray's log.
func (d Dirs) Log() string { return filepath.Join(d.State, "clawtray.log") }
