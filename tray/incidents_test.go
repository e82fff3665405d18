package tray

import (
	"fmt"
	"testing"
	"time"

	"clawtray/supervisor"
)

// kind is one course of an incident. It says which notification is due and when, as the
// time since the incident began.
type kind struct {
	name string
	play func(y *story, id int, cause supervisor.Cause)
	want func(person bool) []string
}

var (
	toldAt = func(title string, at time.Duration) string { return fmt.Sprint(at, " ", title) }
	kinds  = []kind{
		{"short", func(y *story, id int, cause supervisor.Cause) {
			y.after(0, y.trouble(id, cause))
			y.after(14*time.Second, y.back)
		}, func(person bool) []string {
			if person {
				return []string{toldAt(english.toast.PersonTitle, 0), toldAt(english.toast.BackTitle, 14*time.Second)}
			}
			return nil
		}},
		{"lasting", func(y *story, id int, cause supervisor.Cause) {
			y.after(0, y.trouble(id, cause))
			y.after(5*time.Minute, y.back)
		}, func(person bool) []string {
			if person {
				return []string{toldAt(english.toast.PersonTitle, 0), toldAt(english.toast.BackTitle, 5*time.Minute)}
			}
			return []string{toldAt(english.toast.TroubleTitle, 15*time.Second), toldAt(english.toast.BackTitle, 5*time.Minute)}
		}},
		{"given up", func(y *story, id int, cause supervisor.Cause) {
			y.after(0, y.trouble(id, cause))
			y.after(time.Minute, y.failed(supervisor.GaveUp))
			y.after(time.Minute, y.back)
		}, func(person bool) []string {
			end := []string{toldAt(english.toast.PersonTitle, time.Minute), toldAt(english.toast.BackTitle, 2*time.Minute)}
			if person {
				return append([]string{toldAt(english.toast.PersonTitle, 0)}, end...)
			}
			return append([]string{toldAt(english.toast.TroubleTitle, 15*time.Second)}, end...)
		}},
		{"quiet", func(y *story, id int, cause supervisor.Cause) {
			y.after(0, func(s *supervisor.Status) {
				y.trouble(id, cause)(s)
				s.Incidents[0].Quiet = true
			})
			y.after(time.Minute, y.back)
		}, func(bool) []string { return nil }},
		{"clicked", func(y *story, id int, cause supervisor.Cause) {
			y.after(0, y.clicked(supervisor.UserRestart))
			y.after(0, y.trouble(id, cause))
			y.after(time.Minute, y.failed(cause.Code))
			y.after(time.Minute, y.back)
		}, func(bool) []string { return nil }},
		{"comes and goes", func(y *story, id int, cause supervisor.Cause) {
			y.after(0, y.trouble(id, cause))
			y.after(30*time.Second, y.back)
			for range 5 {
				y.after(time.Minute, y.reopened)
				y.after(30*time.Second, y.back)
			}
		}, func(person bool) []string {
			first := toldAt(english.toast.TroubleTitle, 15*time.Second)
			if person {
				first = toldAt(english.toast.PersonTitle, 0)
			}
			return []string{first, toldAt(english.toast.BackTitle, 30*time.Second)}
		}},
		{"stopped by a person", func(y *story, id int, cause supervisor.Cause) {
			y.after(0, y.trouble(id, cause))
			y.after(time.Minute, func(s *supervisor.Status) { s.StoppingFor = "stop" })
			y.after(time.Second, func(s *supervisor.Status) {
				s.StoppingFor, s.State, s.Incidents[0].Ended = "", supervisor.Stopped, y.now
			})
		}, func(person bool) []string {
			if person {
				return []string{toldAt(english.toast.PersonTitle, 0)}
			}
			return []string{toldAt(english.toast.TroubleTitle, 15*time.Second)}
		}},
	}
)

// L3: 40 incidents of every kind and with every cause, in virtual time. Each is notified in
// time and once. There is never more than one notification on the screen, and an urgent one
// only while a person is needed.
func TestL3_FortyIncidents(t *testing.T) {
	codes := []supervisor.CauseCode{
		supervisor.Killed, supervisor.PairingRequired, supervisor.Hung, supervisor.Disconnected, supervisor.TokenMismatch, supervisor.Exited,
		supervisor.OutOfMemory, supervisor.DiskFull, supervisor.AttachedGone,
	}
	y := newStory(t)
	y.ask()
	for n := range 40 {
		k, cause := kinds[n%len(kinds)], supervisor.Cause{Code: codes[n%len(codes)]}
		y.after(2*time.Hour, func(s *supervisor.Status) { s.State, s.Since, s.Cause = supervisor.Running, y.now, supervisor.Cause{} })
		began := y.now
		y.got, y.at, y.toasts = nil, nil, nil
		k.play(y, n+1, cause)
		var got []string
		for i, at := range y.at {
			got = append(got, toldAt(y.got[i], at.Sub(began)))
		}
		want := k.want(cause.NeedsPerson())
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d, %s, %s: told %q, want %q", n, k.name, cause.Code, got, want)
		}
		if y.screen != nil && y.screen.Urgent {
			t.Errorf("%d, %s, %s: an urgent notification stays: %+v", n, k.name, cause.Code, y.screen)
		}
	}
}

// L3: 40 incidents within three hours. At most 3 are notified in any hour, the others are
// in the menu, and no urgent one is delayed.
func TestL3_FortyIncidentsAtOnce(t *testing.T) {
	y := newStory(t)
	y.ask()
	for n := range 40 {
		y.after(time.Minute, y.trouble(n+1, crashed))
		y.after(2*time.Minute, nil)
		if n%10 == 9 {
			y.after(0, y.failed(supervisor.GaveUp))
			if last := y.toasts[len(y.toasts)-1]; !last.Urgent || !y.at[len(y.at)-1].Equal(y.now) {
				t.Errorf("incident %d: told last: %+v at %v", n, last, y.at[len(y.at)-1])
			}
		}
		y.after(time.Second, y.back)
	}
	var trouble []time.Time
	for i, toast := range y.toasts {
		if toast.stage == inTrouble {
			trouble = append(trouble, y.at[i])
		}
	}
	for i := 3; i < len(trouble); i++ {
		if d := trouble[i].Sub(trouble[i-3]); d < toastWindow {
			t.Errorf("4 within %v", d)
		}
	}
	if len(trouble) < 4 {
		t.Errorf("told only %d times", len(trouble))
	}
}
