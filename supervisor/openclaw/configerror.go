package openclaw

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// ConfigErrorKind is a kind of problem in OpenClaw's configuration. Its values are stable.
type ConfigErrorKind string

// Errors of the first group come from [Reader.Read]; then the configuration is unknown.
// Errors of the second group come from [Effective.Startable] and [Effective.SignInProblem];
// then the rest of the configuration is known.
const (
	ConfigUnreadable ConfigErrorKind = "unreadable" // permissions, an I/O error, not a regular file, too large
	ConfigForeign    ConfigErrorKind = "foreign"    // not readable, and the file belongs to another user
	ConfigTimeout    ConfigErrorKind = "timeout"    // the file system did not answer in time
	ConfigEmpty      ConfigErrorKind = "empty"      // the file contains only white space
	ConfigBroken     ConfigErrorKind = "broken"     // incomplete, or not JSON5
	ConfigInclude    ConfigErrorKind = "include"    // an $include that OpenClaw refuses

	ConfigUnresolved  ConfigErrorKind = "unresolved"   // a reference to a variable or a secret that does not exist
	ConfigConflict    ConfigErrorKind = "conflict"     // two values that exclude each other
	ConfigInvalid     ConfigErrorKind = "invalid"      // a value that OpenClaw refuses
	ConfigRemote      ConfigErrorKind = "remote"       // gateway.mode is remote: the gateway runs on another machine
	ConfigModeMissing ConfigErrorKind = "mode-missing" // the file has no gateway.mode; OpenClaw assumes that its contents were lost
	ConfigNoSecret    ConfigErrorKind = "no-secret"    // there is no token and no password, so nobody could sign in
)

// ConfigError is a problem in OpenClaw's configuration. It never contains a secret.
type ConfigError struct {
	Kind     ConfigErrorKind
	Path     string    // the file with the problem, which can be an included one
	Key      string    // such as gateway.auth.token; empty for a problem of the whole file
	Variable string    // the environment variable that is missing
	Changed  time.Time // when the file, or a file that it includes, was last changed; zero when unknown
	Err      error     // a *SyntaxError for ConfigBroken
}

func (e *ConfigError) Error() string {
	what := e.Path
	if e.Key != "" {
		what += ": " + e.Key
	}
	if e.Variable != "" {
		return fmt.Sprintf("%s refers to the environment variable %s, which is not set", what, e.Variable)
	}
	if e.Kind == ConfigBroken {
		what += " is not valid JSON5"
	}
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", what, e.Err)
	}
	return fmt.Sprintf("%s is %s", what, e.Kind)
}

func (e *ConfigError) Unwrap() error { return e.Err }

// IsConfigError reports whether err is, or wraps, a *ConfigError of one of these kinds.
func IsConfigError(err error, kinds ...ConfigErrorKind) bool {
	e, ok := errors.AsType[*ConfigError](err)
	if !ok {
		return false
	}
	for _, kind := range kinds {
		if e.Kind == kind {
			return true
		}
	}
	return false
}

// Settled reports whether the files have been unchanged for quiet, so that nobody is
// probably writing them at this moment. When the time of the change is unknown or far in
// the future, the answer is yes.
func (e *ConfigError) Settled(now time.Time, quiet time.Duration) bool {
	return settled(e.Changed, now, quiet)
}

// settled reports whether changed is at least quiet ago. The clock of a file server can be
// ahead of ours, so a time further in the future than quiet is ignored.
func settled(changed, now time.Time, quiet time.Duration) bool {
	age := now.Sub(changed)
	return changed.IsZero() || age >= quiet || age < -quiet
}

// unreadable is the error for a file that could not be read.
func unreadable(path string, err error) *ConfigError {
	kind := ConfigUnreadable
	if errors.Is(err, fs.ErrPermission) && belongsToAnother(path) {
		kind = ConfigForeign
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok { // without its path, which the ConfigError has, too
		err = pathErr.Err
	}
	return &ConfigError{Kind: kind, Path: path, Err: err}
}
