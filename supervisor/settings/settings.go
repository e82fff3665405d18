// Package settings handles clawtray's own configuration file, clawtray.toml, and the
// folders of clawtray's files.
//
// [Places] returns the folders of a profile. [Read] reads the file and always returns
// usable settings: a mistake affects only its own key. [Set] changes one key and keeps the
// rest of the file as its user wrote it. [Dirs.Supervisor] and [Dirs.Machine] turn settings
// into what package supervisor needs, and [Follow] applies changes of the file to a running
// supervisor.
package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/pelletier/go-toml/v2"
)

// Settings are the values of the configuration file, which is TOML. Every key may be left
// out. `clawtray config --default` prints the comment of each field.
type Settings struct {
	Port          int    `toml:"port" comment:"The port of the gateway. 0: the one of OpenClaw's own configuration (gateway.port), else 18789."`
	Node          string `toml:"node" comment:"The Node executable. Empty: found by itself; clawtray doctor says where it looked."`
	OpenClaw      string `toml:"openclaw" comment:"OpenClaw's openclaw.mjs, its folder, or the openclaw command. Empty: found by itself."`
	NodeOptions   string `toml:"node_options" comment:"The gateway's NODE_OPTIONS, for example \"--max-old-space-size=8192\". The environment's own is not passed on."`
	Token         string `toml:"token" comment:"The token shared with the gateway, where OpenClaw's own configuration has none; that one always counts.\nEmpty: from the environment or from OpenClaw's .env. With a token in it, this file is only for you: mode 0600."`
	Notifications string `toml:"notifications" comment:"Which notifications are shown: \"all\", \"problems\" or \"none\"."`
	Language      string `toml:"language" comment:"The language of the words: \"system\", \"en\" or \"zh\". The menu writes it, too."`
	Approvals     bool   `toml:"approvals" comment:"Ask you when the assistant wants to run something that needs your consent, or when a device or a sender wants in.\nfalse: clawtray neither shows nor answers such requests; OpenClaw asks elsewhere, or denies."`
	LogLevel      string `toml:"log_level" comment:"What clawtray logs at least: \"debug\", \"info\", \"warn\" or \"error\"."`

	PortGiven bool `toml:"-"` // Port comes from the command line

	Supervision Supervision `toml:"supervision" comment:"How patient clawtray is. Times are written like \"20s\", \"1m30s\" or \"10m\"."`
}

// Supervision says how patient clawtray is. Durations are written like "20s" or "10m".
type Supervision struct {
	RestartBudget int      `toml:"restart_budget" comment:"So many automatic restarts within the window; then a person has to look."`
	RestartWindow Duration `toml:"restart_window" comment:"The window for restart_budget."`
	DrainStop     Duration `toml:"drain_stop" comment:"How long a stop or quit waits for active work. A quit as a whole takes 30 s at most."`
	DrainRestart  Duration `toml:"drain_restart" comment:"How long a restart waits for active work."`
}

// Duration is a time.Duration that is written as text in the file.
type Duration time.Duration

// UnmarshalText parses a text such as "1m30s".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err == nil && v < 0 {
		err = fmt.Errorf("%s is negative", b)
	}
	*d = Duration(v)
	return err
}

// MarshalText returns the short form, for example "10m" and not "10m0s".
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
	return Settings{Notifications: "all", Approvals: true, Language: "system", LogLevel: "info", Supervision: Supervision{
		RestartBudget: 5, RestartWindow: Duration(10 * time.Minute),
		DrainStop: Duration(20 * time.Second), DrainRestart: Duration(time.Minute),
	}}
}

// DefaultText returns a configuration file with every setting, its default and its purpose.
func DefaultText() string {
	text, err := Default().Text()
	if err != nil {
		panic("settings: the defaults are not TOML: " + err.Error())
	}
	return "# clawtray's settings. Every line may be left out; then what stands here is used.\n\n" + string(text)
}

// Make creates a file with every setting and its purpose, for people to edit. All settings
// in it are comments, so that defaults of later versions take effect. An existing file
// stays as it is.
func Make(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var text strings.Builder
	for line := range strings.Lines(DefaultText()) {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#") {
			text.WriteString("# ")
		}
		text.WriteString(line)
	}
	return replace(path, []byte(text.String()))
}

// Text returns a configuration file with these settings, including the token.
func (s Settings) Text() ([]byte, error) { return toml.Marshal(s) }

// checks return why the value of a key cannot be used; empty when it can.
var checks = map[string]func(Settings) string{
	"port": func(s Settings) string {
		if s.Port < 0 || s.Port > 65535 {
			return fmt.Sprintf("%d is not a port; choose one from 1 to 65535, or 0 for OpenClaw's own", s.Port)
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
	"language":      func(s Settings) string { return oneOf(s.Language, "system", "en", "zh") },
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

// Check returns the mistakes in the values. It names path as their source.
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

// debugger returns the option that makes Node open its inspector. Node accepts "_" instead
// of "-", and removes quotes and backslashes.
func debugger(options string) (option string, opens bool) {
	for _, word := range strings.Fields(strings.NewReplacer(`"`, "", `\`, "", "_", "-").Replace(options)) {
		if strings.HasPrefix(word, "--inspect") {
			option, _, _ = strings.Cut(word, "=")
			return option, true
		}
	}
	return "", false
}

// Dirs are the folders of one profile. [Places] returns them.
type Dirs struct {
	Profile string // also OpenClaw's profile; empty for the default profile
	Config  string // the configuration file
	State   string // identity, tokens, logs, run file, lock and control socket
	Data    string // the managed runtime, shared by all profiles
	Cache   string // files that clawtray can create again
}

// Places returns the folders of a profile; "" means the default profile. It creates
// nothing.
func Places(profile string) Dirs {
	name := "clawtray"
	if profile != "" {
		name += "-" + profile // beside the default profile's folder, because inside it the name could be the name of a file
	}
	return Dirs{
		Profile: profile,
		Config:  filepath.Join(xdg.ConfigHome, name),
		State:   filepath.Join(xdg.StateHome, name),
		Data:    filepath.Join(xdg.DataHome, "clawtray"),
		Cache:   filepath.Join(xdg.CacheHome, "clawtray"),
	}
}

// File returns the path of the configuration file.
func (d Dirs) File() string { return filepath.Join(d.Config, "clawtray.toml") }

// Identity returns the path of the device identity.
func (d Dirs) Identity() string { return filepath.Join(d.State, "identity.pem") }

// DeviceTokens returns the path of the tokens that gateways have issued to the device.
func (d Dirs) DeviceTokens() string { return filepath.Join(d.State, "device-tokens.json") }

// Log returns the path of clawtray's log.
func (d Dirs) Log() string { return filepath.Join(d.State, "clawtray.log") }

// Notifications names the notifications that are on the screen, for the next clawtray.
func (d Dirs) Notifications() string { return filepath.Join(d.State, "notifications") }
