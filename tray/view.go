package tray

import (
	"fmt"
	"strings"
	"time"

	"clawtray/assets"
	"clawtray/supervisor"
)

// Level is which notifications are shown.
type Level string

// The levels. The zero value means NotifyAll.
const (
	NotifyAll      Level = "all"      // trouble, and when it is over
	NotifyProblems Level = "problems" // trouble only
	NotifyNone     Level = "none"
)

// Settings is what the view needs besides the gateway's status.
type Settings struct {
	Notify       Level
	Language     string // "en", "zh-CN"; empty: the system's
	StartAtLogin bool
	// Service: OpenClaw's own service is installed on this machine.
	Service bool

	// Requested is the entry that was clicked last, until the status answers it.
	Requested string
	// Note is how the last click ended, in words.
	Note string
}

// ID names an entry of the menu. The set is fixed: entries are hidden, never removed.
type ID string

// The entries, from top to bottom. A [Menu] also has separators, whose ID is empty.
const (
	StatusLine      ID = "status"
	DetailLine      ID = "detail-" // with a number
	NoteLine        ID = "note"
	OpenDashboard   ID = "open"
	RetryNow        ID = "retry"
	Help            ID = "help" // what the cause asks for: install, open the configuration, take over
	StartStop       ID = "start-stop"
	RestartGateway  ID = "restart"
	ReloadConfig    ID = "reload"
	Incidents       ID = "incidents"
	IncidentLine    ID = "incident-" // with a number
	Notifications   ID = "notifications"
	ShowAll         ID = "notify-all"
	ShowProblems    ID = "notify-problems"
	ShowNone        ID = "notify-none"
	StartAtLogin    ID = "start-at-login"
	ViewLogs        ID = "logs"
	CopyDiagnostics ID = "copy-diagnostics"
	SaveReport      ID = "save-report"
	QuitEntry       ID = "quit"
)

const (
	detailLines   = 6
	incidentLines = supervisor.MaxIncidents
)

// Menu is everything the tray shows, as a value.
type Menu struct {
	Icon    assets.Icon
	Tooltip string
	Items   []Item
	// Until is when the words change although the status does not; zero: never.
	Until time.Time
}

// Item is one entry. Title is plain text without mnemonics.
type Item struct {
	ID       ID
	Title    string
	Disabled bool
	Hidden   bool
	Check    Check
	Sub      []Item
	// Request is what a click asks of the gateway, if it asks for something.
	Request supervisor.Request
	// Action is which help a click on [Help] gives.
	Action supervisor.Action
}

// Check says whether an entry has a check mark.
type Check int

// The check marks. An entry is either never checkable or always.
const (
	Uncheckable Check = iota
	Unchecked
	Checked
)

// View is the tray as a function of the status: the same values give the same menu.
func View(s supervisor.Status, set Settings, now time.Time) Menu {
	v := view{Status: s, set: set, now: now, texts: textsFor(set.Language)}
	status := cut(plain(v.statusLine()), maxLabel)
	if set.Requested != "" {
		status = cut(plain(fmt.Sprintf(v.Requested, set.Requested)), maxLabel)
	}
	m := Menu{Icon: v.icon(), Tooltip: v.tooltip(status)}
	m.Items = append(m.Items, Item{ID: StatusLine, Title: status, Disabled: true})
	m.Items = append(m.Items, lines(DetailLine, detailLines, v.details())...)
	m.Items = append(m.Items, Item{ID: NoteLine, Title: cut(plain(set.Note), maxLabel), Disabled: true, Hidden: set.Note == ""})
	m.Items = append(m.Items, Item{}, v.open(), v.retry(), v.help(),
		Item{}, v.startStop(), v.restart(), v.reload(),
		Item{}, v.incidents(), v.notifications(), v.startAtLogin(),
		Item{}, Item{ID: ViewLogs, Title: v.ViewLogs},
		Item{ID: CopyDiagnostics, Title: v.CopyDiagnostics}, Item{ID: SaveReport, Title: v.SaveReport},
		Item{}, v.quit())
	m.Until = v.until
	return m
}

