package commands

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"clawtray/supervisor/settings"
	"clawtray/supervisor/words"
)

// configCommand shows clawtray's own settings and their sources.
func configCommand(a *app) *cobra.Command {
	var asDefault, path bool
	c := &cobra.Command{Use: "config"}
	c.Flags().BoolVar(&asDefault, "default", false, "")
	c.Flags().BoolVar(&path, "path", false, "")
	exclusive(c, "default", "path")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		out, file := cmd.OutOrStdout(), settings.Places(a.flags.Profile).File()
		switch {
		case asDefault:
			_, err := io.WriteString(out, settings.DefaultText())
			return err
		case path:
			_, err := fmt.Fprintln(out, file)
			return err
		}
		set := settings.Read(file)
		if err := showSettings(out, set); err != nil {
			return err
		}
		if len(set.Mistakes) > 0 {
			return fmt.Errorf(words.Here().Said.Mistaken, mistakes(set))
		}
		return nil
	}
	return c
}

// showSettings prints the current settings. It does not show the token.
func showSettings(out io.Writer, f settings.File) error {
	t, note := words.Here().Said, ""
	if f.Missing {
		note = t.NotThere
	}
	fmt.Fprintf(out, "# %s%s\n", f.Path, note)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, r := range f.Rows() {
		from := t.FromDefault
		if r.Line > 0 {
			from = fmt.Sprintf(t.FromLine, r.Line)
		}
		fmt.Fprintf(table, "%s = %s\t# %s\n", r.Key, r.Value, from)
	}
	return table.Flush()
}

// mistakes are those in the settings, with a line for each.
func mistakes(f settings.File) string {
	lines := make([]string, len(f.Mistakes))
	for i, m := range f.Mistakes {
		lines[i] = strings.Replace(m.Error(), m.Reason, words.Here().Translate(m.Reason), 1)
	}
	return strings.Join(lines, "\n")
}
