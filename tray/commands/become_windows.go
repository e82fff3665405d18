package commands

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"clawtray/supervisor/openclaw"
)

// become runs the command with our streams and exits with its exit code. Ctrl-C reaches the
// command directly, because it shares our console.
func become(c openclaw.Command) error {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Env, os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		return fmt.Errorf("%s could not be started: %w", c.Path, err)
	}
	os.Exit(0)
	return nil
}