// view is one evaluation of View: its inputs, and when the result is outdated.
type view struct {
	supervisor.Status
	*texts
	set   Settings
	now   time.Time
	until time.Time
}

// lines fills a fixed number of disabled entries from the top.
func lines(id ID, n int, text []string) []Item {
	items := make([]Item, n)
	for i := range items {
		items[i] = Item{ID: ID(fmt.Sprint(id, i+1)), Disabled: true, Hidden: i >= len(text)}
		if i < len(text) {
			items[i].Title = text[i]
		}
	}
	return items
}

// ago is the time since at in coarse words; it notes when they change.
func (v *view) ago(at time.Time) string {
	words, next := v.coarse(max(0, v.now.Sub(at)))
	v.changes(v.now.Add(next))
	return words
}

func (v *view) changes(at time.Time) {
	if v.until.IsZero() || at.Before(v.until) {
		v.until = at
	}
}

func (v *view) icon() assets.Icon {
	switch {
	case v.StoppingFor == "restart":
		return assets.Reconnecting
	case v.Stopping():
		return assets.Stopped
	}
	switch v.State {
	case supervisor.Running:
		if v.degraded() {
			return assets.Degraded
		}
		return assets.Running
	case supervisor.Starting:
		return assets.Starting
	case supervisor.Reconnecting:
		return assets.Reconnecting
	case supervisor.Failed:
		return assets.Error
	}
	return assets.Stopped
}

func (v *view) degraded() bool {
	return v.Health.Level == supervisor.Degraded || v.Health.Level == supervisor.Unresponsive
}

func (v *view) statusLine() string {
	if v.Stopping() {
		return v.stoppingLine()
	}
	switch v.State {
	case supervisor.Running:
		if v.degraded() {
			return fmt.Sprintf(v.texts.Degraded, v.ago(v.Since))
		}
		return fmt.Sprintf(v.texts.Running, v.ago(v.Since))
	case supervisor.Starting:
		return withPhase(v.texts.Starting, v.phase())
	case supervisor.Reconnecting:
		return v.reconnectingLine()
	case supervisor.Failed:
		return fmt.Sprintf(v.texts.Failed, v.ago(v.Since))
	}
	return fmt.Sprintf(v.texts.Stopped, v.ago(v.Since))
}

func withPhase(state, phase string) string {
	if phase == "" {
		return state
	}
	return state + ": " + phase
}

func (v *view) stoppingLine() string {
	words := map[string]string{"restart": v.ForRestart, "quit": v.ForQuit}[v.StoppingFor]
	if words == "" {
		words = v.ForStop
	}
	return withPhase(words, v.phase())
}

func (v *view) reconnectingLine() string {
	s := v.texts.Reconnecting
	if v.Attempts > 0 && v.MaxAttempts > 0 {
		s += ", " + fmt.Sprintf(v.Attempt, v.Attempts, v.MaxAttempts)
	}
	if v.Phase == supervisor.Waiting && !v.NextRetryAt.IsZero() {
		return s + ", " + fmt.Sprintf(v.NextTry, v.wait())
	}
	return withPhase(s, v.phase())
}

// retryStep is the step in which a wait for the next attempt counts down.
const retryStep = 10 * time.Second

// wait is the time until the next attempt in steps: the whole wait at first,
// then rounded up, so that a short one is one unchanging label.
func (v *view) wait() string {
	left := v.NextRetryAt.Sub(v.now)
	whole := v.NextRetryAt.Sub(v.PhaseSince)
	if v.PhaseSince.IsZero() || whole < left {
		whole = left
	}
	steps := max(1, (left+retryStep-1)/retryStep) * retryStep
	if steps > retryStep {
		v.changes(v.NextRetryAt.Add(retryStep - steps))
	}
	return v.exact(min(whole, steps))
}

