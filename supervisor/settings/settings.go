// Package settings is clawtray's own configuration file and the places where
// it keeps its files.
package settings

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/pelletier/go-toml/v2"
)

// DefaultPort is the gateway's own default (OpenClaw's documentation).
const DefaultPort = 18789

// Settings is the configuration file, TOML. Every key may be left out.
type Settings struct {
	Port          int    `toml:"port"`          // of the gateway on 127.0.0.1
	Node          string `toml:"node"`          // Node executable; empty: found
	OpenClaw      string `toml:"openclaw"`      // openclaw.mjs, its folder or the command; empty: found
	NodeOptions   string `toml:"node_options"`  // the gateway's NODE_OPTIONS, for example "--max-old-space-size=8192"; the environment's own is not passed on
	Token         string `toml:"token"`         // shared gateway token; empty: from OpenClaw's configuration, or generated
	Notifications string `toml:"notifications"` // "all", "problems" or "none"
	LogLevel      string `toml:"log_level"`     // "debug", "info", "warn" or "error"

	Supervision Supervision `toml:"supervision"`
}

// Supervision is how patient clawtray is. Durations are written like "20s" or "10m".
type Supervision struct {
	RestartBudget int      `toml:"restart_budget"` // automatic restarts within the window, then a person has to look
	RestartWindow Duration `toml:"restart_window"`
	DrainStop     Duration `toml:"drain_stop"`    // wait for active work before a stop or quit
	DrainRestart  Duration `toml:"drain_restart"` // and before a restart
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

// MarshalText writes it as it is read.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Default returns the settings of an empty file.
func Default() Settings {
	return Settings{Port: DefaultPort, Notifications: "all", LogLevel: "info", Supervision: Supervision{
		RestartBudget: 5, RestartWindow: Duration(10 * time.Minute),
		DrainStop: Duration(20 * time.Second), DrainRestart: Duration(time.Minute),
	}}
}

// Error is a mistake in the file, with its place.
type Error struct {
	Path   string
	Line   int // from 1; 0 when it is about the whole file
	Key    string
	Reason string
}

func (e *Error) Error() string {
	where := e.Path
	if e.Line > 0 {
		where = fmt.Sprintf("%s:%d", e.Path, e.Line)
	}
	if e.Key != "" {
		return fmt.Sprintf("%s: %s: %s", where, e.Key, e.Reason)
	}
	return where + ": " + e.Reason
}

// Load reads the file. A missing file gives the defaults.
func Load(path string) (Settings, error) {
	s := Default()
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, &Error{Path: path, Reason: err.Error()}
	}
	defer f.Close()
	err = toml.NewDecoder(f).DisallowUnknownFields().Decode(&s)
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case errors.As(err, &unknown):
		first := unknown.Errors[0]
		line, _ := first.Position()
		return s, &Error{Path: path, Line: line, Key: strings.Join(first.Key(), "."), Reason: "there is no such setting"}
	case errors.As(err, &wrong):
		line, _ := wrong.Position()
		return s, &Error{Path: path, Line: line, Key: strings.Join(wrong.Key(), "."), Reason: wrong.Error()}
	case err != nil:
		return s, &Error{Path: path, Reason: err.Error()}
	}
	return s, s.Check(path)
}

// Save writes the file, as a whole or not at all. Comments in it are lost.
func (s Settings) Save(path string) error {
	data, err := toml.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	next := path + ".new"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// Check says what is wrong with the values, naming path as their source.
func (s Settings) Check(path string) error {
	oneOf := func(key, value string, allowed ...string) error {
		for _, a := range allowed {
			if value == a {
				return nil
			}
		}
		return &Error{Path: path, Key: key, Reason: fmt.Sprintf("%q is not one of %s", value, strings.Join(allowed, ", "))}
	}
	if s.Port < 1 || s.Port > 65535 {
		return &Error{Path: path, Key: "port", Reason: fmt.Sprintf("%d is not a port; choose one from 1 to 65535", s.Port)}
	}
	if s.Supervision.RestartBudget < 1 {
		return &Error{Path: path, Key: "supervision.restart_budget", Reason: "it has to be at least 1"}
	}
	if option, opens := debugger(s.NodeOptions); opens {
		return &Error{Path: path, Key: "node_options", Reason: option + " opens a debugger to every program of this computer; start the gateway yourself to debug it"}
	}
	return errors.Join(
		oneOf("notifications", s.Notifications, "all", "problems", "none"),
		oneOf("log_level", s.LogLevel, "debug", "info", "warn", "error"))
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
