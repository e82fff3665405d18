package supervisor

import (
	"fmt"
	"time"
)

// Verdict is what happens after a generation ended.
type Verdict uint8

// The verdicts.
const (
	StayStopped Verdict = iota // somebody wants it stopped
	StartAgain                 // after Decision.Delay
	RepairFirst                // run doctor once, then start again
	GiveUp                     // a person has to act
)

func (v Verdict) String() string {
	return [...]string{"stay stopped", "start again", "repair first", "give up"}[v]
}

// Decision is a verdict with its delay and its reason; they always travel together.
type Decision struct {
	Verdict Verdict
	Delay   time.Duration
	Reason  Cause
	Reopens time.Time // GiveUp by the governor: when its budget would allow another start
}

// History is what Decide remembers between generations. A person's start or
// restart begins a new one.
type History struct {
	Starts         int  // of the gateway, since a person's last start
	Tries          int  // failed starts since the last ready
	EverReady      bool // since a person's last start
	Attempts       int  // reconnect attempts (BEHAVIOUR H1), forgotten after Policy.Forgive of being ready
	Restarts       Restarts
	LastRestart    time.Time
	Repaired       bool // doctor ran already
	StoppedOutside time.Time
}

// Ready notes that the gateway became ready. Attempts stay: a crash loop must
// not hide in successes (BEHAVIOUR H2).
func (h History) Ready() History {
	h.EverReady = true
	h.Tries = 0
	h.Repaired = false
	return h
}

// Forgiven is the history of a gateway that has been ready for Policy.Forgive.
func (h History) Forgiven() History {
	return History{EverReady: true, StoppedOutside: h.StoppedOutside}
}

// cleared is the history after a person's restart: nothing counts any more, but a
// gateway that has run is recovered if the restart fails (BEHAVIOUR D4).
func (h History) cleared() History { return History{EverReady: h.EverReady} }

// Decide says what follows an outcome that nobody asked for. It is pure: now
// and random (in [0,1), for the jitter) come from the caller, the changed
// history goes back.
func Decide(p Policy, h History, o Outcome, now time.Time, random float64) (Decision, History) {
	c := o.Cause
	h.EverReady = h.EverReady || o.WasReady() // a start that changed nothing has forgotten it
	switch {
	case c.Code == ConfigInvalid && !h.Repaired:
		h.Repaired = true
		return Decision{Verdict: RepairFirst, Reason: c}, h

	case c.NeedsPerson():
		return Decision{Verdict: GiveUp, Reason: c}, h

	case c.Code == StoppedOutside:
		if !h.StoppedOutside.IsZero() && now.Sub(h.StoppedOutside) < p.StoppedAgain {
			h.StoppedOutside = time.Time{}
			return Decision{Verdict: StayStopped, Reason: c}, h
		}
		h.StoppedOutside = now
		return recovery(p, h, o, now, random)

	case !o.WasReady() && !h.EverReady:
		h.Tries++
		if h.Tries >= p.StartTries {
			return Decision{Verdict: GiveUp, Reason: c}, h
		}
		return Decision{Verdict: StartAgain, Delay: p.StartRetry, Reason: c}, h
	}
	return recovery(p, h, o, now, random)
}

// recovery decides about an automatic restart: backoff, floor and governor each
// may only make it later.
func recovery(p Policy, h History, o Outcome, now time.Time, random float64) (Decision, History) {
	if h.Attempts >= p.Backoff.Attempts {
		return Decision{Verdict: GiveUp, Reason: Cause{Code: GaveUp, Detail: o.Cause.Sentence(), LastLine: o.Cause.LastLine}}, h
	}
	wait, reopens, ok := p.Governor.Allow(h.Restarts, now)
	if !ok {
		return Decision{Verdict: GiveUp, Reopens: reopens, Reason: Cause{
			Code: KeepsCrashing, Detail: timesIn(len(h.Restarts)+1, p.Governor.Window) + ": " + o.Cause.Sentence(), LastLine: o.Cause.LastLine}}, h
	}
	h.Attempts++
	delay := wait
	if o.ReadyFor < p.ReadyForLong {
		delay = max(delay, p.Backoff.Delay(h.Attempts, random), h.LastRestart.Add(p.RestartFloor).Sub(now))
	}
	h.LastRestart = now.Add(delay)
	h.Restarts = h.Restarts.Add(h.LastRestart, p.Governor.Window)
	return Decision{Verdict: StartAgain, Delay: delay, Reason: o.Cause}, h
}

// timesIn is "6 times in 10 min", for a sentence.
func timesIn(n int, window time.Duration) string {
	return fmt.Sprintf("%d times in %d min", n, int(window.Minutes()))
}
