package tray

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
	"unicode"

	"clawtray/supervisor"
)

// maxLabel is how many characters a menu line may have: hosts do not shorten
// lines, and a long one runs over the edge of the screen.
const maxLabel = 60

// maxTooltip is how many characters a tooltip may have: Windows cuts at 127.
const maxTooltip = 120

// texts is every sentence of the tray in one language. All fields are plain
// text, so that screen readers can read the menu.
type texts struct {
	// Status lines. %s of the first group is a duration.
	Running, Degraded, Stopped, Failed, Reconnecting     string
	Attempt, NextTry                                     string
	Draining, DrainingWork, Terminating, Killing         string
	ForStop, ForRestart, ForQuit                         string
	Resolving, Installing, InstallPercent, InstallItems  string
	Upgrading, Repairing                                 string
	Spawned, Listening, Challenged, Sidecars, Starting   string
	SlowStart, LastLine, About, Attached, UpdateReady    string
	AttachedService, Service, InTerminal                 string
	Second, Minute, Hour, Day, LessThanMinute            string
	IncidentOpen, IncidentOver, IncidentTime, NoIncident string

	// Entries.
	Open, OpenOff, RetryNow, Start, Stop, StopAttached              string
	StopNow, StopKill, Restart, RestartOff, RestartAttached         string
	Reload, ReloadOff, Install, OpenConfig, OpenOwnConfig           string
	Approve, TakeOver, Incidents, Notifications, NotifyAll          string
	NotifyProblems, NotifyNone, StartAtLogin, ViewLogs              string
	CopyDiagnostics, SaveReport, Quit, QuitKeeps, QuitNow, QuitKill string
	Killed, UseFreePort                                             string

	// Answers to clicks.
	Requested, Opening, Copied, CopiedCommand, NoClipboard, Saved, Failing, Busy string

	// Notifications.
	TroubleTitle, PersonTitle, BackTitle, BackBody                                      string
	NoHostTitle, NoHostBody, NoHostGNOME, NoHostXfce, NoHostMATE, NoHostLXQt, NoHostBar string

	// cause and remedy override what package supervisor says in English.
	cause, remedy map[supervisor.CauseCode]string
	reason        map[supervisor.ReasonCode]string
}

var english = texts{
	Running: "Running for %s", Degraded: "Running with problems for %s", Stopped: "Stopped %s ago",
	Failed: "Not running: needs your help (%s ago)", Reconnecting: "Reconnecting",
	Attempt: "attempt %d of %d", NextTry: "next try in %s",
	Draining: "waiting for running work", DrainingWork: "waiting for %d running tasks",
	Terminating: "the gateway was asked to end", Killing: "ending it by force",
	ForStop: "Stopping", ForRestart: "Restarting", ForQuit: "Quitting",
	Resolving: "looking for Node.js and OpenClaw", Installing: "fetching %s", InstallPercent: "fetching %s, %d %%",
	InstallItems: "fetching %s, %d files so far", Upgrading: "waiting for npm to finish replacing OpenClaw",
	Repairing: "OpenClaw repairs its configuration", Spawned: "the process is there",
	Listening: "its port is open", Challenged: "it answers", Sidecars: "it loads its channels", Starting: "Starting",
	SlowStart: "This takes longer than usual.", InTerminal: "In a terminal: %s", LastLine: "Last line: %s",
	About: "OpenClaw %s, port %d", Attached: "Run by somebody else: clawtray only watches it.",
	AttachedService: "Run by OpenClaw's own service: clawtray only watches it.",
	Service:         "OpenClaw's own service is installed, too.",
	UpdateReady:     "OpenClaw %s is installed: restart to use it.",
	Second:          "%d s", Minute: "%d min", Hour: "%d h", Day: "%d d", LessThanMinute: "less than a minute",
	IncidentOpen: "%s, going on: %s", IncidentOver: "%s, for %s: %s", IncidentTime: "2 Jan 15:04", NoIncident: "Recent incidents (none)",

	Open: "Open Dashboard", OpenOff: "Open Dashboard (not running)", RetryNow: "Retry now",
	Start: "Start", Stop: "Stop", StopAttached: "Ask the gateway to stop",
	StopNow: "Stop now, without waiting", StopKill: "Stop now, by force",
	Restart: "Restart", RestartOff: "Restart (stopping)", RestartAttached: "Ask the gateway to restart",
	Reload: "Reload configuration", ReloadOff: "Reload configuration (not running)",
	Install: "Install OpenClaw", OpenConfig: "Open OpenClaw's configuration", OpenOwnConfig: "Choose another port",
	UseFreePort: "Use free port %d", Approve: "Copy the command that approves this device", TakeOver: "Start our own gateway",
	Incidents: "Recent incidents", Notifications: "Notifications", NotifyAll: "All", NotifyProblems: "Problems only", NotifyNone: "None",
	StartAtLogin: "Start at login", ViewLogs: "View logs", CopyDiagnostics: "Copy diagnostics", SaveReport: "Save diagnostics report",
	Quit: "Quit and stop the gateway", QuitKeeps: "Quit (the gateway keeps running)", QuitNow: "Quit now, without waiting", QuitKill: "Quit now, by force",
	Killed: "Ending by force",

	Requested: "%s: requested", Opening: "Opening %s", Copied: "Diagnostics copied", CopiedCommand: "Copied, run it in a terminal: %s", NoClipboard: "No clipboard found: opened as a file",
	Saved: "Report saved: %s", Failing: "%s failed: %s", Busy: "Still busy with your earlier clicks",

	TroubleTitle: "OpenClaw Gateway has trouble", PersonTitle: "OpenClaw Gateway needs your help", BackTitle: "OpenClaw Gateway is back",
	BackBody:    "It was away for %s.",
	NoHostTitle: "clawtray runs without an icon", NoHostBody: "This desktop shows no tray icons. Add a status notifier (system tray) to your panel, or use the command clawtray status.",
	NoHostGNOME: "GNOME shows no tray icons by itself. Install the extension AppIndicator and KStatusNotifierItem Support, or use the command clawtray status.",
	NoHostXfce:  "Add the item Status Tray Plugin to the Xfce panel, or use the command clawtray status.",
	NoHostMATE:  "Add the item Notification Area to the MATE panel, or use the command clawtray status.",
	NoHostLXQt:  "Add the widget Status Notifier Plugin to the LXQt panel, or use the command clawtray status.",
	NoHostBar:   "Add a tray module to your bar (Waybar has one), or use the command clawtray status.",
}

