package tray

import (
	"testing"
	"time"

	"clawtray/supervisor"
)

// story runs rules through virtual time, and calls Next whenever they ask for it.
type story struct {
	t     *testing.T
	rules Rules
	set   Settings
	now   time.Time
	s     supervisor.Status
	next  time.Time
	got   []string

	toasts []Toast
	at     []time.Time
	screen *Toast // what a desktop shows now
	deaf   bool   // the desktop shows nothing
	slow   bool   // the desktop has not answered yet: the test does that
	tries  int    // how often a deaf desktop was asked
	closes int    // how often it was asked to take a notification away
}

func newStory(t *testing.T) *story {
	return &story{t: t, now: noon, s: supervisor.Status{State: supervisor.Running, Since: noon}}
}

func (y *story) ask() {
	order, next := y.rules.Next(y.now, y.s, y.set)
	y.next = next
	switch {
	case order.Toast != nil && y.deaf:
		y.tries++
		y.rules.Refused(y.now, *order.Toast)
		y.ask()
		return
	case order.Toast != nil:
		y.got, y.toasts, y.at = append(y.got, order.Toast.Title), append(y.toasts, *order.Toast), append(y.at, y.now)
		if !y.slow {
			y.rules.Delivered(y.now, *order.Toast)
		}
		y.screen = order.Toast
	case order.Close:
		y.screen = nil
		y.closes++
	}
	if !next.IsZero() && !next.After(y.now) {
		y.t.Fatalf("asked to come back at %v, it is %v", next, y.now)
	}
}

// after lets time pass, then changes the status.
func (y *story) after(d time.Duration, change func(*supervisor.Status)) {
	end := y.now.Add(d)
	for !y.next.IsZero() && !y.next.After(end) {
		y.now = y.next
		y.ask()
	}
	y.now = end
	if change != nil {
		change(&y.s)
	}
	y.ask()
}

func (y *story) trouble(id int, cause supervisor.Cause) func(*supervisor.Status) {
	return func(s *supervisor.Status) {
		s.State, s.Since, s.Cause = supervisor.Reconnecting, y.now, cause
		s.Incidents = []supervisor.Incident{{ID: id, Began: y.now, Cause: cause}}
	}
}

func (y *story) back(s *supervisor.Status) {
	s.State, s.Since = supervisor.Running, y.now
	in := s.Incidents[0]
	in.Ended = y.now
	s.Incidents = []supervisor.Incident{in}
}

func (y *story) failed(code supervisor.CauseCode) func(*supervisor.Status) {
	return func(s *supervisor.Status) {
		s.State, s.Since, s.Cause = supervisor.Failed, y.now, supervisor.Cause{Code: code}
	}
}

func (y *story) stopped(s *supervisor.Status) {
	s.State, s.Since, s.Cause, s.Incidents = supervisor.Stopped, y.now, supervisor.Cause{Code: supervisor.UserStop}, nil
}

// restored runs again, and nobody has asked for it.
func (y *story) restored(s *supervisor.Status) {
	s.State, s.Since, s.Cause = supervisor.Running, y.now, supervisor.Cause{Code: supervisor.AutoStart}
}

func (y *story) reopened(s *supervisor.Status) {
	s.State, s.Since, s.Cause = supervisor.Reconnecting, y.now, crashed
	in := s.Incidents[0]
	in.Ended, in.Cause = time.Time{}, crashed
	s.Incidents = []supervisor.Incident{in}
}

// clicked returns the change of the status after a person's request.
func (y *story) clicked(code supervisor.CauseCode) func(*supervisor.Status) {
	return func(s *supervisor.Status) {
		s.State, s.Since, s.Cause = supervisor.Starting, y.now, supervisor.Cause{Code: code}
	}
}

var crashed = supervisor.Cause{Code: supervisor.Killed, Detail: "SIGKILL"}

