// Package autostart starts clawtray at login, in the way that each system has for the
// user's own programs: an XDG autostart entry, a LaunchAgent, or the Run key of the
// registry (BEHAVIOUR L6). It is off until somebody turns it on. The package can detect
// OpenClaw's own service, but never changes it.
package autostart

import (
	"errors"
	"io/fs"
	"os"
)

// program is clawtray's name in every system's list of programs.
const program = "clawtray"

// Login is clawtray's entry in the list of programs that start at login. Each profile has an
// entry of its own.
type Login struct {
	// Profile is OpenClaw's profile; empty for the default profile.
	Profile string
	// Program is the absolute path of the binary.
	Program string
}

// Here returns the entry of a profile for the running binary.
func Here(profile string) (Login, error) {
	path, err := os.Executable()
	return Login{Profile: profile, Program: path}, err
}

// name is the entry's name in the system's list.
func (l Login) name() string {
	if l.Profile == "" {
		return program
	}
	return program + "-" + l.Profile
}

// words are the command line that the entry starts.
func (l Login) words() []string {
	if l.Profile == "" {
		return []string{l.Program}
	}
	return []string{l.Program, "--profile", l.Profile}
}

// Enabled reports whether the entry exists and the user has not switched it off elsewhere.
func (l Login) Enabled() (bool, error) { return l.enabled() }

// Set creates or removes the entry. It does no harm when that is already done. What
// somebody has added to an entry stays while the entry exists.
func (l Login) Set(on bool) error {
	if !on {
		return l.remove()
	}
	return l.write()
}

// Repair makes the entry start this binary when the binary that it names is gone, for
// example because the program was moved. It reports whether it did. An entry that starts
// another clawtray that exists stays as it is: the user has chosen that one.
func (l Login) Repair() (bool, error) {
	on, err := l.enabled()
	if err != nil || !on {
		return false, err
	}
	other, err := l.starts()
	if err != nil || other == "" || other == l.Program {
		return false, err
	}
	if _, err := os.Stat(other); !errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return true, l.write()
}

// Service returns what starts OpenClaw's own service at login: a file, or the name of a
// task. It is empty when there is no service. It looks where `openclaw gateway install`
// puts the service, for every profile.
func Service() string { return service() }
