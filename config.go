package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"clawtray/supervisor/settings"
)

// configCommand shows clawtray's own settings and where they come from.
func configCommand(f *flags) *cobra.Command {
	var asDefault, path bool
	c := &cobra.Command{Use: "config", Short: "Show clawtray's settings, where they come from, and the mistakes in them"}
	c.Flags().BoolVar(&asDefault, "default", false, "print a settings file with every setting, its default and what it is for")
	c.Flags().BoolVar(&path, "path", false, "print the path of the settings file")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		out, file := cmd.OutOrStdout(), settings.Places(f.profile).File()
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
			return fmt.Errorf("the settings have mistakes; for a wrong value the default is used\n%w", set.Mistakes)
		}
		return nil
	}
	return c
}

// showSettings writes the settings in force. The token is not shown.
func showSettings(out io.Writer, f settings.File) error {
	note := ""
	if f.Missing {
		note = " (not there)"
	}
	fmt.Fprintf(out, "# %s%s\n", f.Path, note)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, r := range f.Rows() {
		from := "default"
		if r.Line > 0 {
			from = fmt.Sprintf("line %d", r.Line)
		}
		fmt.Fprintf(table, "%s = %s\t# %s\n", r.Key, r.Value, from)
	}
	return table.Flush()
}
