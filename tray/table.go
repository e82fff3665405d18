package tray

import (
	"context"
	"fmt"
	"slices"

	"clawtray/supervisor"
	"clawtray/supervisor/requests"
)

// ID names a row of the table. The words of the row have the same name in each language.
type ID string

// row is one row of the table: an entry of the menu, or an action that only the icon or a
// notification uses. Fields that a row does not need stay empty.
type row struct {
	id ID
	// when changes the entry to suit the status. Without when, the entry can always be
	// clicked and keeps its words. At the top of the menu an entry may be disabled but
	// never hidden, so that no other one moves; in a submenu it may be hidden.
	when func(*view, *Item)
	// what carries out a click. When it is nil, ask is the request that a click sends to
	// the gateway.
	what func(context.Context, *deed) (answer string, err error)
	ask  supervisor.Intent
	// verb is the command that does the same as a click: `clawtray verb`.
	verb string

	sub   []row // a submenu; it is disabled when all its entries are hidden
	first []row // the entry shows the first of these rows that can be clicked, else the row itself

	// pool is the maximum number of entries for a row that has several of them, in a
	// submenu. fill returns the current ones, which differ in their Arg.
	pool int
	fill func(*view) []Item
}

// The rows that other code uses.
const (
	StatusLine      ID = "status"
	DetailLine      ID = "detail-" // followed by a number: a line of details
	NoteLine        ID = "note"    // the result of the last click, else the first detail
	OpenDashboard   ID = "open"
	RetryNow        ID = "retry" // in the place of StartStop or RestartGateway
	Help            ID = "help"  // what to do about the cause
	StartStop       ID = "start-stop"
	RestartGateway  ID = "restart"
	ReloadConfig    ID = "reload"
	Incidents       ID = "incidents"
	History         ID = "history"
	ShowAll         ID = "notify-all"
	ShowProblems    ID = "notify-problems"
	ShowNone        ID = "notify-none"
	StartAtLogin    ID = "start-at-login"
	ViewLogs        ID = "logs"
	CopyDiagnostics ID = "copy-diagnostics"
	SaveReport      ID = "save-report"
	QuitEntry       ID = "quit"

	// Icon is a left click on the icon, on desktops where that does not open the menu.
	Icon ID = "icon"
)

const (
	detailLines   = 6
	incidentLines = supervisor.MaxIncidents
	aboutLines    = 6
)

// table is the menu from top to bottom; an empty row is a separator.
//
// It has few rows, and at most three of its entries are grey when all is well. What makes sense only in
// trouble shares one row, Help: there is one cure to try first. To try
// again is what Start and Restart mean then, so it takes their places: a click that comes
// just when the entry changes still does what was meant. What is looked at rarely is in a
// submenu. No row moves, whatever happens (FAULTS XD5).
func table() []row {
	return []row{
		{id: StatusLine, when: (*view).status, sub: []row{{id: DetailLine, pool: detailLines, fill: (*view).detailLines}}},
		{id: NoteLine, when: (*view).note},
		{},
		{id: OpenDashboard, when: (*view).open, what: openDashboard},
		{id: Help, when: off, first: cures()},
		requestRows(),
		{},
		{id: StartStop, when: (*view).startStop, ask: supervisor.Stop},
		{id: RestartGateway, when: (*view).restart, ask: supervisor.Restart},
		{id: "more", sub: []row{
			{id: ReloadConfig, when: (*view).reload, ask: supervisor.Reload, verb: "reload"},
			{id: "restart-idle", when: (*view).whenIdle, ask: supervisor.Restart},
			{id: "restart-now", when: (*view).atOnce, ask: supervisor.Restart},
			{id: "quit-idle", when: (*view).whenIdle, ask: supervisor.Quit},
			{id: "quit-now", when: (*view).atOnce, ask: supervisor.Quit},
		}},
		{},
		channelRows(),
		{id: StartAtLogin, when: (*view).startAtLogin, what: startAtLogin},
		settingsRows(),
		{id: "diagnostics", sub: []row{
			viewLogs(),
			{id: CopyDiagnostics, what: copyDiagnostics},
			{id: SaveReport, what: saveReport},
			{id: Incidents, sub: []row{{id: "incident-", pool: incidentLines, fill: (*view).incidentLines}}},
			{id: History, sub: []row{{id: "told-", pool: maxTold, fill: (*view).told, what: showAgain}}},
		}},
		{id: "about", sub: []row{{id: "about-", pool: aboutLines, fill: (*view).about}}},
		{},
		{id: QuitEntry, when: (*view).quit, ask: supervisor.Quit},
	}
}

func settingsRows() row {
	return row{id: "settings", sub: []row{
		{id: "notifications", sub: []row{
			{id: ShowAll, when: notifies(NotifyAll), what: notify(NotifyAll)},
			{id: ShowProblems, when: notifies(NotifyProblems), what: notify(NotifyProblems)},
			{id: ShowNone, when: notifies(NotifyNone), what: notify(NotifyNone)},
		}},
		{id: "language", sub: []row{
			{id: "language-system", when: speaks("system"), what: speak("system")},
			{id: "language-en", when: speaks("en"), what: speak("en")},
			{id: "language-zh", when: speaks("zh"), what: speak("zh")},
		}},
		{id: "open-settings", what: openSettings},
		{id: OpenClawConfig, what: opensPath(func(f Files) string { return f.OpenClawConfig })},
	}}
}

