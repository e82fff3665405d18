package tray

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"clawtray/supervisor"
	"clawtray/supervisor/requests"
)

const (
	// applyEvery is the minimum time between two updates of the menu. The answer to a click
	// is shown at once.
	applyEvery = 500 * time.Millisecond
	// noteTime is how long the result of a click stays in the menu.
	noteTime = time.Minute
	// iconAgain is how long after its last change the icon is sent once more, because
	// GNOME's AppIndicator ignores an icon that comes within 0.3 s of another.
	iconAgain = 1500 * time.Millisecond
	// clickQueue is how many clicks may wait. Nobody clicks faster than clicks are handled.
	clickQueue = 64
)

// loop owns everything that the tray shows. One goroutine runs it; all others send values
// to it.
type loop struct {
	options  Options
	driver   *driver
	notifier *notifier
	clicks   chan Click // clicks in the menu, on the icon and on notifications
	rules    Rules
	asking   askRules
	jobs     *jobs

	status supervisor.Status
	set    Settings
	asked  request

	drawing
	progress
}

// drawing says when the view was drawn and when it must be drawn again.
type drawing struct {
	applied time.Time
	again   time.Time // when to send the icon once more; zero when that is done
	dirty   bool      // the view may have changed
}

// progress records what happens only once while a tray runs.
type progress struct {
	welcomed bool  // the dashboard was opened after OpenClaw's first run
	over     bool  // Quit was carried out
	end      error // the result of the Quit
}

// request is the last click.
type request struct {
	seq       uint64    // Status.Seq when Settings.Requested was set
	noteUntil time.Time // when Settings.Note is removed
}

func newLoop(o Options) *loop {
	l := &loop{options: o, set: o.Settings, status: o.Gateway.Status(), clicks: make(chan Click, clickQueue), jobs: newJobs()}
	l.notifier = newNotifier(o.System.toasts, o.Log, l.clicks)
	l.notifier.file = o.Left
	l.set.About = About{Name: o.Name, Files: o.Files}
	l.readAutostart()
	l.readService()
	return l
}

// build creates the menu. The system may ask for it as soon as there is an icon.
func (l *loop) build(s surface) {
	l.driver = build(s, View(l.status, l.set, time.Now()))
}

// serve runs the loop until the tray ends. It returns nil for every normal end.
func (l *loop) serve(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	statuses := make(chan supervisor.Status, 1)
	wg.Go(func() { l.watch(ctx, statuses) })
	wg.Go(func() { l.notifier.run(ctx) })
	asked, buttons := make(chan []requests.Request, 1), make(chan bool, 1)
	if l.options.Requests != nil {
		wg.Go(func() { l.watchRequests(ctx, asked) })
		wg.Go(func() { l.notifier.server.watch(ctx, func(can bool) { newest(ctx, buttons, can) }) })
	}
	defer wg.Wait()
	defer l.jobs.wait()
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
			l.welcome(ctx)
		case c := <-l.clicks:
			l.act(ctx, c)
		case <-l.driver.surface.Opened():
			l.readAutostart() // another program may have changed it
			l.dirty = true
		case c := <-l.options.Chosen:
			l.set.Notify, l.set.Language, l.dirty = c.Notify, c.Language, true
			l.present()
		case finish := <-l.jobs.done:
			finish()
		case d := <-l.notifier.delivered:
			l.told(d)
		case g := <-l.notifier.ends:
			l.closed(g)
		case all := <-asked:
			l.asks(all)
		case l.set.Buttons = <-buttons:
			l.present()
		case <-timer.C:
			l.dirty = true
		}
		timer.Reset(l.step(time.Now()))
	}
	return l.end
}

// whileServed returns a context that also ends with the gateway's watch. It is for
// goroutines that wait before serve runs.
func (l *loop) whileServed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancel(ctx)
	go func() {
		defer end()
		for range l.options.Gateway.Watch(ctx) {
		}
	}()
	return ctx, end
}

// watch writes the newest status to out. It replaces an older one, because the loop may be
// slow and the supervisor must not wait.
func (l *loop) watch(ctx context.Context, out chan supervisor.Status) {
	defer close(out)
	for s := range l.options.Gateway.Watch(ctx) {
		select {
		case <-out:
		default:
		}
		out <- s
	}
}

func (l *loop) news(s supervisor.Status) {
	if l.set.Requested != "" && s.Seq != l.asked.seq {
		l.set.Requested = ""
	}
	if s.Mode != l.status.Mode { // perhaps OpenClaw's service was installed or removed
		l.readService()
	}
	l.status, l.dirty = s, true
}

// welcome opens the dashboard when the gateway is ready for the first time after OpenClaw's
// first run, because the user sets OpenClaw up there (BEHAVIOUR O6).
func (l *loop) welcome(ctx context.Context) {
	if l.welcomed || !l.status.FirstRun || l.status.State != supervisor.Running {
		return
	}
	l.welcomed = true
	l.act(ctx, Click{ID: OpenDashboard, Title: textsFor(l.set.Language).entry[OpenDashboard].Title})
}