func (v *view) phase() string {
	switch v.Phase {
	case supervisor.Resolving:
		return v.texts.Resolving
	case supervisor.Installing:
		return v.installing()
	case supervisor.Upgrading:
		return v.texts.Upgrading
	case supervisor.Repairing:
		return v.texts.Repairing
	case supervisor.Spawned:
		return v.texts.Spawned
	case supervisor.Listening:
		return v.texts.Listening
	case supervisor.Challenged:
		return v.texts.Challenged
	case supervisor.Sidecars:
		return v.texts.Sidecars
	case supervisor.Draining:
		if v.ActiveWork > 0 {
			return fmt.Sprintf(v.DrainingWork, v.ActiveWork)
		}
		return v.texts.Draining
	case supervisor.Terminating:
		return v.texts.Terminating
	case supervisor.Killing:
		return v.texts.Killing
	}
	return ""
}

// installStep is the step in percent, installItems that in files, in which
// progress is shown; OpenClaw has some 700.
const (
	installStep  = 10
	installItems = 50
)

func (v *view) installing() string {
	p := v.Status.Install
	switch {
	case p == nil:
		return fmt.Sprintf(v.texts.Installing, "OpenClaw")
	case p.Items > 0:
		return fmt.Sprintf(v.InstallItems, p.Step, p.Items/installItems*installItems)
	case p.Total <= 0:
		return fmt.Sprintf(v.texts.Installing, p.Step)
	}
	percent := min(100, max(0, 100*p.Done/p.Total)) / installStep * installStep
	return fmt.Sprintf(v.InstallPercent, p.Step, percent)
}

// sentence is one thing to say below the status. In the menu it may take at most
// this many lines.
type sentence struct {
	text  string
	lines int
}

// details are the sentences, as lines of the menu.
func (v *view) details() []string {
	var out []string
	for _, s := range v.sentences() {
		out = append(out, wrap(plain(s.text), min(s.lines, detailLines-len(out)))...)
	}
	return out
}

// sentences say why, since when, what to do. They are not yet plain.
func (v *view) sentences() []sentence {
	var out []sentence
	add := func(s string, lines int) {
		if s != "" {
			out = append(out, sentence{s, lines})
		}
	}
	add(v.owner(), 1)
	if v.State == supervisor.Running && !v.Stopping() {
		if v.GatewayVersion != "" {
			add(fmt.Sprintf(v.About, v.GatewayVersion, v.Port), 1)
		}
		for _, r := range v.Health.Reasons {
			add(v.health(r), 2)
		}
		if v.InstalledVersion != "" && !v.hasReason(supervisor.ReasonUpdate) {
			add(fmt.Sprintf(v.UpdateReady, v.InstalledVersion), 1)
		}
		return out
	}
	add(v.sentence(v.Cause), 2)
	if v.Status.SlowStart {
		add(v.texts.SlowStart, 1)
	}
	if last := v.lastLine(); last != "" {
		add(fmt.Sprintf(v.texts.LastLine, last), 1)
	}
	if !v.Stopping() {
		add(v.texts.help(v.Cause), 2)
		if c := v.Cause.Command(); c != "" {
			add(fmt.Sprintf(v.InTerminal, c), 1)
		}
	}
	for _, r := range v.Health.Reasons {
		if r.Code == supervisor.ReasonSettings { // may well be why it does not run
			add(v.health(r), 2)
		}
	}
	return out
}

// owner says whose gateway it is, where that is not clawtray's alone (BEHAVIOUR M1, L6).
func (v *view) owner() string {
	switch {
	case v.Mode == supervisor.Attached && v.set.Service:
		return v.AttachedService
	case v.Mode == supervisor.Attached:
		return v.texts.Attached
	case v.set.Service:
		return v.texts.Service
	}
	return ""
}

