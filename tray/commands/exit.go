package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"clawtray/supervisor"
	"clawtray/supervisor/words"
	"clawtray/tray"
)

// The exit codes of every command. Scripts rely on them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // 128 + SIGINT, as in a shell
)

// exitStatus is what the exit codes of a command mean, for the help and the manual.
func exitStatus(c *cobra.Command) string {
	var text strings.Builder
	for _, code := range []int{exitDone, exitFailed, exitUsage, exitInterrupted} {
		exit := words.Here().Exit[code]
		means, exactly := exit.Exactly[c.Name()]
		if !exactly {
			means = exit.Means
		}
		if means != "" {
			fmt.Fprintf(&text, "  %-3d  %s\n", code, means)
		}
	}
	return text.String()
}

// exitCode is the code for the end of a command, and tells a person why it failed.
// The end of ctx by a signal needs no words: who sent it knows.
func exitCode(ctx context.Context, err error, out io.Writer) int {
	signal, interrupted := interruption(ctx)
	_, wrong := errors.AsType[*usageError](err)
	switch {
	case err == nil:
		return exitDone
	case interrupted:
		return signal.code()
	}
	text := inWords(err)
	if !strings.HasPrefix(text, "clawtray") {
		text = "clawtray: " + text
	}
	fmt.Fprintln(out, text)
	if wrong {
		return exitUsage
	}
	return exitFailed
}

// inWords is an error in the language of the person.
func inWords(err error) string {
	if cause, ok := errors.AsType[supervisor.Cause](err); ok {
		return tray.Explain(cause)
	}
	return words.Here().Translate(err.Error())
}
