package tray

import (
	"fmt"
	"time"

	"clawtray/supervisor"
)

const (
	// toastDelay is how long trouble must last to be worth a notification: most
	// crashes are over before.
	toastDelay = 15 * time.Second
	// toastLimit notifications are shown in any toastWindow.
	toastLimit  = 3
	toastWindow = time.Hour
)

// Toast is one desktop notification. Both texts are plain.
type Toast struct {
	Title, Body string
	Urgent      bool // a person has to act
}

// Rules decide which notifications an incident is worth (BEHAVIOUR L3): one
// when the trouble lasts or needs a person, one when it is over if the first
// was shown. The zero value is ready. It holds no clock: [Rules.Next] is told
// the time, and says when it wants to be asked again.
type Rules struct {
	shown trouble     // what was told and is not over; zero: nothing
	sent  []time.Time // within the last toastWindow, oldest first
}

// trouble identifies one incident. A failure without an incident, such as a
// first start that could not work, counts as one that began with its state.
type trouble struct {
	id    int
	began time.Time
}

// Next returns the notifications due at now and when to ask again, if the
// status does not change before (zero: not at all).
func (r *Rules) Next(now time.Time, s supervisor.Status, set Settings) ([]Toast, time.Time) {
	for len(r.sent) > 0 && now.Sub(r.sent[0]) >= toastWindow {
		r.sent = r.sent[1:]
	}
	t := textsFor(set.Language)
	current, cause, quiet := troubleOf(s)
	var out []Toast
	if r.shown != (trouble{}) && r.shown != current {
		if s.State == supervisor.Running {
			out = r.send(now, set, NotifyAll, Toast{Title: t.BackTitle, Body: fmt.Sprintf(t.BackBody, t.exact(s.Since.Sub(r.shown.began)))})
		}
		r.shown = trouble{}
	}
	if current == (trouble{}) || quiet || r.shown == current || set.Notify == NotifyNone {
		return out, time.Time{}
	}
	person := s.State == supervisor.Failed || cause.NeedsPerson()
	if due := current.began.Add(toastDelay); !person && now.Before(due) {
		return out, due
	}
	if len(r.sent) >= toastLimit {
		return out, r.sent[0].Add(toastWindow)
	}
	r.shown = current
	return append(out, r.send(now, set, NotifyProblems, troubleToast(t, cause, person))...), time.Time{}
}

// troubleOf finds what is wrong now.
func troubleOf(s supervisor.Status) (t trouble, cause supervisor.Cause, quiet bool) {
	if s.Stopping() {
		return trouble{}, supervisor.Cause{}, false
	}
	if len(s.Incidents) > 0 && s.Incidents[0].Open() {
		in := s.Incidents[0]
		if s.Cause.NeedsPerson() {
			in.Cause = s.Cause
		}
		return trouble{in.ID, in.Began}, in.Cause, in.Quiet && s.State != supervisor.Failed
	}
	if s.State == supervisor.Failed {
		return trouble{began: s.Since}, s.Cause, false
	}
	return trouble{}, supervisor.Cause{}, false
}

func troubleToast(t *texts, cause supervisor.Cause, person bool) Toast {
	toast := Toast{Title: t.TroubleTitle, Body: plain(t.sentence(cause) + "."), Urgent: person}
	if person {
		toast.Title = t.PersonTitle
		toast.Body = plain(t.sentence(cause) + ". " + t.help(cause))
	}
	return toast
}

// send counts a toast of a level, unless the settings or the limit forbid it.
func (r *Rules) send(now time.Time, set Settings, of Level, toast Toast) []Toast {
	if set.Notify == NotifyNone || set.Notify == NotifyProblems && of == NotifyAll || len(r.sent) >= toastLimit {
		return nil
	}
	r.sent = append(r.sent, now)
	return []Toast{toast}
}
