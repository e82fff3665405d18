package tray

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"clawtray/supervisor"
)

// deed is a click that is being carried out on its own goroutine. It has the state of the
// tray at the click, and says what the loop has to do afterwards.
type deed struct {
	options Options
	t       *texts
	item    Item
	status  supervisor.Status
	set     Settings
	shown   Menu

	post func(Toast) // shows a notification that answers the click
	then func(*loop) // what the loop does afterwards; may be nil
}

// do carries out the action of a row. The answer is for people.
func (d *deed) do(ctx context.Context, r row) (string, error) {
	work := r.what
	if work == nil {
		work = ask
	}
	answer, err := work(ctx, d)
	if done := d.t.entry[r.id].Done; err == nil && done != "" {
		answer = saying(done, answer)
	}
	return answer, err
}

// ask sends the request of the entry to the gateway.
func ask(ctx context.Context, d *deed) (string, error) {
	answer, err := d.options.Gateway.Do(ctx, d.item.Request)
	d.options.Log.Info("request from the menu ended", "intent", d.item.Request.Intent, "result", answer.Result, "error", err)
	if d.item.Request.Intent == supervisor.Quit && answer.Result != supervisor.ResultSuperseded {
		d.then = func(l *loop) { l.over, l.end = true, err }
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return d.t.answered(answer), nil
}

// openDashboard opens the dashboard in a browser. Without a browser, the answer contains
// the address without the secret, so that a person can open it; the note in the menu has
// little room for more.
func openDashboard(ctx context.Context, d *deed) (string, error) {
	if d.options.Actions.Dashboard == nil {
		return "", errNotAvailable
	}
	url, err := d.options.Actions.Dashboard()
	if err != nil {
		return "", err
	}
	err = openSecret(ctx, url, d.t, d.options.System.Open)
	if none, ok := errors.AsType[*noBrowserError](err); ok {
		d.options.Log.Warn("the dashboard could not be opened", "error", err)
		if d.copyOut(ctx, none.address) == nil {
			return fmt.Sprintf(d.t.answer.AddressCopied, none.address), nil
		}
		return fmt.Sprintf(d.t.answer.NoBrowser, none.address), nil
	}
	return fmt.Sprintf(d.t.answer.Opening, d.t.answer.Dashboard), err
}

// tellStatus shows the state of the gateway as a notification, with buttons for what helps.
func tellStatus(_ context.Context, d *deed) (string, error) {
	toast := Summarize(d.status, d.set, time.Now()).toast()
	toast.Buttons = d.shown.buttons(toastButtons-1, Help, RetryNow, StartStop)
	d.post(toast)
	return "", nil
}

func usePort(ctx context.Context, d *deed) (string, error) {
	port, err := strconv.Atoi(d.item.Arg)
	if d.options.Actions.UsePort == nil || err != nil {
		return "", errNotAvailable
	}
	return d.options.Actions.UsePort(ctx, port)
}

// copyCommand copies the command that helps against the cause.
func copyCommand(ctx context.Context, d *deed) (string, error) {
	text := d.status.Cause.Command()
	return d.copyText(ctx, text, saying(d.t.answer.CopiedCommand, text))
}

// openSettings opens clawtray's settings file, and creates it when it is missing.
func openSettings(ctx context.Context, d *deed) (string, error) {
	if d.options.Actions.MakeSettings != nil {
		if err := d.options.Actions.MakeSettings(); err != nil {
			return "", err
		}
	}
	return opensPath(func(f Files) string { return f.Config })(ctx, d)
}

// opensPath returns the action that opens a file or folder with the system's program for
// it.
func opensPath(which func(Files) string) func(context.Context, *deed) (string, error) {
	return func(ctx context.Context, d *deed) (string, error) {
		target := which(d.options.Files)
		if target == "" {
			return "", errNotAvailable
		}
		return fmt.Sprintf(d.t.answer.Opening, target), d.options.openFile(ctx, target)
	}
}

func copyDiagnostics(ctx context.Context, d *deed) (string, error) {
	if d.options.Actions.Diagnostics == nil {
		return "", errNotAvailable
	}
	text, err := d.options.Actions.Diagnostics(ctx)
	if err != nil {
		return "", err
	}
	return d.copyText(ctx, text, d.t.answer.Copied)
}

// copyText puts text on the clipboard and returns done. Without a clipboard program, it
// writes the text to a file and opens that.
func (d *deed) copyText(ctx context.Context, text, done string) (string, error) {
	err := d.copyOut(ctx, text)
	if err == nil || ctx.Err() != nil {
		return done, err
	}
	d.options.Log.Info("no clipboard", "error", err)
	path, err := writeText(text)
	if err != nil {
		return "", err
	}
	return d.t.answer.NoClipboard, d.options.openFile(ctx, path)
}

func (d *deed) copyOut(ctx context.Context, text string) error { return d.options.copyOut(ctx, text) }

func saveReport(ctx context.Context, d *deed) (string, error) {
	if d.options.Actions.SaveReport == nil {
		return "", errNotAvailable
	}
	path, err := d.options.Actions.SaveReport(ctx)
	if err != nil {
		return "", err
	}
	// Show the folder in the file manager. If there is none, the note in the menu still
	// has the name of the file.
	if err := d.options.openFile(ctx, filepath.Dir(path)); err != nil {
		d.options.Log.Info("the report's folder could not be opened", "error", err)
	}
	return filepath.Base(path), nil
}

// save writes one of clawtray's settings. then changes the setting in the menu.
func (d *deed) save(key, value string, then func(*Settings)) (string, error) {
	if d.options.Actions.SaveSetting == nil {
		return "", errNotAvailable
	}
	if err := d.options.Actions.SaveSetting(key, value); err != nil {
		return "", err
	}
	d.then = func(l *loop) { then(&l.set) }
	return "", nil
}

func notify(level Level) func(context.Context, *deed) (string, error) {
	return func(_ context.Context, d *deed) (string, error) {
		return d.save("notifications", string(level), func(s *Settings) { s.Notify = level })
	}
}

func speak(language string) func(context.Context, *deed) (string, error) {
	return func(_ context.Context, d *deed) (string, error) {
		return d.save("language", language, func(s *Settings) { s.Language = language })
	}
}

func startAtLogin(_ context.Context, d *deed) (string, error) {
	if d.options.Autostart == nil {
		return "", errNotAvailable
	}
	d.then = (*loop).readAutostart // show the actual state, also after a failure
	return "", d.options.Autostart.Set(d.item.Check != Checked)
}

// showAgain shows a notification of the history again, completely and without buttons.
func showAgain(_ context.Context, d *deed) (string, error) {
	for _, one := range d.set.Told {
		if one.arg() == d.item.Arg {
			d.post(Toast{Title: one.Toast.Title, Body: one.Toast.Body, Icon: one.Toast.Icon})
		}
	}
	return "", nil
}
