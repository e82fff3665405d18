// Package autostart starts clawtray at login, with the one mechanism each
// system has for the user's own programs: an XDG autostart entry, a
// LaunchAgent, or the Run key of the registry (BEHAVIOUR L6). It is off until
// somebody turns it on, and leaves OpenClaw's own service alone, which it can
// only detect.
package autostart

import "os"

// name is ours in every system's list of programs.
const name = "clawtray"

// Login is clawtray's entry in the list of programs that start at login.
type Login struct {
	// Program is the absolute path of the binary.
	Program string
	// Args go with it.
	Args []string
}

// Here is the entry for the running binary.
func Here(args ...string) (Login, error) {
	program, err := os.Executable()
	return Login{Program: program, Args: args}, err
}

// Enabled reports whether the entry exists and the user has not switched it off elsewhere.
func (l Login) Enabled() (bool, error) { return enabled() }

// Set makes or removes the entry. Either may be repeated.
func (l Login) Set(on bool) error {
	if !on {
		return remove()
	}
	return write(l)
}

// Repair rewrites an entry that starts another binary, such as the place this
// one was moved from. It reports whether it did.
func (l Login) Repair() (bool, error) {
	on, err := enabled()
	if err != nil || !on {
		return false, err
	}
	same, err := current(l)
	if err != nil || same {
		return false, err
	}
	return true, write(l)
}

// Service returns what starts OpenClaw's own service at login (a file, or the
// name of a task), empty when there is none. It is looked for in the place
// where `openclaw gateway install` puts it, in any profile.
func Service() string { return service() }
