package commands

import (
	"strconv"

	"github.com/spf13/cobra"

	"clawtray/supervisor/journal"
	"clawtray/supervisor/settings"
	"clawtray/supervisor/words"
)

// logLines is how many lines `clawtray logs` prints by default.
const logLines = 100

// logs prints clawtray's log, which also contains the gateway's lines.
func logs(a *app) *cobra.Command {
	var follow bool
	n := logLines
	c := &cobra.Command{Use: "logs"}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "")
	c.Flags().VarP(number{&n, 0, anyNumber, words.Here().Wrong.Lines}, "lines", "n", strconv.Itoa(logLines))
	c.Flags().Lookup("lines").DefValue = "" // the words tell it
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		log := journal.Reader{Path: settings.Places(a.flags.Profile).Log()}
		if follow {
			return log.Follow(cmd.Context(), n, cmd.OutOrStdout())
		}
		return log.Tail(n, cmd.OutOrStdout())
	}
	return c
}
