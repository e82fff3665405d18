package tray

import (
	"time"

	"clawtray/assets"
	"clawtray/supervisor"
	"clawtray/supervisor/requests"
)

// Level says which notifications are shown.
type Level string

// The levels. The zero value means NotifyAll.
const (
	NotifyAll      Level = "all"      // trouble, and its end
	NotifyProblems Level = "problems" // trouble only
	NotifyNone     Level = "none"
)

// Settings are what the view needs in addition to the gateway's status.
type Settings struct {
	Notify       Level
	Language     string // "system", "en", "zh"; empty means the language that [Speak] has set
	StartAtLogin bool
	// Service says that OpenClaw's own service is installed on this machine.
	Service bool

	Requests []requests.Request // requests that wait for a person, oldest first
	Places   []place            // the places of the requests in the menu
	Buttons  bool               // the desktop shows buttons on notifications

	About About
	Told  []Told // notifications that were shown, newest first, at most maxTold

	// Requested is the entry that was clicked last, until the status answers it.
	Requested string
	// Note is the result of the last click, in words.
	Note string
}

// About are facts about this clawtray.
type About struct {
	Name  string // this clawtray with version and commit
	Files Files
}

// View returns the menu for a status. It is pure: the same arguments give the same menu.
// Every entry keeps its row, so that none moves under the pointer; only lines in submenus
// appear and disappear.
func View(s supervisor.Status, set Settings, now time.Time) Menu {
	v := view{s: s, t: textsFor(set.Language), set: set, now: now}
	items := v.items(table(), "", "")
	m := Menu{Icon: v.icon(), Tooltip: v.tooltip(items[0].Title), Items: items, Elsewhere: v.items(elsewhere(), "", "")}
	m.Until = v.until
	return m
}

// view is one evaluation of View: its arguments, and when the result is outdated.
type view struct {
	s     supervisor.Status
	t     *texts
	set   Settings
	now   time.Time
	until time.Time

	terminal bool // the words are for a terminal, without a menu
}

// why returns what is wrong; empty when nothing is.
func (v *view) why() string {
	if v.s.State != supervisor.Running && v.s.Cause.Code != supervisor.NoCause {
		return v.t.sentence(v.s.Cause)
	}
	if v.running() && v.degraded() {
		for _, r := range v.s.Health.Reasons {
			if !information[r.Code] {
				return v.t.health(r)
			}
		}
	}
	return ""
}

// ago returns the time since at in rough words, and records when those words change.
func (v *view) ago(at time.Time) string {
	words, next := v.t.coarse(max(0, v.now.Sub(at)))
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
	case v.s.StoppingFor == "restart":
		return assets.Reconnecting
	case v.s.Stopping():
		return assets.Stopped
	}
	switch v.s.State {
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

// information are the reasons that are not a problem of the gateway: it works as intended.
var information = map[supervisor.ReasonCode]bool{
	supervisor.ReasonUpdate: true, supervisor.ReasonEnvironment: true, supervisor.ReasonPending: true, supervisor.ReasonIdentity: true,
}

// degraded reports whether the gateway has a problem.
func degraded(s supervisor.Status) bool {
	if s.Health.Level != supervisor.Degraded && s.Health.Level != supervisor.Unresponsive {
		return false
	}
	for _, r := range s.Health.Reasons {
		if !information[r.Code] {
			return true
		}
	}
	return len(s.Health.Reasons) == 0
}

func (v *view) degraded() bool { return degraded(v.s) }

// problemSince returns when the first current problem began; zero when that is unknown.
func problemSince(s supervisor.Status) (began time.Time) {
	for _, r := range s.Health.Reasons {
		if !information[r.Code] && (began.IsZero() || r.Since.Before(began)) {
			began = r.Since
		}
	}
	return began
}

// tooltip returns the status in words, with the cause.
func (v *view) tooltip(status string) string {
	s := v.t.state.Gateway + v.t.mark.Colon + status
	if why := v.why(); why != "" {
		s = v.t.mark.sentences(s, why)
	}
	return cut(plain(s), maxTooltip)
}

// alive reports whether the gateway runs although clawtray cannot use it.
func (v *view) alive() bool {
	return v.s.State == supervisor.Failed && !v.s.Stopping() && (v.s.Facts.ProcessAlive || v.s.Facts.ProtocolAlive)
}

// signIn are the causes that prevent clawtray from signing in to a running gateway.
var signIn = map[supervisor.CauseCode]bool{
	supervisor.TokenMismatch: true, supervisor.TokenMissing: true, supervisor.PairingRequired: true, supervisor.PairingThere: true, supervisor.SignatureRefused: true,
	supervisor.ClockSkew: true, supervisor.ProtocolMismatch: true, supervisor.ConnectRefused: true, supervisor.IdentityBad: true,
}

func (v *view) running() bool { return v.s.State == supervisor.Running && !v.s.Stopping() }
