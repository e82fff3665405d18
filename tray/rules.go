package tray

import (
	"fmt"
	"time"

	"clawtray/supervisor"
)

const (
	// toastDelay is how long trouble must last before a notification, because most crashes
	// are over sooner.
	toastDelay = 15 * time.Second
	// toastFlap is used instead for trouble that was notified, ended, and began again.
	// Without it, a gateway that comes and goes would cause one notification after the
	// other.
	toastFlap = 2 * time.Minute
	// toastLimit is how many notifications of trouble are shown within toastWindow.
	toastLimit  = 3
	toastWindow = time.Hour
	// toastRetryMin and toastRetryMax limit the wait after a notification that the desktop
	// did not show.
	toastRetryMin = time.Minute
	toastRetryMax = time.Hour
)

// stage is how serious the trouble is that a notification tells.
type stage int

const (
	nothing   stage = iota
	inTrouble       // the gateway is gone, but may come back by itself
	forPerson       // a person has to act
)

// Rules decide which notification about the gateway is on the screen (BEHAVIOUR L3). There
// is one when trouble lasts or needs a person, and the notification that it is over
// replaces it. The zero value is ready to use. Rules contain no clock: [Rules.Next] gets
// the time, and returns when it must be called again.
type Rules struct {
	last    trouble              // the trouble that was notified last
	ordered stage                // the stage that was sent to the desktop
	told    stage                // the stage that the desktop has shown
	cause   supervisor.CauseCode // the cause that was notified
	at      time.Time            // when the notification was sent
	again   time.Time            // when the trouble began again after it had ended
	over    bool                 // the trouble had ended
	pending bool                 // the desktop has not answered yet
	urgent  bool                 // the notification on the screen is urgent
	shown   bool                 // there may be a notification on the screen
	asked   bool                 // a person has caused what happens now
	pace
}

// pace limits the number of notifications.
type pace struct {
	sent  []time.Time // when trouble was notified within the last toastWindow, oldest first
	retry time.Time   // send nothing before this time, because the desktop refused a notification
	wait  time.Duration
}

// trouble identifies one incident. A failure without an incident, such as a first
// start that failed, has the id 0.
type trouble struct {
	id    int
	began time.Time
}

// nowWrong is the trouble at this moment.
type nowWrong struct {
	trouble
	cause supervisor.Cause
	stage stage
	quiet bool
}

// Order says what to do with the notification.
type Order struct {
	Toast *Toast // the notification to show instead of the current one; nil means none
	Close bool   // remove the current notification
}

// Next returns what to do at now, and when to call it again if the status does not change
// before (zero: not at all).
func (r *Rules) Next(now time.Time, s supervisor.Status, set Settings) (Order, time.Time) {
	for len(r.sent) > 0 && now.Sub(r.sent[0]) >= toastWindow {
		r.sent = r.sent[1:]
	}
	r.follow(s)
	wrong := wrongNow(s)
	switch {
	case set.Notify == NotifyNone:
		return r.takeAway(), time.Time{}
	case wrong.stage == nothing:
		return r.fine(s, set), time.Time{}
	}
	r.recognise(now, wrong)
	if wrong.quiet || r.asked {
		return r.takeAway(), time.Time{}
	}
	return r.trouble(now, wrong, set, s)
}

// Clicked records that a person has asked for what follows.
func (r *Rules) Clicked() { r.asked = true }

// Delivered records that the desktop showed a notification.
func (r *Rules) Delivered(now time.Time, t Toast) {
	r.retry, r.wait = time.Time{}, 0
	if t.stage == nothing {
		return
	}
	r.pending = false
	r.sent = append(r.sent, now)
	if t.about == r.last.id && !r.over {
		r.told = max(r.told, t.stage)
	}
}

// Refused records that the desktop did not show a notification. It is sent again later.
func (r *Rules) Refused(now time.Time, t Toast) {
	r.wait = min(max(2*r.wait, toastRetryMin), toastRetryMax)
	r.retry = now.Add(r.wait)
	r.pending = r.pending && t.stage == nothing
	if t.about == r.last.id && t.stage == r.ordered {
		r.ordered = r.told
	}
}

// follow finds out whether a person has caused what happens.
func (r *Rules) follow(s supervisor.Status) {
	switch s.Cause.Code {
	case supervisor.UserStart, supervisor.UserRestart, supervisor.UserReload, supervisor.UserRetry:
		r.asked = r.asked || s.State != supervisor.Running
	}
	if s.State == supervisor.Stopped && !s.Stopping() {
		r.asked = false
	}
}

