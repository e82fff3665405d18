package commands

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clawtray/supervisor/settings"
	"clawtray/supervisor/words"
)

// usageError is a mistake on the command line, in one sentence.
type usageError struct{ error }

func mistake(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// takeNoArguments makes arguments of commands, and of their commands, a mistake.
func takeNoArguments(commands []*cobra.Command) {
	for _, c := range commands {
		if c.DisableFlagParsing { // the arguments are for another program
			continue
		}
		if strings.Contains(c.Use, " ") { // the command names its arguments itself
			continue
		}
		c.Args = noArguments
		if !c.Runnable() { // without this, the library shows the help for any arguments
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		}
		takeNoArguments(c.Commands())
	}
}

func noArguments(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case c.HasAvailableSubCommands():
		return unknownCommand(c, args[0])
	}
	return mistake(words.Here().Wrong.TakesNothing, c.CommandPath(), args[0])
}

// unknownCommand returns the mistake for a missing command, with the name that was probably
// meant.
func unknownCommand(c *cobra.Command, name string) error {
	t := words.Here().Wrong
	path := strings.TrimPrefix(c.CommandPath()+" ", c.Root().Name()+" ")
	var all, begin []string
	for _, one := range c.Commands() {
		if one.IsAvailableCommand() {
			all = append(all, one.Name())
			if name != "" && strings.HasPrefix(one.Name(), name) {
				begin = append(begin, path+one.Name())
			}
		}
	}
	if near := settings.Nearest(name, all); near != "" && len(begin) == 0 {
		begin = []string{path + near}
	}
	if len(begin) > 0 {
		return mistake(t.NoCommand+t.DidYouMean, path+name, oneOf(begin))
	}
	return mistake(t.NoCommand+t.ListsThem, path+name, helpFor(c))
}

// helpFor returns the command line that shows the help of c.
func helpFor(c *cobra.Command) string {
	if !c.HasParent() {
		return c.Name() + " help"
	}
	return c.CommandPath() + " --help"
}

// oneOf lists words as "a, b or c".
func oneOf(all []string) string {
	if len(all) == 1 {
		return all[0]
	}
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + words.Here().Wrong.Or + all[last]
}

// flagMistake turns an error of the flags library into plain words.
func flagMistake(c *cobra.Command, err error) error {
	if wrong, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(c, wrong)
	}
	if wrong, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return mistake(words.Here().Wrong.NeedsValue, written(wrong.GetSpecifiedName(), wrong.GetSpecifiedShortnames()))
	}
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return mistake(words.Here().Wrong.CannotBe, wrong.GetFlag().Name, wrong.GetValue(), whyNot(wrong))
	}
	return &usageError{err}
}

func unknownFlag(c *cobra.Command, wrong *pflag.NotExistError) error {
	t := words.Here().Wrong
	name := written(wrong.GetSpecifiedName(), wrong.GetSpecifiedShortnames())
	var all []string
	c.Flags().VisitAll(func(f *pflag.Flag) { all = append(all, f.Name) })
	if near := settings.Nearest(wrong.GetSpecifiedName(), all); near != "" && wrong.GetSpecifiedShortnames() == "" {
		return mistake(t.NoFlag+t.DidYouMean, c.CommandPath(), name, "--"+near)
	}
	return mistake(t.NoFlag+t.ListsThem, c.CommandPath(), name, helpFor(c))
}

// written returns a flag as it is written on the command line.
func written(name, shorthands string) string {
	if shorthands != "" {
		return "-" + name
	}
	return "--" + name
}

// whyNot returns why the value of a flag is wrong.
func whyNot(wrong *pflag.InvalidValueError) string {
	if _, ok := errors.AsType[*strconv.NumError](wrong); !ok {
		return words.Here().Translate(wrong.Unwrap().Error())
	}
	if wrong.GetFlag().Value.Type() == "bool" {
		return words.Here().Wrong.TrueOrFalse
	}
	return words.Here().Wrong.WholeNumber
}

// exclusive makes the use of more than one of these flags a mistake.
func exclusive(c *cobra.Command, names ...string) {
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		var used []string
		for _, name := range names {
			if c.Flags().Changed(name) {
				used = append(used, "--"+name)
			}
		}
		if len(used) > 1 {
			t := words.Here().Wrong
			return mistake(t.Exclude, strings.Join(used, t.And))
		}
		return nil
	}
}

// number is the value of a flag that must be a whole number from least to most.
type number struct {
	value       *int
	least, most int
	what        string // for example "a port", for the help and for mistakes
}

func (n number) String() string {
	if n.value == nil || *n.value == 0 {
		return "" // the help then shows no default
	}
	return strconv.Itoa(*n.value)
}

func (n number) Type() string { return "int" }

func (n number) Set(text string) error {
	v, err := strconv.Atoi(text)
	switch {
	case err == nil && v >= n.least && v <= n.most:
		*n.value = v
		return nil
	case n.most == anyNumber:
		return fmt.Errorf(words.Here().Wrong.FromOn, n.what, n.least)
	}
	return fmt.Errorf(words.Here().Wrong.FromTo, n.what, n.least, n.most)
}

// anyNumber is the maximum for a flag without a natural maximum.
const anyNumber = 1 << 30

// profileName is the value of --profile.
type profileName struct{ name *string }

func (p profileName) String() string {
	if p.name == nil {
		return ""
	}
	return *p.name
}

func (profileName) Type() string { return "string" }

func (p profileName) Set(text string) error {
	if err := settings.CheckProfile(text); err != nil {
		return err
	}
	*p.name = text
	return nil
}
