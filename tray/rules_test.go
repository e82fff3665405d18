package tray

import (
	"testing"
	"time"

	"clawtray/supervisor"
)

// story drives rules through virtual time, asking again whenever they want.
type story struct {
	t     *testing.T
	rules Rules
	set   Settings
	now   time.Time
	s     supervisor.Status
	next  time.Time
	got   []string
}

func newStory(t *testing.T) *story {
	return &story{t: t, now: noon, s: supervisor.Status{State: supervisor.Running, Since: noon}}
}

func (y *story) ask() {
	toasts, next := y.rules.Next(y.now, y.s, y.set)
	y.next = next
	for _, toast := range toasts {
		y.got = append(y.got, toast.Title)
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

var crashed = supervisor.Cause{Code: supervisor.Killed, Detail: "SIGKILL"}

func TestL3_Rules(t *testing.T) {
	trouble, person, back := english.TroubleTitle, english.PersonTitle, english.BackTitle
	for name, tt := range map[string]struct {
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
		}, []string{trouble, back}},
		"what needs a person is told at once": {func(y *story) {
			y.after(time.Minute, y.trouble(1, supervisor.Cause{Code: supervisor.PairingRequired}))
		}, []string{person}},
		"a failure without an incident is told": {func(y *story) {
			y.after(time.Minute, y.failed(supervisor.NodeMissing))
			y.after(time.Hour, nil)
		}, []string{person}},
		"one incident is one notification even when it gets worse": {func(y *story) {
			y.after(time.Minute, y.trouble(1, crashed))
			y.after(20*time.Second, nil)
			y.after(5*time.Minute, y.failed(supervisor.GaveUp))
		}, []string{trouble}},
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
		}, []string{trouble}},
		"at most three an hour, and what lasts is told when the hour allows": {func(y *story) {
			for id := range 4 {
				y.after(time.Minute, y.trouble(id+1, crashed))
				y.after(20*time.Second, nil)
				if id < 3 {
					y.after(time.Second, y.back)
				}
			}
			if len(y.got) != 3 {
				y.t.Errorf("within the hour: %q", y.got)
			}
			y.after(time.Hour, nil)
		}, []string{trouble, back, trouble, trouble}},
		"problems only": {func(y *story) {
			y.set.Notify = NotifyProblems
			y.after(time.Minute, y.trouble(1, crashed))
			y.after(20*time.Second, nil)
			y.after(time.Minute, y.back)
		}, []string{trouble}},
		"none": {func(y *story) {
			y.set.Notify = NotifyNone
			y.after(time.Minute, y.failed(supervisor.NodeMissing))
			y.after(time.Hour, nil)
		}, nil},
	} {
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