func viewLogs() row { return row{id: ViewLogs, what: opensPath(func(f Files) string { return f.Log })} }

// The cures, of which [Help] shows the first that is on offer.
const (
	LastGood        ID = "last-good"
	SafeStart       ID = "safe-start"
	InstallOpenClaw ID = "install"
	OpenClawConfig  ID = "open-openclaw-config"
	UsePort         ID = "use-port"
	ChoosePort      ID = "choose-port"
	ApproveDevice   ID = "approve-device"
	TakeOverGateway ID = "take-over"
	RestoreConfig   ID = "restore-config"
)

// cures begin with those that one click completes. Whoever wants to correct OpenClaw's
// configuration by hand also finds it in the settings.
func cures() []row {
	logs := viewLogs()
	logs.when = (*view).lost
	return []row{
		{id: LastGood, when: offers(supervisor.LastGood), ask: supervisor.LastGood},
		{id: SafeStart, when: offers(supervisor.SafeStart), ask: supervisor.SafeStart},
		{id: InstallOpenClaw, when: wants(supervisor.ActInstall), ask: supervisor.Install},
		{id: OpenClawConfig, when: wants(supervisor.ActOpenConfig), what: opensPath(func(f Files) string { return f.OpenClawConfig })},
		{id: UsePort, when: (*view).usePort, what: usePort},
		{id: ChoosePort, when: wants(supervisor.ActUseFreePort), what: openSettings},
		{id: ApproveDevice, when: wants(supervisor.ActApprove), what: copyCommand},
		{id: TakeOverGateway, when: wants(supervisor.ActTakeOver), ask: supervisor.TakeOver},
		{id: RestoreConfig, when: offers(supervisor.RestoreConfig), ask: supervisor.RestoreConfig},
		logs,
	}
}

// elsewhere are the actions that have no row of their own in the menu. The icon,
// notifications and other rows name them.
func elsewhere() []row {
	return []row{
		{id: Icon, first: []row{
			{id: OpenDashboard, when: (*view).open, what: openDashboard},
			{id: "tell", what: tellStatus},
		}},
		{id: RetryNow, when: (*view).retry, ask: supervisor.Retry, verb: "retry"},
		{id: AllowRequest, what: answerRequest(requests.Allow)},
		{id: DenyRequest, what: answerRequest(requests.Deny)},
		{id: ShowRequest, what: showRequest},
		{id: ShowRequests, what: showRequests},
	}
}

// rowOf returns the row whose action a click carries out.
func rowOf(id ID) (row, bool) {
	if r, ok := among(table(), id); ok {
		return r, true
	}
	return among(elsewhere(), id)
}

func among(rows []row, id ID) (row, bool) {
	for _, r := range rows {
		if r.id == id {
			return r, true
		}
		for _, below := range [][]row{r.sub, r.first} {
			if found, ok := among(below, id); ok {
				return found, true
			}
		}
	}
	return row{}, false
}

// items returns the entries of rows. below names the entry that contains them. Entries in
// the submenu of an entry with an Arg get the same arg.
func (v *view) items(rows []row, below ID, arg string) []Item {
	var out []Item
	for _, r := range rows {
		switch {
		case r.id == "":
			out = append(out, Item{})
		case r.fill != nil:
			out = append(out, v.several(r, below)...)
		default:
			out = append(out, v.item(r, below, arg))
		}
	}
	return out
}

func (v *view) item(r row, below ID, arg string) Item {
	words := v.t.entry[r.id]
	it := Item{ID: below + r.id, Does: r.id, Arg: arg, Title: words.Title, Request: supervisor.Request{Intent: r.ask}}
	if r.when != nil {
		r.when(v, &it)
	}
	it.Sub = v.items(r.sub, below, arg)
	if r.sub != nil && !slices.ContainsFunc(it.Sub, func(sub Item) bool { return !sub.Hidden }) {
		it.Disabled = true
	}
	if it.Disabled && it.Title == words.Title && words.Off != "" {
		it.Title = words.Off
	}
	for _, other := range r.first {
		if on := v.item(other, below, arg); on.acts() {
			on.ID = it.ID
			return on
		}
	}
	return it
}

// several returns the entries of a row with a pool. Their number is always the same,
// because entries cannot be added later; those that are not needed are hidden.
func (v *view) several(r row, below ID) []Item {
	given := r.fill(v)
	out := make([]Item, r.pool)
	for i := range out {
		out[i].Hidden = true
		if i < len(given) {
			out[i] = given[i]
		}
		out[i].ID, out[i].Does = below+ID(fmt.Sprint(r.id, i+1)), r.id
		out[i].Sub = v.items(r.sub, out[i].ID+"-", out[i].Arg)
	}
	return out
}

// wants shows a remedy while the cause needs it.
func wants(a supervisor.Action) func(*view, *Item) {
	return func(v *view, it *Item) {
		it.Hidden = v.s.Cause.Action() != a || v.running() || v.s.Stopping()
	}
}

func off(_ *view, it *Item) { it.Disabled = true }
