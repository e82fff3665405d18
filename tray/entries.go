package tray

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"clawtray/supervisor"
	"clawtray/supervisor/words"
)

func (v *view) status(it *Item) {
	it.Title = cut(plain(v.statusLine()), maxLabel)
	if v.set.Requested != "" {
		it.Title = cut(plain(fmt.Sprintf(v.t.answer.Requested, v.set.Requested)), maxLabel)
	}
}

func (v *view) detailLines() []Item { return lines(v.details()) }

// lines returns entries that show text and do nothing.
func lines(text []string) []Item {
	items := make([]Item, len(text))
	for i := range items {
		items[i] = Item{Title: text[i], Disabled: true}
	}
	return items
}

// note is the row below the status. It shows the result of the last click, else the
// problem, else the first detail.
func (v *view) note(it *Item) {
	text := v.set.Note
	if text == "" {
		text = v.why()
	}
	it.Title, it.Disabled = cut(plain(text), maxLabel), true
	if text == "" {
		it.Title = v.details()[0]
	}
}

func (v *view) open(it *Item) {
	it.Disabled = !v.running() && !(v.alive() && v.s.Facts.ProtocolAlive)
}

func (v *view) retry(it *Item) {
	it.Disabled = v.s.Stopping() || v.s.State != supervisor.Failed && !v.waits()
}

// waits reports whether the next attempt is due later.
func (v *view) waits() bool {
	return v.s.State == supervisor.Reconnecting && v.s.Phase == supervisor.Waiting
}

// again makes an entry one that tries again at once.
func (v *view) again(it *Item) {
	it.Does, it.Title, it.Request.Intent = RetryNow, v.t.entry[RetryNow].Title, supervisor.Retry
}

// lost reports that nobody knows a cure: then the log may.
func (v *view) lost(it *Item) { it.Hidden = v.s.State != supervisor.Failed || v.s.Stopping() }

// usePort is there when the cause names a free port.
func (v *view) usePort(it *Item) {
	wants(supervisor.ActUseFreePort)(v, it)
	it.Hidden = it.Hidden || v.s.Cause.FreePort == 0
	it.Arg = strconv.Itoa(v.s.Cause.FreePort)
	it.Title = fmt.Sprintf(it.Title, v.s.Cause.FreePort)
}

// offers shows a row that may bring the gateway back with one click (BEHAVIOUR Q): what the
// cause offers, else undoing the changes of OpenClaw's doctor.
func offers(way supervisor.Intent) func(*view, *Item) {
	return func(v *view, it *Item) {
		offer := v.s.Cause.Offer()
		if v.running() || v.s.Stopping() || v.s.State == supervisor.Starting {
			offer = ""
		}
		if offer == "" && v.s.Repaired != nil {
			offer = supervisor.RestoreConfig
		}
		it.Hidden = offer != way
	}
}

// repaired returns the keys that OpenClaw's doctor changed, as a sentence; empty when there
// are none.
func (v *view) repaired() string {
	if v.s.Repaired == nil {
		return ""
	}
	gone, changed := v.s.Repaired.Keys()
	var parts []string
	if gone != "" {
		parts = append(parts, fmt.Sprintf(v.t.detail.Gone, gone))
	}
	if changed != "" {
		parts = append(parts, fmt.Sprintf(v.t.detail.Changed, changed))
	}
	text := v.t.detail.Repaired + v.t.mark.Colon + strings.Join(parts, "; ")
	if v.terminal {
		text = v.t.mark.sentences(text, fmt.Sprintf(v.t.detail.InTerminal, appName+" restore"))
	}
	return text
}

// startStop is Start while stopped, Retry when the gateway has failed, else Stop, else the
// next rung of the ladder.
func (v *view) startStop(it *Item) {
	it.Title = v.t.run.Stop
	switch {
	case v.s.StoppingFor == "restart" && v.s.Phase == supervisor.Draining: // here the entry Restart offers the next step
	case v.s.Stopping():
		it.Request.Now = true
		it.Title, it.Disabled = v.nextStep(v.t.run.StopNow, v.t.run.StopKill)
	case v.s.State == supervisor.Failed && !v.alive():
		v.again(it)
	case v.s.State == supervisor.Stopped:
		it.Title, it.Request.Intent = v.t.run.Start, supervisor.Start
	case v.s.Mode == supervisor.Attached:
		it.Title = v.t.run.StopAttached
	}
}

// nextStep returns the title for the next step of the wind-down (BEHAVIOUR C4), and whether
// there is no further step.
func (v *view) nextStep(now, kill string) (title string, last bool) {
	switch v.s.Phase {
	case supervisor.Terminating:
		return kill, false
	case supervisor.Killing:
		return v.t.phase.Killed, true
	}
	return now, false
}

