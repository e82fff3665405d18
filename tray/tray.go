// Package tray shows clawtray on the desktop: an icon with a menu, and notifications.
//
// Start reading at [Run], which watches the gateway's status. [View] turns a status into a
// [Menu], which is a value: table.go lists the entries, and entries.go says how each entry
// looks in a status. The driver changes the real menu until it equals that value. [Rules]
// decide which notifications to show for a status. A [Click] in the menu, on the icon or on
// a notification names a row of the table. deeds.go carries out the row on another
// goroutine, so that the menu never waits. The tray decides nothing about the gateway: it
// shows the status and sends requests.
//
// One file per system contains the workarounds for faults of the tray library and the
// desktops: run_linux.go and run_other.go.
package tray

import (
	"context"
	"errors"
	"iter"
	"log/slog"

	"clawtray/supervisor"
)

const appName = "clawtray"

// Gateway is the gateway as the tray needs it; *supervisor.Supervisor implements it.
type Gateway interface {
	// Watch yields the current status at once and then every later one, until ctx or the
	// gateway ends.
	Watch(ctx context.Context) iter.Seq[supervisor.Status]
	Status() supervisor.Status
	// Do returns when the request is finished.
	Do(ctx context.Context, r supervisor.Request) (supervisor.Answer, error)
}

// Autostart switches the start of clawtray at login on and off.
type Autostart interface {
	Enabled() (bool, error)
	Set(on bool) error
}

// Options are what the tray needs from clawtray. A click on an entry whose function is nil
// is answered with "not available".
type Options struct {
	Gateway   Gateway
	Requests  Requests      // nil when the person is not asked anything
	Log       *slog.Logger  // nil means no log
	Name      string        // this clawtray with version and commit
	Settings  Settings      // at the start; StartAtLogin is read from Autostart
	Chosen    <-chan Chosen // changes of the settings that were made elsewhere
	Autostart Autostart
	Files     Files
	Left      string // the file that names the notifications on the screen; empty: none
	Actions   Actions
	System    System
}

// Chosen are the settings that both the menu and the settings file can change.
type Chosen struct {
	Notify   Level
	Language string
}

// Files are the paths that entries open.
type Files struct{ Log, Config, OpenClawConfig string }

// Actions are what entries do besides sending requests to the gateway.
type Actions struct {
	// Dashboard returns the address of the dashboard with its sign-in. It contains a secret
	// and is never logged.
	Dashboard func() (url string, err error)
	// SaveSetting writes one of clawtray's settings, "notifications" or "language".
	SaveSetting func(key, value string) error
	// MakeSettings creates clawtray's settings file if it is missing.
	MakeSettings func() error
	Diagnostics  func(context.Context) (text string, err error)
	SaveReport   func(context.Context) (path string, err error)
	// StartChannel starts a channel that is off.
	StartChannel func(ctx context.Context, id, account string) error
	// UsePort makes the gateway use another port permanently, and returns the result in
	// words.
	UsePort func(ctx context.Context, port int) (message string, err error)
	// Service reports whether OpenClaw's own service is installed. A nil function means
	// that it is not.
	Service func() bool
}

// System is what the tray needs from the desktop. For a nil function, the real one of this
// system is used; tests set them to see the calls.
type System struct {
	// Open opens a file or an address with the system's program for it: xdg-open, open, or
	// the Windows shell.
	Open func(target string) error
	// Copy puts text on the clipboard.
	Copy   func(text string) error
	toasts toastServer
}

var errNotAvailable = errors.New("not available here")

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.System.Open == nil {
		o.System.Open = openWithSystem
	}
	if o.System.Copy == nil {
		o.System.Copy = copyToClipboard
	}
	if o.System.toasts == nil {
		o.System.toasts = newToastServer()
	}
	return o
}

// Run shows the tray until ctx ends, the gateway's watch ends, or Quit was chosen and
// carried out. Call it on the main goroutine, because macOS and Windows deliver clicks to
// the main thread only.
//
// Without a tray host, Run continues without an icon, tells the user once how to get one,
// and shows the icon when a host appears. It does the same when the session bus is missing
// or lost (BEHAVIOUR L4).
func Run(ctx context.Context, o Options) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return show(ctx, newLoop(o.withDefaults()))
}
