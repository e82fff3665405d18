// Command clawtray keeps an OpenClaw Gateway running and shows it in the
// system tray. This file is wiring only: which parts exist, and in what order
// they start and stop.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"clawtray/rpc"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/settings"
	"clawtray/tray"
)

// Set by the linker.
var (
	version = "dev"
	commit  = "unknown"
)

// iconFirst is the icon's head start. Finding Node runs other programs, and while
// the system makes one of those, everything here stands still (measured on a busy
// machine: the icon after 23 ms instead of 80).
const iconFirst = 50 * time.Millisecond

// exitUsage is for a command line that makes no sense, as in the shell.
const exitUsage = 2

func main() {
	// One processor is plenty for a program that mostly waits, and halves the CPU
	// time of a call to the gateway: no second thread is woken to hand work over.
	runtime.GOMAXPROCS(1)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		var usage *usageError
		if errors.As(err, &usage) {
			fmt.Fprintf(os.Stderr, "clawtray: %v\n\n%s", err, usage.text)
			os.Exit(exitUsage)
		}
		fmt.Fprintln(os.Stderr, "clawtray:", err)
		os.Exit(1)
	}
}

// flags of the program itself.
type flags struct {
	profile  string
	headless bool
	port     int
	debug    bool
	trace    bool
	show     bool
}

func command() *cobra.Command {
	var f flags
	root := &cobra.Command{
		Use:           "clawtray",
		Short:         "Keep the OpenClaw Gateway running, and see how it is",
		Long:          "clawtray keeps the OpenClaw Gateway running and shows it in the system tray.\nWithout a command it starts; a second one says that the first is running.",
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), f) },
	}
	root.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return &usageError{fmt.Errorf("there is no command %q", args[0]), cmd.UsageString()}
		}
		return nil
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{err, cmd.UsageString()} })
	root.PersistentFlags().StringVar(&f.profile, "profile", "", "keep settings, state and gateway apart under this name")
	root.Flags().BoolVar(&f.headless, "headless", false, "show no icon")
	root.Flags().IntVar(&f.port, "port", 0, "port of the gateway (default from the settings, else 18789)")
	root.Flags().BoolVar(&f.debug, "debug", false, "log more")
	root.Flags().BoolVar(&f.trace, "trace-rpc", false, "log every frame, without secrets")
	root.Flags().BoolVar(&f.show, "show", false, "when one runs already, open its dashboard or notify how it is")
	root.AddCommand(control.Commands(func() *control.Client { return client(&f) }, showStatus)...)
	root.AddCommand(open(&f), logs(&f), diagnosticsCommand(&f), autostartCommand(&f), install(&f), configCommand(&f), doctorCommand(&f),
		&cobra.Command{Use: "version", Short: "Print the version", RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintf(cmd.OutOrStdout(), "clawtray %s (%s)\n", version, commit)
			return nil
		}})
	takeNoArguments(root.Commands())
	return root
}

// run is the program: one instance, one supervisor, one tray.
func run(ctx context.Context, f flags) error {
	dirs := settings.Places(f.profile)
	file := settings.Read(dirs.File())
	protected, unprotected := file.Protect()
	set := f.effective(file)
	if err := set.Check("the command line"); err != nil {
		return err
	}
	instance, err := control.Claim(dirs.Runtime)
	if errors.Is(err, control.ErrRunning) {
		return second(ctx, os.Stdout, f)
	}
	if err != nil {
		return err
	}
	defer instance.Close()

	redact := rpc.NewRedactor(set.Token)
	level := new(slog.LevelVar)
	_ = level.UnmarshalText([]byte(set.LogLevel)) // settings.Read has checked it
	log, closeLog := newLog(dirs.Log(), level, redact)
	defer closeLog()
	slog.SetDefault(log) // the tray library logs through the standard one
	log.Info("clawtray starts", "version", version, "commit", commit, "profile", f.profile, "port", set.Port)
	if protected || unprotected != nil {
		log.Warn("the settings hold a token and could be read by other users", "path", dirs.File(), "corrected", protected, "err", unprotected)
	}
	if instance.Problem != nil {
		log.Warn("no command reaches this clawtray: its socket could not be made", "err", instance.Problem)
	}

	machine := machineFor(dirs, set, log)
	l := &live{flags: f, file: file, started: set, level: level, redact: redact, log: log, machine: machine,
		notify: make(chan tray.Level, 1), look: make(chan struct{}, 1), beat: make(chan struct{}, 1)}
	l.complain()
	identity := identityAt(dirs.Identity(), log)
	config := supervisor.Config{Policy: policy(set.Supervision), Port: set.Port, Version: version, Identity: identity,
		DeviceTokens: rpc.NewFileDeviceTokens(dirs.DeviceTokens()), Redact: redact, Log: log, OnReload: l.lookNow, OnBeat: l.lookAgain}
	if f.trace {
		config.Trace = log
	}
	s := supervisor.New(config, machine)
	l.s = s
	begin := func(ctx context.Context) {
		identity() // what is wrong with it is said even if no gateway comes
		s.Do(ctx, supervisor.Request{Intent: supervisor.Start, Automatic: true, Cause: supervisor.Cause{Code: supervisor.AutoStart}})
	}
	var show func(context.Context) error
	if !f.headless {
		options := trayOptions(s, machine, dirs, set, f.profile, log)
		options.Notify = l.notify
		show = func(ctx context.Context) error { return tray.Run(ctx, options) }
	}
	return supervise(ctx, s, instance, l, begin, show)
}

// supervise runs the parts side by side until the supervisor has ended: begin
// soon, and show, if any, on this goroutine, because some systems want their tray
// on the main thread.
func supervise(ctx context.Context, s *supervisor.Supervisor, instance *control.Instance, l *live, begin func(context.Context), show func(context.Context) error) error {
	after, end := context.WithCancel(context.Background()) // outlives ctx: the last answers go out after the gateway has ended
	var beside sync.WaitGroup
	defer beside.Wait()
	served := make(chan error, 1)
	go func() { served <- control.Serve(after, instance, s) }()
	beside.Go(func() { l.run(after) })
	beside.Go(func() { rest(after, s) })
	if show == nil {
		go begin(after)
	} else {
		time.AfterFunc(iconFirst, func() { begin(after) })
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	var shown error
	if show != nil {
		shown = show(after) // returns when the supervisor has ended
	}
	err := <-ended
	end()
	return errors.Join(err, shown, <-served)
}