// stories are sequences of events, with the expected notifications.
var stories = map[string]struct {
	play func(*story)
	want []string
}{
	"a short crash is not told": {func(y *story) {
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(14*time.Second, y.back)
		y.after(time.Hour, nil)
	}, nil},
	"lasting trouble is told once, and its end": {func(y *story) {
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(16*time.Second, nil)
		y.after(time.Minute, nil)
		y.after(time.Minute, y.back)
		y.after(time.Hour, nil)
	}, []string{english.toast.TroubleTitle, english.toast.BackTitle}},
	"what needs a person is told at once": {func(y *story) {
		y.after(time.Minute, y.trouble(1, supervisor.Cause{Code: supervisor.PairingRequired}))
	}, []string{english.toast.PersonTitle}},
	"a failure without an incident is told": {func(y *story) {
		y.after(time.Minute, y.failed(supervisor.NodeMissing))
		y.after(time.Hour, nil)
	}, []string{english.toast.PersonTitle}},
	"XD1, XT7: that a person is needed is told at once after the trouble was, and once": {func(y *story) {
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(20*time.Second, nil)
		y.after(5*time.Minute, y.failed(supervisor.GaveUp))
		if at := y.at[len(y.at)-1]; !at.Equal(y.now) {
			y.t.Errorf("told at %v, it is %v", at, y.now)
		}
		y.after(30*time.Minute, nil)
	}, []string{english.toast.TroubleTitle, english.toast.PersonTitle}},
	"XD1: the hourly limit holds back nothing that needs a person": {func(y *story) {
		for id := range 3 {
			y.after(time.Minute, y.trouble(id+1, crashed))
			y.after(20*time.Second, nil)
			y.after(time.Second, y.back)
		}
		y.after(time.Minute, y.trouble(4, crashed))
		y.after(time.Minute, y.failed(supervisor.GaveUp))
	}, []string{english.toast.TroubleTitle, english.toast.BackTitle, english.toast.TroubleTitle, english.toast.BackTitle,
		english.toast.TroubleTitle, english.toast.BackTitle, english.toast.PersonTitle}},
	"XT7: what a person clicked is not told": {func(y *story) {
		y.after(time.Minute, y.failed(supervisor.DiskFull))
		for range 6 {
			y.after(time.Minute, y.clicked(supervisor.UserRetry))
			if y.screen != nil {
				y.t.Error("the person acts, and the urgent notification stays")
			}
			y.after(2*time.Second, y.failed(supervisor.DiskFull))
		}
		y.after(2*time.Hour, nil)
	}, []string{english.toast.PersonTitle}},
	"XT7: what the desktop did not take is told later": {func(y *story) {
		y.deaf = true
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(time.Minute, nil)
		y.deaf = false
		y.after(3*time.Minute, nil)
		y.after(time.Minute, y.back)
	}, []string{english.toast.TroubleTitle, english.toast.BackTitle}},
	"XT7: what the desktop did not take has no end": {func(y *story) {
		y.deaf = true
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(time.Minute, nil)
		y.after(time.Second, y.back)
		y.deaf = false
		y.after(time.Hour, nil)
	}, nil},
	"a gateway that comes and goes is told once": {func(y *story) {
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(30*time.Second, y.back)
		for range 20 {
			y.after(time.Minute, y.reopened)
			y.after(30*time.Second, y.back)
		}
	}, []string{english.toast.TroubleTitle, english.toast.BackTitle}},
	"trouble that was over and then lasts is told again": {func(y *story) {
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(30*time.Second, y.back)
		y.after(time.Minute, y.reopened)
		y.after(time.Hour, nil)
		y.after(time.Minute, y.back)
	}, []string{english.toast.TroubleTitle, english.toast.BackTitle, english.toast.TroubleTitle, english.toast.BackTitle}},
	"an incident that needs a person when it comes again": {func(y *story) {
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(30*time.Second, y.back)
		y.after(time.Minute, y.reopened)
		y.after(time.Second, y.failed(supervisor.KeepsCrashing))
	}, []string{english.toast.TroubleTitle, english.toast.BackTitle, english.toast.PersonTitle}},
	"another cause that needs a person replaces the first": {func(y *story) {
		y.after(time.Minute, y.failed(supervisor.NodeMissing))
		y.after(time.Minute, y.failed(supervisor.DiskFull))
	}, []string{english.toast.PersonTitle, english.toast.PersonTitle}},
	"quiet incidents are not told": {func(y *story) {
		y.after(time.Minute, y.trouble(1, crashed))
		y.s.Incidents[0].Quiet = true
		y.after(time.Hour, nil)
		y.after(time.Minute, y.back)
	}, []string{}},
	"stopped by the user during trouble: no word of being back": {func(y *story) {
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(20*time.Second, nil)
		y.after(time.Second, func(s *supervisor.Status) {
			s.StoppingFor = "stop"
		})
		y.after(time.Second, func(s *supervisor.Status) {
			s.StoppingFor, s.State = "", supervisor.Stopped
			s.Incidents[0].Ended = y.now
		})
		y.after(time.Hour, nil)
	}, []string{english.toast.TroubleTitle}},
	"at most three an hour, and what lasts is told when the hour allows": {func(y *story) {
		for id := range 4 {
			y.after(time.Minute, y.trouble(id+1, crashed))
			y.after(20*time.Second, nil)
			if id < 3 {
				y.after(time.Second, y.back)
			}
		}
		if len(y.got) != 6 { // each with the notification of its end, which does not count
			y.t.Errorf("within the hour: %q", y.got)
		}
		y.after(time.Hour, nil)
	}, []string{english.toast.TroubleTitle, english.toast.BackTitle, english.toast.TroubleTitle, english.toast.BackTitle,
		english.toast.TroubleTitle, english.toast.BackTitle, english.toast.TroubleTitle}},
	"XT13: how long it was away": {func(y *story) {
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(7*time.Minute, y.back)
		if body := y.toasts[1].Body; body != "It was away for 7 min." {
			y.t.Errorf("%q", body)
		}
	}, []string{english.toast.TroubleTitle, english.toast.BackTitle}},
	"problems only": {func(y *story) {
		y.set.Notify = NotifyProblems
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(20*time.Second, nil)
		y.after(time.Minute, y.back)
	}, []string{english.toast.TroubleTitle}},
	"turned off, what is shown goes": {func(y *story) {
		y.after(time.Minute, y.failed(supervisor.NodeMissing))
		y.set.Notify = NotifyNone
		y.after(time.Second, nil)
		y.after(time.Second, func(s *supervisor.Status) { s.Port++ })
		if y.screen != nil || y.closes != 1 {
			y.t.Errorf("%+v is shown, closed %d times", y.screen, y.closes)
		}
	}, []string{english.toast.PersonTitle}},
	"XT7: a click counts until the gateway is stopped": {func(y *story) {
		y.after(time.Minute, y.clicked(supervisor.UserStart))
		y.after(time.Minute, y.stopped)
		y.after(time.Minute, y.failed(supervisor.NodeMissing))
	}, []string{english.toast.PersonTitle}},
	"XT13: a start that fails a second time was away since then": {func(y *story) {
		y.after(time.Minute, y.failed(supervisor.NodeMissing))
		y.after(time.Minute, y.stopped)
		y.after(time.Hour, y.failed(supervisor.NodeMissing))
		y.after(2*time.Minute, y.restored)
		if body := y.toasts[len(y.toasts)-1].Body; body != "It was away for 2 min." {
			y.t.Errorf("%q", body)
		}
	}, []string{english.toast.PersonTitle, english.toast.PersonTitle, english.toast.BackTitle}},
	"a person is no longer needed, and again with the same cause": {func(y *story) {
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(time.Minute, y.failed(supervisor.GaveUp))
		y.after(time.Second, y.reopened)
		if y.screen != nil {
			y.t.Errorf("the urgent notification stays: %+v", y.screen)
		}
		y.after(10*time.Minute, y.failed(supervisor.GaveUp)) // known for less than an hour
		if y.screen != nil {
			y.t.Errorf("told again: %+v", y.screen)
		}
		y.after(time.Second, y.reopened)
		y.after(2*time.Hour, y.failed(supervisor.GaveUp))
	}, []string{english.toast.TroubleTitle, english.toast.PersonTitle, english.toast.PersonTitle}},
	"trouble that needs a person by the status, not by its first cause": {func(y *story) {
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(time.Second, func(s *supervisor.Status) { s.Cause = supervisor.Cause{Code: supervisor.PairingRequired} })
	}, []string{english.toast.PersonTitle}},
	"a quiet incident that needs a person": {func(y *story) {
		y.after(time.Minute, y.trouble(1, crashed))
		y.s.Incidents[0].Quiet = true
		y.after(time.Minute, y.failed(supervisor.GaveUp))
	}, []string{english.toast.PersonTitle}},
	"XT7: a deaf desktop is asked each hour at last, and a good one at once": {func(y *story) {
		y.deaf = true
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(24*time.Hour, nil)
		if y.tries < 25 || y.tries > 30 { // after 1, 2, 4 to 32 minutes, then each hour
			y.t.Errorf("asked %d times in a day", y.tries)
		}
		y.deaf = false
		y.after(time.Hour, nil)
		y.after(time.Minute, y.back)
		y.deaf = true
		y.after(time.Hour, y.trouble(2, crashed))
		y.after(16*time.Second, nil)
		y.deaf = false
		y.after(time.Minute, nil)
	}, []string{english.toast.TroubleTitle, english.toast.BackTitle, english.toast.TroubleTitle}},
	"XT7: what was told is not told again because more of it was refused": {func(y *story) {
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(time.Minute, nil)
		y.deaf = true
		y.after(time.Second, y.failed(supervisor.GaveUp))
		y.deaf = false
		y.after(time.Second, y.reopened)
		y.after(time.Hour, nil)
	}, []string{english.toast.TroubleTitle}},
	"XT7: what was told before a stop does not end after it": {func(y *story) {
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(time.Minute, nil)
		y.after(time.Second, y.stopped)
		y.after(time.Minute, y.restored)
	}, []string{english.toast.TroubleTitle}},
	"XT7: a slow desktop shows trouble that is over, and its end": {func(y *story) {
		y.slow = true
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(time.Minute, nil)
		y.after(time.Second, y.back)
		y.rules.Delivered(y.now, y.toasts[0])
		y.slow = false
		y.after(time.Second, nil)
	}, []string{english.toast.TroubleTitle, english.toast.BackTitle}},
	"XT7: what a slow desktop says of an incident counts for that one": {func(y *story) {
		y.slow = true
		y.after(time.Minute, y.trouble(1, crashed))
		y.after(time.Minute, nil)
		y.after(time.Second, y.back)
		y.after(time.Second, y.trouble(2, crashed))
		y.rules.Delivered(y.now, y.toasts[0])
		y.after(time.Second, y.back) // the second one was short
		y.after(time.Second, y.trouble(3, supervisor.Cause{Code: supervisor.PairingRequired}))
		y.rules.Refused(y.now, y.toasts[0])
		y.after(time.Hour, nil)
	}, []string{english.toast.TroubleTitle, english.toast.PersonTitle}},
	"none": {func(y *story) {
		y.set.Notify = NotifyNone
		y.after(time.Minute, y.failed(supervisor.NodeMissing))
		y.after(time.Hour, nil)
	}, nil},
}

