// Package tray is what people see of clawtray: the icon with its menu, and
// desktop notifications.
//
// It reads top to bottom like this. [Run] watches the gateway's status. [View]
// turns a status into a [Menu], a value. The driver brings the real menu to
// show it. [Rules] decide which notifications a status is worth. A click
// becomes a request to the gateway on a goroutine of its own, so nothing slow
// happens in the menu. The tray decides nothing about the gateway: it shows and asks.
//
// What the tray library and the desktops do wrong is handled in one file per
// system: run_linux.go and run_other.go.
package tray

import (
	"context"
	"errors"
	"iter"
	"log/slog"

	"clawtray/supervisor"
)

const appName = "clawtray"

// Gateway is what the tray shows and asks; *supervisor.Supervisor is one.
type Gateway interface {
	// Watch yields the newest status at once, then every transition, until ctx
	// or the gateway ends.
	Watch(ctx context.Context) iter.Seq[supervisor.Status]
	Status() supervisor.Status
	// Do returns when the request is carried out.
	Do(ctx context.Context, r supervisor.Request) (supervisor.Answer, error)
}

// Autostart starts clawtray at login.
type Autostart interface {
	Enabled() (bool, error)
	Set(on bool) error
}

// Options are what main gives the tray. Functions that are nil answer a click
// with "not available".
type Options struct {
	Gateway Gateway
	Version string       // of clawtray, for the log
	Log     *slog.Logger // nil: silent

	// Dashboard returns the address of the dashboard, signed in. It contains a
	// secret and is never logged.
	Dashboard func() (url string, err error)
	// Open shows a file or an address with the program the system has for it.
	// Nil: xdg-open, open, or the Windows shell.
	Open func(target string) error
	// Copy puts text on the clipboard. Nil: the system's.
	Copy func(text string) error

	LogFile        string // of clawtray
	ConfigFile     string // of clawtray
	OpenClawConfig string

	Settings     Settings // at the start; StartAtLogin is read from Autostart
	SaveSettings func(Settings) error
	Notify       <-chan Level // changes of Settings.Notify that were made elsewhere
	Autostart    Autostart

	Diagnostics func(context.Context) (text string, err error)
	SaveReport  func(context.Context) (path string, err error)
	// UsePort moves the gateway to another port for good, and says how that went.
	UsePort func(ctx context.Context, port int) (message string, err error)
	// Service reports whether OpenClaw's own service is installed. Nil: it is not.
	Service func() bool

	notify func(context.Context, Toast) error // nil: the system's; tests look
}

var errNotAvailable = errors.New("not available here")

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Open == nil {
		o.Open = openWithSystem
	}
	if o.Copy == nil {
		o.Copy = copyToClipboard
	}
	if o.notify == nil {
		o.notify = sendToast
	}
	return o
}

// Run shows the tray until ctx ends, the gateway's watch ends, or Quit was
// chosen and carried out. Call it on the main goroutine: macOS and Windows
// deliver clicks to the main thread only.
//
// Without a tray host it goes on without an icon, says once how to get one, and
// shows the icon when a host appears; so also when the session bus is missing
// or was lost (BEHAVIOUR L4).
func Run(ctx context.Context, o Options) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return show(ctx, newLoop(o.withDefaults()))
}
