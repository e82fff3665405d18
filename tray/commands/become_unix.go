//go:build unix

package commands

import (
	"fmt"
	"syscall"

	"clawtray/supervisor/openclaw"
)

// become replaces this process by the command, so that signals, streams and the exit code
// are those of the command.
func become(c openclaw.Command) error {
	err := syscall.Exec(c.Path, append([]string{c.Path}, c.Args...), c.Env)
	return fmt.Errorf("%s could not be started: %w", c.Path, err)
}