// restart is Retry while a restart would do the same.
func (v *view) restart(it *Item) {
	switch {
	case v.s.StoppingFor == "restart" && v.s.Phase == supervisor.Draining:
		it.Title, it.Request.Now = v.t.run.RestartNow, true
	case v.s.Stopping():
		it.Disabled = true
	case v.waits() || v.alive():
		v.again(it)
	case v.s.State == supervisor.Stopped || v.s.State == supervisor.Failed:
		it.Title, it.Disabled = v.t.run.RestartOff, true
	case v.s.Mode == supervisor.Attached && v.s.State == supervisor.Running:
		it.Title = v.t.run.RestartAttached
	}
}

func (v *view) reload(it *Item) { it.Disabled = !v.running() }

// whenIdle is for the entries that wait for running work without a limit. atOnce is for
// those that do not wait for it.
func (v *view) whenIdle(it *Item) {
	it.Request.WhenIdle = true
	it.Hidden = !v.running() || v.s.Mode == supervisor.Attached
}

func (v *view) atOnce(it *Item) {
	it.Request.Now = true
	it.Hidden = v.s.Mode == supervisor.Attached || !v.running() && !v.alive()
}

func (v *view) incidentLines() []Item {
	var text []string
	for _, in := range v.s.Incidents {
		text = append(text, cut(plain(v.incident(in)), maxLabel))
	}
	return lines(text)
}

func (v *view) incident(in supervisor.Incident) string {
	began := in.Began.Local().Format(v.t.span.IncidentTime)
	if in.Open() {
		return fmt.Sprintf(v.t.span.IncidentOpen, began, v.t.sentence(in.Cause))
	}
	return fmt.Sprintf(v.t.span.IncidentOver, began, v.t.exact(in.Ended.Sub(in.Began)), v.t.sentence(in.Cause))
}

// maxTold is the maximum number of notifications in the history.
const maxTold = 10

// Told is a notification that was shown, and when.
type Told struct {
	At    time.Time
	Toast Toast
}

func (t Told) arg() string { return strconv.FormatInt(t.At.UnixNano(), 10) }

func (v *view) told() []Item {
	var items []Item
	for _, one := range v.set.Told {
		text := one.At.Local().Format(v.t.span.IncidentTime) + v.t.mark.Colon + one.Toast.Title + v.t.mark.Comma + one.Toast.Body
		items = append(items, Item{Title: cut(plain(text), maxLabel), Arg: one.arg()})
	}
	return items
}

// about returns the entries with facts about this clawtray.
func (v *view) about() []Item {
	a := v.set.About
	facts := []string{cmp.Or(a.Name, appName), v.t.about.Licence}
	if v.s.GatewayVersion != "" {
		facts = append(facts, "OpenClaw "+v.s.GatewayVersion)
	}
	for _, place := range []struct{ words, path string }{{v.t.about.Settings, a.Files.Config}, {v.t.about.Config, a.Files.OpenClawConfig}, {v.t.about.Log, a.Files.Log}} {
		if place.path != "" {
			facts = append(facts, place.words+v.t.mark.Colon+cutPath(place.path, maxLabel-words.Columns(place.words+v.t.mark.Colon)))
		}
	}
	for i := range facts {
		facts[i] = cut(plain(facts[i]), maxLabel)
	}
	return lines(facts)
}

// cutPath shortens a path to n columns by removing its first folders, because its end says
// more.
func cutPath(path string, n int) string {
	short := path
	for words.Columns(short) > n {
		i := strings.IndexAny(strings.TrimPrefix(short, "…")[1:], `/\\`)
		if i < 0 {
			break
		}
		short = "…" + strings.TrimPrefix(short, "…")[1+i:]
	}
	return short
}

func (v *view) startAtLogin(it *Item) { it.Check = check(v.set.StartAtLogin) }

func notifies(l Level) func(*view, *Item) {
	return func(v *view, it *Item) { it.Check = check(v.set.Notify == l || v.set.Notify == "" && l == NotifyAll) }
}

func speaks(language string) func(*view, *Item) {
	return func(v *view, it *Item) { it.Check = check(chosen(v.set.Language) == language) }
}

func (v *view) quit(it *Item) {
	switch {
	case v.s.StoppingFor == "quit":
		it.Request.Now = true
		it.Title, it.Disabled = v.nextStep(v.t.run.QuitNow, v.t.run.QuitKill)
	case v.s.Mode == supervisor.Attached:
		it.Title = v.t.run.QuitKeeps
	case !v.s.Stopping() && (v.s.State == supervisor.Stopped || v.s.State == supervisor.Failed && !v.alive()):
		it.Title = v.t.run.QuitStopped
	}
}