func (v *view) hasReason(code supervisor.ReasonCode) bool {
	for _, r := range v.Health.Reasons {
		if r.Code == code {
			return true
		}
	}
	return false
}

// lastLine is what the gateway wrote last, where that explains something: a
// slow start or a failure. Each new line is a new label, so not before.
func (v *view) lastLine() string {
	if v.Status.SlowStart && v.Status.LastLine != "" {
		return v.Status.LastLine
	}
	if v.State == supervisor.Failed {
		return v.Cause.LastLine
	}
	return ""
}

// tooltip is the status in words, with the cause.
func (v *view) tooltip(status string) string {
	s := "OpenClaw Gateway: " + status
	if v.State != supervisor.Running && v.Cause.Code != supervisor.NoCause {
		s += ". " + v.sentence(v.Cause)
	} else if v.degraded() && len(v.Health.Reasons) > 0 {
		s += ". " + v.health(v.Health.Reasons[0])
	}
	return cut(plain(s), maxTooltip)
}

func (v *view) running() bool { return v.State == supervisor.Running && !v.Stopping() }

func (v *view) open() Item {
	if !v.running() {
		return Item{ID: OpenDashboard, Title: v.OpenOff, Disabled: true}
	}
	return Item{ID: OpenDashboard, Title: v.texts.Open}
}

func (v *view) retry() Item {
	useful := !v.Stopping() && (v.State == supervisor.Failed ||
		v.State == supervisor.Reconnecting && v.Phase == supervisor.Waiting)
	return Item{ID: RetryNow, Title: v.texts.RetryNow, Hidden: !useful, Disabled: !useful,
		Request: supervisor.Request{Intent: supervisor.Retry}}
}

func (v *view) help() Item {
	title := map[supervisor.Action]string{
		supervisor.ActInstall: v.texts.Install, supervisor.ActOpenConfig: v.OpenConfig,
		supervisor.ActUseFreePort: v.OpenOwnConfig, supervisor.ActApprove: v.Approve, supervisor.ActTakeOver: v.TakeOver,
	}[v.Cause.Action()]
	if v.Cause.Action() == supervisor.ActUseFreePort && v.Cause.FreePort > 0 {
		title = fmt.Sprintf(v.UseFreePort, v.Cause.FreePort)
	}
	useful := title != "" && !v.running() && !v.Stopping()
	it := Item{ID: Help, Title: title, Hidden: !useful, Disabled: !useful, Action: v.Cause.Action()}
	switch v.Cause.Action() {
	case supervisor.ActTakeOver:
		it.Request.Intent = supervisor.TakeOver
	case supervisor.ActInstall:
		it.Request.Intent = supervisor.Install
	}
	return it
}

// startStop is Start while stopped, else Stop, else the next rung of the ladder.
func (v *view) startStop() Item {
	it := Item{ID: StartStop, Title: v.Stop, Request: supervisor.Request{Intent: supervisor.Stop}}
	switch {
	case v.Stopping():
		it.Request.Now = true
		it.Title, it.Disabled = v.rung(v.StopNow, v.StopKill)
	case v.State == supervisor.Stopped || v.State == supervisor.Failed:
		it.Title, it.Request.Intent = v.Start, supervisor.Start
	case v.Mode == supervisor.Attached:
		it.Title = v.StopAttached
	}
	return it
}

// rung is the next step of the stop ladder (BEHAVIOUR C4).
func (v *view) rung(now, kill string) (title string, last bool) {
	switch v.Phase {
	case supervisor.Terminating:
		return kill, false
	case supervisor.Killing:
		return v.Killed, true
	}
	return now, false
}

func (v *view) restart() Item {
	it := Item{ID: RestartGateway, Title: v.Restart, Request: supervisor.Request{Intent: supervisor.Restart}}
	switch {
	case v.Stopping():
		it.Title, it.Disabled = v.RestartOff, true
	case v.Mode == supervisor.Attached && v.State == supervisor.Running:
		it.Title = v.RestartAttached
	}
	return it
}

