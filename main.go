// Command clawtray keeps an OpenClaw Gateway running and shows it in the system tray. This
// file only connects the parts: which parts exist, and in what sequence they start and
// stop.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/adrg/xdg"

	"clawtray/rpc"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/journal"
	"clawtray/supervisor/rest"
	"clawtray/supervisor/settings"
	"clawtray/tray"
	"clawtray/tray/commands"
)

// The linker sets these values.
var (
	version = "dev"
	commit  = "unknown"
)

// iconFirst is how long the search for Node waits for the icon. The search runs other
// programs, and while the system creates their processes, everything here stands still
// (measured on a busy machine: the icon appears after 23 ms instead of 80).
const iconFirst = 50 * time.Millisecond

func main() {
	// One processor is enough for a program that mostly waits. It halves the CPU time of a
	// call to the gateway, because Go does not wake a second thread to continue the work.
	runtime.GOMAXPROCS(1)
	program := commands.Program{Version: version, Commit: commit}
	program.Run = func(f commands.Flags, signals <-chan os.Signal) error { return run(program, f, signals) }
	os.Exit(commands.Main(program))
}

// run runs the program: one instance, one supervisor, one tray.
func run(program commands.Program, f commands.Flags, signals <-chan os.Signal) error {
	dirs := settings.Places(f.Profile)
	file := settings.Read(dirs.File())
	protected, unprotected := file.Protect()
	set := f.Override(file.Settings)
	if err := set.Check("the command line"); err != nil {
		return err
	}
	instance, err := control.Claim(dirs.State)
	if err != nil {
		return err
	}
	defer instance.Close()

	redact := dirs.Redactor(set, os.Environ(), xdg.Home)
	level := new(slog.LevelVar)
	_ = level.UnmarshalText([]byte(set.LogLevel)) // settings.Read has checked it
	log, closeLog := journal.New(journal.Options{Path: dirs.Log(), Head: program.String() + ", " + runtime.GOOS + "/" + runtime.GOARCH,
		Level: level, Redact: redact, Terminal: os.Stderr, Colour: commands.Coloured(os.Stderr)})
	defer closeLog()
	slog.SetDefault(log) // the tray library uses the default logger
	log.Info("clawtray starts", "version", version, "commit", commit, "profile", f.Profile, "port", set.Port)
	if protected || unprotected != nil {
		log.Warn("the settings hold a token and could be read by other users", "path", dirs.File(), "corrected", protected, "err", unprotected)
	}
	if err := instance.Problem(); err != nil {
		log.Warn("no command reaches this clawtray: its socket could not be made", "err", err)
	}

	machine := dirs.Machine(set, log)
	chosen := make(chan tray.Chosen, 1) // holds the newest settings until the tray receives them
	follower := settings.Follow(settings.Following{File: file, Override: f.Override, Level: level, Redact: redact, Log: log, Machine: machine,
		Menu: func(s settings.Settings) {
			select {
			case <-chosen:
			default:
			}
			chosen <- f.Chosen(set, s)
		}})
	config := dirs.Supervisor(set, log)
	config.Version, config.Redact, config.OnReload = version, redact, follower.LookNow
	config.OnBeat = func() {
		follower.LookAgain()
		instance.LookAgain()
	}
	if f.Trace {
		config.Trace = log
	}
	p := parts{supervisor: supervisor.New(config, machine), instance: instance, follower: follower, identity: config.Identity, signals: signals, log: log}
	if !f.Headless {
		options := program.Menu(f, commands.Parts{Supervisor: p.supervisor, Dirs: dirs, Settings: set, Chosen: chosen, Log: log})
		p.show = func(ctx context.Context) error { return tray.Run(ctx, options) }
	}
	return p.supervise()
}

// parts are the parts that run at the same time.
type parts struct {
	supervisor *supervisor.Supervisor
	instance   *control.Instance
	follower   *settings.Follower
	identity   func() (*rpc.Identity, string)
	show       func(context.Context) error // nil means headless
	signals    <-chan os.Signal
	log        *slog.Logger
}

// supervise runs the parts until the supervisor has ended. The tray runs on this goroutine,
// because some systems require the main thread.
func (p parts) supervise() error {
	after, end := context.WithCancel(context.Background()) // ends after the supervisor, because the last answers are sent when the gateway has ended
	var beside sync.WaitGroup
	defer beside.Wait()
	served := make(chan error, 1)
	go func() { served <- control.Serve(after, p.instance, p.supervisor) }()
	beside.Go(func() { p.follower.Run(after, p.supervisor) })
	beside.Go(func() { rest.Watch(after, p.supervisor) })
	beside.Go(func() { p.instance.Keep(after, p.log) })
	beside.Go(func() { commands.Orders(after, p.signals, p.log, p.supervisor.Do) })
	if p.show == nil {
		beside.Go(func() { commands.Announce(after, p.supervisor, p.log) })
		go p.begin(after)
	} else {
		time.AfterFunc(iconFirst, func() { p.begin(after) })
	}
	ended := make(chan error, 1)
	go func() { ended <- p.supervisor.Run(context.Background()) }() // without a deadline: signals send it a Quit
	var shown error
	if p.show != nil {
		shown = p.show(after) // it returns when the supervisor has ended
	}
	err := <-ended
	end()
	return errors.Join(err, shown, <-served)
}

// begin starts the gateway.
func (p parts) begin(ctx context.Context) {
	p.identity() // logs a problem with the identity, even if no gateway ever runs
	p.supervisor.Do(ctx, supervisor.Request{Intent: supervisor.Start, Automatic: true, Cause: supervisor.Cause{Code: supervisor.AutoStart}})
}