func TestL3_Rules(t *testing.T) {
	for name, tt := range stories {
		t.Run(name, func(t *testing.T) {
			y := newStory(t)
			y.ask()
			tt.play(y)
			if len(y.got) != len(tt.want) {
				t.Fatalf("got %q, want %q", y.got, tt.want)
			}
			for i := range tt.want {
				if y.got[i] != tt.want[i] {
					t.Errorf("got %q, want %q", y.got, tt.want)
				}
			}
		})
	}
}

func TestL3_DeliveredExactlyAfter15s(t *testing.T) {
	y := newStory(t)
	y.after(0, y.trouble(1, crashed))
	if want := noon.Add(15 * time.Second); !y.next.Equal(want) {
		t.Errorf("wants to be asked at %v, want %v", y.next, want)
	}
}

// XD7: desktops draw three buttons beside each other.
func TestXD7_AtMostThreeButtons(t *testing.T) {
	most := 0
	for code := range chinese.cause {
		s := supervisor.Status{State: supervisor.Failed, Since: noon, Cause: supervisor.Cause{Code: code, FreePort: 18790, LastGood: before(time.Hour)}}
		most = max(most, len(troubleToast(s, Settings{}, noon, wrongNow(s)).Buttons))
	}
	if most != 3 {
		t.Errorf("%d buttons", most)
	}
}