func (v *view) reload() Item {
	it := Item{ID: ReloadConfig, Title: v.Reload, Request: supervisor.Request{Intent: supervisor.Reload}}
	if !v.running() {
		it.Title, it.Disabled = v.ReloadOff, true
	}
	return it
}

func (v *view) incidents() Item {
	var text []string
	for _, in := range v.Status.Incidents {
		text = append(text, cut(plain(v.incident(in)), maxLabel))
	}
	it := Item{ID: Incidents, Title: v.texts.Incidents, Sub: lines(IncidentLine, incidentLines, text)}
	if len(text) == 0 {
		it.Title, it.Disabled = v.NoIncident, true
	}
	return it
}

func (v *view) incident(in supervisor.Incident) string {
	began := in.Began.Local().Format(v.IncidentTime)
	if in.Open() {
		return fmt.Sprintf(v.IncidentOpen, began, v.sentence(in.Cause))
	}
	return fmt.Sprintf(v.IncidentOver, began, v.exact(in.Ended.Sub(in.Began)), v.sentence(in.Cause))
}

func (v *view) notifications() Item {
	level := v.set.Notify
	if level == "" {
		level = NotifyAll
	}
	choice := func(id ID, title string, of Level) Item {
		if of == level {
			return Item{ID: id, Title: title, Check: Checked}
		}
		return Item{ID: id, Title: title, Check: Unchecked}
	}
	return Item{ID: Notifications, Title: v.texts.Notifications, Sub: []Item{
		choice(ShowAll, v.texts.NotifyAll, NotifyAll),
		choice(ShowProblems, v.texts.NotifyProblems, NotifyProblems),
		choice(ShowNone, v.texts.NotifyNone, NotifyNone),
	}}
}

func (v *view) startAtLogin() Item {
	it := Item{ID: StartAtLogin, Title: v.texts.StartAtLogin, Check: Unchecked}
	if v.set.StartAtLogin {
		it.Check = Checked
	}
	return it
}

func (v *view) quit() Item {
	it := Item{ID: QuitEntry, Title: v.Quit, Request: supervisor.Request{Intent: supervisor.Quit}}
	switch {
	case v.StoppingFor == "quit":
		it.Request.Now = true
		it.Title, it.Disabled = v.rung(v.QuitNow, v.QuitKill)
	case v.Mode == supervisor.Attached:
		it.Title = v.QuitKeeps
	}
	return it
}

// find returns the entry with the id.
func (m Menu) find(id ID) (Item, bool) { return find(m.Items, id) }

func find(items []Item, id ID) (Item, bool) {
	for _, it := range items {
		if it.ID == id {
			return it, true
		}
		if sub, ok := find(it.Sub, id); ok {
			return sub, true
		}
	}
	return Item{}, false
}

// String is the menu as text, for golden files and people.
func (m Menu) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "icon: %s\ntooltip: %s\n", m.Icon, m.Tooltip)
	dump(&b, m.Items, "")
	return b.String()
}

func dump(b *strings.Builder, items []Item, indent string) {
	for _, it := range items {
		if it.Hidden {
			continue
		}
		if it.ID == "" {
			fmt.Fprintf(b, "%s----\n", indent)
			continue
		}
		mark := map[Check]string{Unchecked: "[ ] ", Checked: "[x] "}[it.Check]
		fmt.Fprintf(b, "%s%s%s", indent, mark, it.Title)
		if it.Disabled {
			b.WriteString("  (disabled)")
		}
		if it.Request.Intent != "" {
			fmt.Fprintf(b, "  -> %s", it.Request.Intent)
		}
		if it.Request.Now {
			b.WriteString(" now")
		}
		b.WriteString("\n")
		dump(b, it.Sub, indent+"    ")
	}
}
