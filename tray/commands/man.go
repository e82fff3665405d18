//go:build man

package commands

import (
	"cmp"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"clawtray/supervisor/words"
)

// hidden returns the command that writes the manual, one page for each command:
//
//	go run -tags man . man --folder FOLDER
//
// packaging/dist.sh runs it. The build tag keeps the generator, which is large, out of
// the programs that users get.
func hidden(a *app) []*cobra.Command {
	c := &cobra.Command{Use: "man", Hidden: true}
	folder := c.Flags().String("folder", "man", "where the pages go")
	c.RunE = func(*cobra.Command, []string) error {
		seconds, _ := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
		date := time.Unix(seconds, 0).UTC()
		words.Speak("en")
		all := root(a.program)
		all.DisableAutoGenTag = true
		describe(all)
		return doc.GenManTree(all, &doc.GenManHeader{Section: "1", Date: &date, Source: "clawtray " + a.program.Version, Manual: "clawtray"}, *folder)
	}
	return []*cobra.Command{c}
}

// files is the text about the files on Linux, where people read manual pages.
const files = `~/.config/clawtray/clawtray.toml
    the settings; clawtray config --default explains each
~/.local/state/clawtray
    the log, the device identity and its tokens
~/.local/share/clawtray
    Node and OpenClaw, when clawtray install fetched them
~/.openclaw/openclaw.json
    the configuration of the gateway, which is OpenClaw's own
`

// describe adds the sections about exit codes and files to each page. The generator makes a
// section of the text after a heading in the description.
func describe(c *cobra.Command) {
	c.Long = cmp.Or(c.Long, c.Short) + chapter("EXIT STATUS", exitStatus(c)) + chapter("FILES", files)
	for _, verb := range c.Commands() {
		describe(verb)
	}
}

func chapter(heading, text string) string {
	return "\n\n# " + heading + "\n```\n" + text + "```\n"
}