// textsFor picks the language: a name like "en" or "zh-CN", empty for the
// system's.
func textsFor(language string) *texts {
	if language == "" {
		language = systemLanguage()
	}
	if t, ok := languages[strings.ToLower(language[:min(2, len(language))])]; ok {
		return t
	}
	return &english
}

var languages = map[string]*texts{"en": &english, "zh": &chinese}

// localeFromEnv follows POSIX: the first that is set decides.
func localeFromEnv() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return "en"
}

func (t *texts) sentence(c supervisor.Cause) string {
	if s, ok := t.cause[c.Code]; ok {
		if c.Detail == "" {
			return s
		}
		return s + ": " + c.Detail
	}
	return c.Sentence()
}

func (t *texts) help(c supervisor.Cause) string {
	if s, ok := t.remedy[c.Code]; ok {
		return s
	}
	return c.Remedy()
}

func (t *texts) health(r supervisor.Reason) string {
	s, ok := t.reason[r.Code]
	switch {
	case !ok:
		return r.Text
	case r.Detail != "":
		return s + ": " + r.Detail
	}
	return s
}

// minuteSteps are the minutes a duration is shown in: few, because each change
// of a label closes the open menu on Qt desktops.
var minuteSteps = []int{1, 2, 5, 10, 20, 30, 45, 60}

// coarse is a duration in words, and how long those words stay true.
func (t *texts) coarse(d time.Duration) (words string, next time.Duration) {
	switch {
	case d < time.Minute:
		return t.LessThanMinute, time.Minute - d
	case d < time.Hour:
		for i, step := range minuteSteps {
			if until := time.Duration(minuteSteps[i+1]) * time.Minute; d < until {
				return fmt.Sprintf(t.Minute, step), until - d
			}
		}
	case d < 24*time.Hour:
		return fmt.Sprintf(t.Hour, d/time.Hour), time.Hour - d%time.Hour
	}
	return fmt.Sprintf(t.Day, d/(24*time.Hour)), 24*time.Hour - d%(24*time.Hour)
}

// exact is a duration that is over and will not change any more.
func (t *texts) exact(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf(t.Second, max(1, int(d.Round(time.Second)/time.Second)))
	}
	words, _ := t.coarse(d)
	return words
}

// plain makes text from outside safe wherever it is shown: printable, and what a
// notification server or a tooltip would read as markup, or a shell behind a
// Windows notification would expand, is replaced by a character that looks alike.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if alike, ok := lookalikes[r]; ok {
			return alike
		}
		return r
	}, printable(s))
}

// printable is s on one line without control characters: a tab splits a menu
// line, a newline breaks it, and an escape sequence moves a terminal's cursor.
func printable(s string) string {
	s = ansi.ReplaceAllString(s, "")
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)), " ")
}

// ansi matches what colours a terminal.
var ansi = regexp.MustCompile("\x1b\\[[0-9;?]*[a-zA-Z]")

var lookalikes = map[rune]rune{'<': '‹', '>': '›', '&': '＆', '"': '”', '`': '´', '$': '＄'}

// cut shortens s to at most n characters.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return strings.TrimRight(string(r[:n-1]), " ") + "…"
}

// wrap breaks s into at most n lines of maxLabel characters, at spaces where it can.
func wrap(s string, n int) []string {
	var lines []string
	for rest := []rune(s); len(rest) > 0 && n > 0; n-- {
		if len(rest) <= maxLabel || n == 1 {
			return append(lines, cut(string(rest), maxLabel))
		}
		at := maxLabel
		for at > maxLabel/2 && rest[at] != ' ' {
			at--
		}
		if rest[at] != ' ' {
			at = maxLabel
		}
		lines = append(lines, string(rest[:at]))
		rest = []rune(strings.TrimLeft(string(rest[at:]), " "))
	}
	return lines
}
