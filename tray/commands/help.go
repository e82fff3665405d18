package commands

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clawtray/supervisor/words"
)

// helpCommand shows the help of a command. It replaces the library's own help command,
// which exits with 0 for an unknown command.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "help [command]",
		ValidArgsFunction: completeCommand,
		RunE: func(c *cobra.Command, args []string) error {
			shown := c.Root()
			for _, name := range args {
				i := slices.IndexFunc(shown.Commands(), func(one *cobra.Command) bool { return one.Name() == name })
				if i < 0 {
					return unknownCommand(shown, name)
				}
				shown = shown.Commands()[i]
			}
			shown.InitDefaultHelpFlag()
			return shown.Help()
		},
	}
}

// completeCommand lists the subcommands of the command that is typed already.
func completeCommand(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	shown, _, err := c.Root().Find(args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, one := range shown.Commands() {
		if one.IsAvailableCommand() {
			names = append(names, one.Name()+"\t"+one.Short)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// dress gives a command, and those below it, their words. The words of a flag can have a
// place for a value, which is what the command itself gives the flag for its usage.
func dress(c *cobra.Command, t *words.Texts) {
	its := t.Command[wordsName(c)]
	c.Short, c.Long = cmp.Or(its.Short, c.Short), cmp.Or(its.Long, its.Short, c.Short)
	flag := func(f *pflag.Flag) {
		if usage, ok := its.Flags[f.Name]; ok {
			f.Usage = strings.ReplaceAll(usage, "%s", f.Usage)
		}
	}
	c.PersistentFlags().VisitAll(flag)
	c.Flags().VisitAll(flag)
	for _, verb := range c.Commands() {
		dress(verb, t)
	}
}

// wordsName is the name under which the words of a command are found.
func wordsName(c *cobra.Command) string {
	_, name, _ := strings.Cut(c.CommandPath(), " ")
	return name
}

// showHelp is the help of a command. The library's own is in English only.
func showHelp(c *cobra.Command, _ []string) {
	t, out := words.Here().Help, c.OutOrStdout()
	if f := c.Flags().Lookup("help"); f != nil {
		f.Usage = fmt.Sprintf(t.OfCommand, c.Name())
	}
	places := strings.NewReplacer("[flags]", "["+t.Flag+"]", "[command]", "["+t.Command+"]", "[arguments]", "["+t.Arguments+"]")
	fmt.Fprintf(out, "%s\n\n%s\n", strings.TrimSpace(c.Long), t.Usage)
	if c.Runnable() {
		fmt.Fprintf(out, "  %s\n", places.Replace(c.UseLine()))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(out, "  %s [%s]\n", c.CommandPath(), t.Command)
	}
	section(out, t.Examples, c.Example)
	section(out, t.Commands, listed(c))
	section(out, t.Flags, c.LocalFlags().FlagUsages())
	section(out, t.GlobalFlags, c.InheritedFlags().FlagUsages())
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(out, "\n"+t.More+"\n", c.CommandPath())
	}
	section(out, t.ExitStatus, exitStatus(c))
}

// section writes a part of the help; without lines there is none.
func section(out io.Writer, heading, lines string) {
	if lines != "" {
		fmt.Fprintf(out, "\n%s\n%s\n", heading, strings.TrimRight(lines, " \n"))
	}
}

// listed are the commands below c, with a line for each.
func listed(c *cobra.Command) string {
	var lines strings.Builder
	for _, one := range c.Commands() {
		if one.IsAvailableCommand() || one.Name() == "help" {
			fmt.Fprintf(&lines, "  %s %s\n", words.Pad(one.Name(), one.NamePadding()), one.Short)
		}
	}
	return lines.String()
}
