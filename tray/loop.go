package tray

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"clawtray/supervisor"
)

const (
	// applyEvery is the least time between two updates of the menu. A click is
	// answered at once all the same.
	applyEvery = 500 * time.Millisecond
	// noteTime is how long the answer to a click stays in the menu.
	noteTime = time.Minute
	// maxJobs is how many clicks may be worked on at a time.
	maxJobs = 8
)

// loop owns what the tray shows. One goroutine runs it; everything else sends
// it values.
type loop struct {
	Options
	*driver
	notifier *notifier
	rules    Rules

	status supervisor.Status
	set    Settings

	requestedAt uint64 // Status.Seq when set.Requested was set
	noteUntil   time.Time
	applied     time.Time
	dirty       bool // the view may have changed

	jobs sync.WaitGroup
	busy chan struct{} // one token per running job
	done chan func()   // what finished jobs want done on the loop
	end  error
	over bool // Quit was carried out
}

func newLoop(o Options) *loop {
	l := &loop{
		Options: o, set: o.Settings, status: o.Gateway.Status(),
		notifier: newNotifier(o.notify, o.Log),
		busy:     make(chan struct{}, maxJobs),
		done:     make(chan func(), maxJobs),
	}
	l.readAutostart()
	l.readService()
	return l
}

// build makes the menu, which the system may ask for as soon as there is an icon.
func (l *loop) build(s surface) {
	l.driver = build(s, View(l.status, l.set, time.Now()))
}

// serve runs until the tray is over. It returns nil for every regular end.
func (l *loop) serve(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	statuses := make(chan supervisor.Status, 1)
	wg.Go(func() { l.watch(ctx, statuses) })
	wg.Go(func() { l.notifier.run(ctx) })
	defer wg.Wait()
	defer l.jobs.Wait()
	defer stop()

	timer := time.NewTimer(0)
	defer timer.Stop()
	for !l.over {
		select {
		case <-ctx.Done():
			return nil
		case s, ok := <-statuses:
			if !ok {
				return nil
			}
			l.news(s)
		case id := <-l.surface.Clicks():
			l.click(ctx, id)
		case l.set.Notify = <-l.Notify:
			l.dirty = true
		case finish := <-l.done:
			finish()
		case <-timer.C:
			l.dirty = true
		}
		timer.Reset(l.step(time.Now()))
	}
	return l.end
}

// watch keeps the newest status in out: the loop may be slow, the supervisor must not wait.
func (l *loop) watch(ctx context.Context, out chan supervisor.Status) {
	defer close(out)
	for s := range l.Gateway.Watch(ctx) {
		select {
		case <-out:
		default:
		}
		out <- s
	}
}

func (l *loop) news(s supervisor.Status) {
	if l.set.Requested != "" && s.Seq != l.requestedAt {
		l.set.Requested = ""
	}
	if s.Mode != l.status.Mode { // it may have come or gone meanwhile
		l.readService()
	}
	l.status, l.dirty = s, true
}

// step does what is due at now and returns how long nothing will be.
func (l *loop) step(now time.Time) time.Duration {
	toasts, next := l.rules.Next(now, l.status, l.set)
	for _, t := range toasts {
		l.notifier.post(t)
	}
	if l.set.Note != "" && !now.Before(l.noteUntil) {
		l.set.Note, l.dirty = "", true
	}
	if l.dirty && now.Sub(l.applied) >= applyEvery {
		l.refresh(now)
	}
	var due time.Time
	if l.dirty {
		due = l.applied.Add(applyEvery)
	}
	for _, t := range []time.Time{next, l.shown.Until} {
		due = earlier(due, t)
	}
	if l.set.Note != "" {
		due = earlier(due, l.noteUntil)
	}
	if due.IsZero() {
		return time.Duration(1<<63 - 1)
	}
	return max(0, due.Sub(now))
}

// earlier is the earlier of two times; the zero time is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (l *loop) refresh(now time.Time) {
	l.dirty = false
	if l.apply(View(l.status, l.set, now)) {
		l.applied = now
	}
}

// note shows how a click ended.
func (l *loop) note(format string, args ...any) {
	l.set.Requested = ""
	l.set.Note, l.noteUntil, l.dirty = fmt.Sprintf(format, args...), time.Now().Add(noteTime), true
}

// click answers in the menu at once and gives the work to a job.
func (l *loop) click(ctx context.Context, id ID) {
	it, ok := l.shown.find(id)
	if !ok || it.Disabled || it.Hidden {
		return // hosts deliver clicks on disabled entries too
	}
	t := textsFor(l.set.Language)
	l.set.Requested, l.requestedAt = it.Title, l.status.Seq
	if !l.do(ctx, l.job(it)) {
		l.note("%s", t.Busy)
	}
	l.refresh(time.Now())
}

