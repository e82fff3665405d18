// Package commands is clawtray's command line: the root command, which is clawtray itself,
// and a file for each verb. It uses the words of the menu.
//
// [Main] runs a command line. Most verbs send a request to the running clawtray, with the
// client of package control. doctor, install, config, logs and autostart also work when no
// clawtray runs.
package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clawtray/supervisor/control"
	"clawtray/supervisor/settings"
	"clawtray/supervisor/words"
)

// Program is clawtray as the commands see it.
type Program struct {
	Version, Commit string
	// Run supervises until a Quit is finished; signals send one, see [Orders]. It fails
	// with [control.ErrRunning] when a clawtray of this user and profile is already
	// running.
	Run func(f Flags, signals <-chan os.Signal) error
}

// String returns the program's name and version, for logs and reports.
func (p Program) String() string { return fmt.Sprintf("clawtray %s (%s)", p.Version, p.Commit) }

// Flags are the flags of clawtray itself. Every command has --profile and --lang, too.
type Flags struct {
	Profile  string
	Headless bool
	Port     int
	Debug    bool
	Trace    bool
	Show     bool
	version  bool
	Language string // empty means the system's language
}

// Override returns the settings with the values of the command line, which have priority
// over the file.
func (f Flags) Override(set settings.Settings) settings.Settings {
	if f.Port != 0 {
		set.Port, set.PortGiven = f.Port, true
	}
	if f.Debug || f.Trace {
		set.LogLevel = "debug"
	}
	return set
}

// app is what all commands share.
type app struct {
	program Program
	flags   Flags                   // set when a command runs
	client  func() *control.Client  // connects to the running clawtray of the profile
	signals chan os.Signal          // receives the signals that end a program
	ended   context.CancelCauseFunc // ends the context of the command
}

func newApp(p Program, f Flags) *app {
	a := &app{program: p, flags: f, signals: make(chan os.Signal, 4)}
	a.client = func() *control.Client { return control.NewClient(settings.Places(a.flags.Profile).State) }
	return a
}

// Main runs the command line of this process and returns its exit code.
func Main(p Program) int {
	speak(os.Args[1:])
	a := newApp(p, Flags{})
	signal.Notify(a.signals, endings()...)
	ctx, end := context.WithCancelCause(context.Background())
	defer end(nil)
	a.ended = end
	out := &output{file: os.Stdout}
	c := a.root()
	stdout, stderr := newPrintable(out), newPrintable(os.Stderr)
	c.SetOut(stdout)
	c.SetErr(stderr)
	addCompletion(c) // which writes where c writes now
	err := c.ExecuteContext(ctx)
	_ = stdout.Flush() // out remembers a failure
	if out.failed != nil && (err == nil || errors.Is(err, out.failed)) {
		err = out.err()
	}
	code := exitCode(ctx, err, stderr)
	_ = stderr.Flush()
	return code
}

// interruptible ends the context of the command at the first signal. A second signal ends
// the process, in case the command does not react.
func (a *app) interruptible() {
	if a.ended == nil { // only in tests
		return
	}
	go func() {
		s := <-a.signals
		signal.Reset(endings()...)
		a.ended(&interruptedError{s})
	}()
}

// root returns the command clawtray with all its verbs.
func root(p Program) *cobra.Command { return newApp(p, Flags{}).root() }

func (a *app) root() *cobra.Command {
	c := &cobra.Command{
		Use:           "clawtray",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
	}
	c.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if cmd != c {
			a.interruptible()
		}
		if !worksAnywhere(cmd) && !a.flags.version {
			return settings.CheckHome()
		}
		return nil
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if a.flags.version {
			return a.tellVersion(cmd)
		}
		outlivePipes()
		err := a.program.Run(a.flags, a.signals)
		if errors.Is(err, control.ErrRunning) {
			a.interruptible()
			return a.second(cmd)
		}
		return err
	}
	c.SetFlagErrorFunc(flagMistake)
	f := &a.flags
	c.PersistentFlags().Var(profileName{&f.Profile}, "profile", "")
	c.PersistentFlags().StringVar(&f.Language, "lang", "", "")
	c.Flags().BoolVar(&f.Headless, "headless", false, "")
	c.Flags().Var(number{&f.Port, 1, 65535, words.Here().Wrong.APort}, "port", "")
	c.Flags().BoolVar(&f.Debug, "debug", false, "")
	c.Flags().BoolVar(&f.Trace, "trace-rpc", false, "")
	c.Flags().BoolVar(&f.Show, "show", false, "")
	c.Flags().BoolVarP(&f.version, "version", "v", false, "")
	c.AddCommand(status(a), start(a), stop(a), restart(a), quit(a),
		restore(a), open(a), approvals(a), logs(a), diagnostics(a), autostartCommand(a), install(a), openclawCommand(a), configCommand(a), doctorCommand(a), version(a))
	c.AddCommand(verbs(a)...)
	c.AddCommand(hidden(a)...)
	takeNoArguments(c.Commands())
	c.SetHelpCommand(helpCommand())
	c.InitDefaultHelpCmd()
	c.SetHelpFunc(showHelp)
	dress(c, words.Here())
	return c
}

// addCompletion adds the library's command that makes scripts for shells.
func addCompletion(c *cobra.Command) {
	c.InitDefaultCompletionCmd()
	all := c.Commands()
	completion := all[slices.IndexFunc(all, func(one *cobra.Command) bool { return one.Name() == "completion" }):][:1]
	takeNoArguments(completion)
	dress(completion[0], words.Here())
}

// speak sets the language of all words: --lang, else the setting, else the system's. It
// looks through the arguments before they are read, because the help and mistakes are
// words, too.
func speak(args []string) {
	var language, profile string
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.ParseErrorsAllowlist.UnknownFlags = true
	f.StringVar(&language, "lang", "", "")
	f.StringVar(&profile, "profile", "", "")
	f.BoolP("help", "h", false, "") // else it would end the search
	_ = f.Parse(args)               // what is wrong with them is said later
	if language == "" && (profile == "" || settings.CheckProfile(profile) == nil) {
		language = settings.Read(settings.Places(profile).File()).Language
	}
	words.Speak(language)
}

// worksAnywhere reports whether a command works without access to the user's folders.
func worksAnywhere(c *cobra.Command) bool {
	for ; c.HasParent(); c = c.Parent() {
		switch c.Name() {
		case "help", "version", "completion", "man", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
			return true
		}
	}
	return false
}