// step does what is due at now, and returns how long nothing else is due.
func (l *loop) step(now time.Time) time.Duration {
	order, next := l.rules.Next(now, l.status, l.set)
	if order.Toast != nil || order.Close {
		l.notifier.post(gatewaySlot, order.Toast)
	}
	ask, askNext := l.asking.Next(now, l.set.Requests, l.set)
	if ask.Toast != nil || ask.Close {
		l.notifier.post(askSlot, ask.Toast)
	}
	if l.set.Note != "" && !now.Before(l.asked.noteUntil) {
		l.set.Note, l.dirty = "", true
	}
	if !l.again.IsZero() && !now.Before(l.again) {
		l.again = time.Time{}
		l.driver.surface.SetIcon(l.driver.shown.Icon)
	}
	if l.dirty && now.Sub(l.applied) >= applyEvery {
		l.refresh(now)
	}
	var due time.Time
	if l.dirty {
		due = l.applied.Add(applyEvery)
	}
	for _, t := range []time.Time{next, askNext, l.driver.shown.Until, l.again} {
		due = earlier(due, t)
	}
	if l.set.Note != "" {
		due = earlier(due, l.asked.noteUntil)
	}
	if due.IsZero() {
		return time.Duration(1<<63 - 1)
	}
	return max(0, due.Sub(now))
}

// earlier returns the earlier of two times. The zero time means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (l *loop) refresh(now time.Time) {
	l.dirty = false
	icon := l.driver.shown.Icon
	if l.driver.apply(View(l.status, l.set, now)) {
		l.applied = now
	}
	if l.driver.shown.Icon != icon {
		l.again = now.Add(iconAgain)
	}
}

// told records whether the desktop showed a notification, and adds it to the history.
func (l *loop) told(d delivery) {
	l.remember(time.Now(), d.toast)
	switch {
	case d.at == askSlot && d.err == nil:
		l.asking.Delivered()
	case d.at == askSlot:
		l.asking.Refused(time.Now())
	case d.at != gatewaySlot:
	case d.err == nil:
		l.rules.Delivered(time.Now(), d.toast)
	default:
		l.rules.Refused(time.Now(), d.toast)
	}
}

// remember adds a notification to the history, also one that the desktop did not show. A
// notification that is sent again is added once.
func (l *loop) remember(now time.Time, t Toast) {
	old := l.set.Told
	if t.answer || len(old) > 0 && old[0].Toast.Title == t.Title && old[0].Toast.Body == t.Body {
		return
	}
	l.set.Told = append([]Told{{now, t}}, old[:min(len(old), maxTold-1)]...)
	l.dirty = true
}

// act carries out a click in the menu, on the icon or on a notification. The menu shows at
// once that it was accepted; the work is a job.
func (l *loop) act(ctx context.Context, c Click) {
	it, ok := l.clicked(c)
	r, known := rowOf(it.Does)
	if !ok || !known || !it.acts() || r.what == nil && it.Request.Intent == "" {
		return // some hosts also send clicks on entries that are disabled or open a submenu
	}
	if it.Request.Intent != "" || it.cures() {
		l.rules.Clicked()
	}
	if it.Title != "" {
		l.set.Requested, l.asked.seq = it.Title, l.status.Seq
	}
	d := &deed{options: l.options, t: textsFor(l.set.Language), item: it, status: l.status, set: l.set, shown: l.driver.shown, post: l.answer}
	l.jobs.start(ctx, fmt.Sprint(it.Does, it.Arg, it.Title, it.Check, it.Request), func(ctx context.Context) func() {
		answer, err := d.do(ctx, r)
		return func() { l.done(d, answer, err) }
	})
	l.refresh(time.Now())
}

// clicked returns the clicked entry. An entry of the menu counts as the person saw it, even
// if the menu was outdated. A button counts only while the menu still offers what the
// button promised.
func (l *loop) clicked(c Click) (Item, bool) {
	if c.Title == "" {
		return l.driver.shown.first(func(it Item) bool { return it.ID == c.ID && c.ID != "" })
	}
	l.refresh(time.Now())
	if it, ok := first(l.driver.shown.Elsewhere, func(it Item) bool { return it.Does == c.ID }); ok {
		it.Arg, it.Title = c.Arg, c.Title
		return it, true
	}
	return first(l.driver.shown.Items, func(it Item) bool { return it.button() == c })
}

// answer shows a notification that answers a click.
func (l *loop) answer(t Toast) {
	t.answer = true
	l.notifier.post(answerSlot, &t)
}

func (l *loop) done(d *deed, answer string, err error) {
	if d.then != nil {
		d.then(l)
	}
	switch {
	case err != nil:
		l.failed(d.item.Title, err)
	case d.item.Title != "":
		l.note("%s", answer)
	}
}

// note shows the result of a click.
func (l *loop) note(format string, args ...any) {
	l.set.Requested = ""
	l.set.Note, l.asked.noteUntil, l.dirty = fmt.Sprintf(format, args...), time.Now().Add(noteTime), true
}

func (l *loop) failed(title string, err error) {
	text := err.Error()
	t := textsFor(l.set.Language)
	if cause, ok := errors.AsType[supervisor.Cause](err); ok {
		text = t.sentence(cause)
	}
	l.note(t.answer.Failing, title, text)
}

func (l *loop) readAutostart() {
	if l.options.Autostart == nil {
		return
	}
	on, err := l.options.Autostart.Enabled()
	if err != nil {
		l.options.Log.Warn("cannot tell whether clawtray starts at login", "error", err)
	}
	l.set.StartAtLogin = on
}

func (l *loop) readService() {
	l.set.Service = l.options.Actions.Service != nil && l.options.Actions.Service()
}