// job is the work of an entry. It runs on its own goroutine and returns what
// the loop does afterwards.
func (l *loop) job(it Item) func(context.Context) func() {
	t := textsFor(l.set.Language)
	switch {
	case it.Request.Intent != "":
		return func(ctx context.Context) func() { return l.ask(ctx, it) }
	case it.ID == OpenDashboard:
		return l.reports(it.Title, t.Opening, l.dashboard)
	case it.Action == supervisor.ActOpenConfig:
		return l.opens(it.Title, l.OpenClawConfig)
	case it.Action == supervisor.ActApprove:
		command := l.status.Cause.Command()
		return l.reports(it.Title, "%s", func(context.Context) (string, error) {
			return l.copyText(command, fmt.Sprintf(t.CopiedCommand, command), t)
		})
	case it.Action == supervisor.ActUseFreePort && l.UsePort != nil && l.status.Cause.FreePort > 0:
		port := l.status.Cause.FreePort
		return l.reports(it.Title, "", func(ctx context.Context) (string, error) { return l.UsePort(ctx, port) })
	case it.Action == supervisor.ActUseFreePort:
		return l.opens(it.Title, l.ConfigFile)
	}
	switch it.ID {
	case ShowAll, ShowProblems, ShowNone:
		l.set.Notify = map[ID]Level{ShowAll: NotifyAll, ShowProblems: NotifyProblems, ShowNone: NotifyNone}[it.ID]
		return l.saves(it.Title)
	case StartAtLogin:
		return l.autostart(it)
	case ViewLogs:
		return l.opens(it.Title, l.LogFile)
	case CopyDiagnostics:
		return l.reports(it.Title, "%s", func(ctx context.Context) (string, error) { return l.copyDiagnostics(ctx, t) })
	case SaveReport:
		return l.reports(it.Title, t.Saved, l.saveReport)
	}
	return func(context.Context) func() { return func() {} }
}

// do starts a job unless too many run.
func (l *loop) do(ctx context.Context, job func(context.Context) func()) bool {
	select {
	case l.busy <- struct{}{}:
	default:
		return false
	}
	l.jobs.Go(func() {
		finish := job(ctx)
		<-l.busy
		select {
		case l.done <- finish:
		case <-ctx.Done():
		}
	})
	return true
}

// ask sends a request to the gateway and says how it ended.
func (l *loop) ask(ctx context.Context, it Item) func() {
	answer, err := l.Gateway.Do(ctx, it.Request)
	return func() {
		l.Log.Info("request from the menu ended", "intent", it.Request.Intent, "result", answer.Result, "error", err)
		switch {
		case it.Request.Intent == supervisor.Quit && answer.Result != supervisor.ResultSuperseded:
			l.over, l.end = true, err
		case err != nil:
			l.failed(it.Title, err)
		default:
			l.note("%s", answer.Message)
		}
	}
}

func (l *loop) failed(title string, err error) {
	text := err.Error()
	t := textsFor(l.set.Language)
	if cause, ok := errors.AsType[supervisor.Cause](err); ok {
		text = t.sentence(cause)
	}
	l.note(t.Failing, title, text)
}

// reports makes a job that notes what it did, in words with an optional %s.
func (l *loop) reports(title, words string, work func(context.Context) (string, error)) func(context.Context) func() {
	return func(ctx context.Context) func() {
		what, err := work(ctx)
		return func() {
			switch {
			case err != nil:
				l.failed(title, err)
			case words == "":
				l.note("%s", what)
			default:
				l.note(words, what)
			}
		}
	}
}

func (l *loop) opens(title, target string) func(context.Context) func() {
	t := textsFor(l.set.Language)
	return l.reports(title, t.Opening, func(context.Context) (string, error) {
		if target == "" {
			return "", errNotAvailable
		}
		return target, l.Open(target)
	})
}

func (l *loop) saves(title string) func(context.Context) func() {
	set := l.set
	return l.reports(title, "", func(context.Context) (string, error) {
		if l.SaveSettings == nil {
			return "", errNotAvailable
		}
		set.Requested, set.Note = "", ""
		return "", l.SaveSettings(set)
	})
}

func (l *loop) autostart(it Item) func(context.Context) func() {
	return func(context.Context) func() {
		err := errNotAvailable
		if l.Autostart != nil {
			err = l.Autostart.Set(it.Check != Checked)
		}
		return func() {
			l.readAutostart()
			l.note("")
			if err != nil {
				l.failed(it.Title, err)
			}
		}
	}
}

func (l *loop) readAutostart() {
	if l.Autostart == nil {
		return
	}
	on, err := l.Autostart.Enabled()
	if err != nil {
		l.Log.Warn("cannot tell whether clawtray starts at login", "error", err)
	}
	l.set.StartAtLogin = on
}

func (l *loop) readService() { l.set.Service = l.Service != nil && l.Service() }

func (l *loop) dashboard(ctx context.Context) (string, error) {
	if l.Dashboard == nil {
		return "", errNotAvailable
	}
	url, err := l.Dashboard()
	if err != nil {
		return "", err
	}
	return "Dashboard", openSecret(ctx, url, l.Open)
}

// copyDiagnostics falls back to a file that is opened: there are desktops
// without a clipboard program.
func (l *loop) copyDiagnostics(ctx context.Context, t *texts) (string, error) {
	if l.Diagnostics == nil {
		return "", errNotAvailable
	}
	text, err := l.Diagnostics(ctx)
	if err != nil {
		return "", err
	}
	return l.copyText(text, t.Copied, t)
}

// copyText returns done when text is on the clipboard. Otherwise it falls back to
// a file that is opened: there are desktops without a clipboard program.
func (l *loop) copyText(text, done string, t *texts) (string, error) {
	err := l.Copy(text)
	if err == nil {
		return done, nil
	}
	l.Log.Info("no clipboard", "error", err)
	path, err := writeText(text)
	if err != nil {
		return "", err
	}
	return t.NoClipboard, l.Open(path)
}

func (l *loop) saveReport(ctx context.Context) (string, error) {
	if l.SaveReport == nil {
		return "", errNotAvailable
	}
	path, err := l.SaveReport(ctx)
	if err != nil {
		return "", err
	}
	// The file manager shows where it is; without one the path in the menu has to do.
	if err := l.Open(filepath.Dir(path)); err != nil {
		l.Log.Info("the report's folder could not be opened", "error", err)
	}
	return filepath.Base(path), nil
}