// recognise distinguishes a new incident from the known one.
func (r *Rules) recognise(now time.Time, wrong nowWrong) {
	switch {
	case r.last.id != wrong.id || r.ordered == nothing && r.again.IsZero():
		r.last, r.again = wrong.trouble, time.Time{}
		r.ordered, r.told, r.over = nothing, nothing, false
	case r.over && wrong.id == 0:
		r.last, r.ordered, r.told, r.over = wrong.trouble, nothing, nothing, false
	case r.over:
		r.ordered, r.told, r.over, r.again = nothing, nothing, false, now
	}
}

func (r *Rules) trouble(now time.Time, wrong nowWrong, set Settings, s supervisor.Status) (Order, time.Time) {
	known := r.cause == wrong.cause.Code && (r.urgent || now.Sub(r.at) < toastWindow)
	if wrong.stage <= r.ordered && (wrong.stage < forPerson || known) {
		if r.urgent && wrong.stage < forPerson { // a person no longer has to act
			return r.takeAway(), time.Time{}
		}
		return Order{}, time.Time{}
	}
	if now.Before(r.retry) {
		return Order{}, r.retry
	}
	if wrong.stage == inTrouble {
		due := r.last.began.Add(toastDelay)
		if !r.again.IsZero() {
			due = r.again.Add(toastFlap)
		}
		if len(r.sent) >= toastLimit {
			due = later(due, r.sent[0].Add(toastWindow))
		}
		if now.Before(due) {
			return Order{}, due
		}
	}
	r.ordered, r.cause, r.at = wrong.stage, wrong.cause.Code, now
	r.shown, r.pending, r.urgent = true, true, wrong.stage == forPerson
	toast := troubleToast(s, set, now, wrong)
	return Order{Toast: &toast}, time.Time{}
}

// fine returns what to do while there is no trouble, or not yet.
func (r *Rules) fine(s supervisor.Status, set Settings) Order {
	switch {
	case r.pending && s.State == supervisor.Running && !s.Stopping(): // do not notify the end of trouble that was not shown
		return Order{}
	case s.State == supervisor.Running && !s.Stopping():
		told, asked := !r.over && r.told > nothing, r.asked
		r.over, r.asked = true, false
		if !told || asked || set.Notify == NotifyProblems {
			break
		}
		r.urgent = false // r.shown stays true, so that quitting removes the notification
		t := textsFor(set.Language)
		toast := Toast{
			Title: t.toast.BackTitle, Body: fmt.Sprintf(t.toast.BackBody, t.exact(s.Since.Sub(r.last.began))),
			Icon: View(s, set, s.Since).Icon, Buttons: View(s, set, s.Since).buttons(1, OpenDashboard), about: r.last.id,
		}
		r.shown = false
		return Order{Toast: &toast}
	case s.Stopping() || s.State == supervisor.Stopped:
		r.over = true
	}
	return r.takeAway()
}

func (r *Rules) takeAway() Order {
	was := r.shown
	r.shown, r.pending, r.urgent = false, false, false
	return Order{Close: was}
}

// wrongNow returns the trouble in the status.
func wrongNow(s supervisor.Status) nowWrong {
	if s.Stopping() {
		return nowWrong{}
	}
	stage := inTrouble
	if s.State == supervisor.Failed {
		stage = forPerson
	}
	if len(s.Incidents) > 0 && s.Incidents[0].Open() {
		in := s.Incidents[0]
		if s.Cause.NeedsPerson() {
			in.Cause = s.Cause
		}
		if in.Cause.NeedsPerson() {
			stage = forPerson
		}
		return nowWrong{trouble{in.ID, in.Began}, in.Cause, stage, in.Quiet && s.State != supervisor.Failed}
	}
	if s.State == supervisor.Failed {
		return nowWrong{trouble: trouble{began: s.Since}, cause: s.Cause, stage: stage}
	}
	return nowWrong{}
}

// toastButtons is how many buttons desktops show in one row.
const toastButtons = 3

// troubleToast returns the notification about trouble, with buttons for the entries of the
// menu that help.
func troubleToast(s supervisor.Status, set Settings, now time.Time, wrong nowWrong) Toast {
	t, menu := textsFor(set.Language), View(s, set, now)
	toast := Toast{Title: t.toast.TroubleTitle, Body: plain(t.told(wrong.cause)), Icon: menu.Icon, stage: wrong.stage, about: wrong.id}
	if wrong.stage == forPerson {
		toast.Title, toast.Urgent = t.toast.PersonTitle, true
	}
	helpful := []ID{Help, RetryNow, ViewLogs}
	if wrong.cause.Action() == supervisor.ActOpenConfig { // also when Help knows something better
		helpful = []ID{Help, OpenClawConfig, RetryNow, ViewLogs}
	}
	toast.Buttons = menu.buttons(toastButtons, helpful...)
	return toast
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
