package supervisor

import (
	"fmt"
	"time"
)

// Verdict says what to do after a generation has ended.
type Verdict uint8

// The verdicts.
const (
	StayStopped Verdict = iota // somebody wants the gateway stopped
	StartAgain                 // start after Decision.Delay
	RepairFirst                // run doctor once, then start again
	GiveUp                     // a person has to act
)

func (v Verdict) String() string {
	return [...]string{"stay stopped", "start again", "repair first", "give up"}[v]
}

// Decision is a verdict together with its delay and its reason.
type Decision struct {
	Verdict Verdict
	Delay   time.Duration
	Reason  Cause
	Reopens time.Time // when the governor gave up: when its budget allows the next start
}

// History is what Decide remembers between generations. A start or restart by a person
// begins a new history.
type History struct {
	Starts         int  // starts of the gateway since a person's last start
	Tries          int  // failed starts since the gateway was last ready
	EverReady      bool // the gateway was ready since a person's last start
	Attempts       int  // reconnect attempts (BEHAVIOUR H1), forgotten after Policy.Forgive of being ready
	Restarts       Restarts
	Losses         Restarts // connections that ended while the process lived
	LastRestart    time.Time
	Repaired       bool      // doctor has already run
	Waits          int       // starts that had to wait for another process which uses the state
	Lease          time.Time // the end of that process's lease, as last seen; zero when it named none
	StoppedOutside time.Time
}

const (
	// waitForState is the time between two starts while another process migrates the state
	// or uses it. maxWaits of these times are ten minutes.
	waitForState = 15 * time.Second
	maxWaits     = 40
)

// Ready returns the history of a gateway that has become ready. Attempts stay: if each
// success reset them, a gateway that crashes again and again would be restarted for ever
// (BEHAVIOUR H2).
func (h History) Ready() History {
	h.EverReady = true
	h.Tries = 0
	h.Repaired, h.Waits, h.Lease = false, 0, time.Time{}
	return h
}

// Forgiven returns the history of a gateway that has been ready for Policy.Forgive. The
// restarts and losses that the governor counts stay, because they expire with the
// governor's window.
func (h History) Forgiven() History {
	return History{EverReady: true, StoppedOutside: h.StoppedOutside, Restarts: h.Restarts, Losses: h.Losses, LastRestart: h.LastRestart}
}

// cleared returns the history after a restart by a person: no earlier failure counts any
// more. EverReady stays, so that a gateway that has run is recovered when the restart fails
// (BEHAVIOUR D4).
func (h History) cleared() History { return History{EverReady: h.EverReady} }

// Decide says what to do after an outcome that nobody asked for, and returns the changed
// history. It is pure: the caller provides the time now and random, a number in [0,1) for
// the jitter.
func Decide(p Policy, h History, o Outcome, now time.Time, random float64) (Decision, History) {
	c := o.Cause
	h.EverReady = h.EverReady || o.WasReady() // a person's start while the gateway runs clears EverReady
	switch {
	case o.Lost:
		return reconnection(p, h, o, now, random)

	case c.Code == ConfigInvalid && !h.Repaired:
		h.Repaired = true
		return Decision{Verdict: RepairFirst, Reason: c}, h

	case (c.Code == Migrating || c.Code == StateBusy) && (h.Waits < maxWaits || c.Until.After(h.Lease)):
		if c.Until.After(h.Lease) { // the other process makes progress, so wait as long as it takes (BEHAVIOUR Q6)
			h.Waits, h.Lease = 0, c.Until
		}
		h.Waits++ // not a failure of this gateway, because another process works on the state
		return Decision{Verdict: StartAgain, Delay: waitForState, Reason: c}, h

	case c.NeedsPerson(), c.Code == AttachedGone, c.Code == RemoteUnreachable: // the owner of a lost gateway brings it back, or a person acts
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

// reconnection decides about a new connection to the same process. Nothing is restarted, so
// the governor does not apply. The limits are the backoff, the attempts and a separate
// budget: within the governor's window, as many losses as attempts are allowed in a row.
func reconnection(p Policy, h History, o Outcome, now time.Time, random float64) (Decision, History) {
	gaveUp := Cause{Code: GaveUp, Detail: o.Cause.Sentence(), LastLine: o.Cause.LastLine}
	if h.Attempts >= p.Backoff.Attempts {
		return Decision{Verdict: GiveUp, Reason: gaveUp}, h
	}
	budget := Governor{Budget: p.Backoff.Attempts, Window: p.Governor.Window}
	if _, reopens, ok := budget.Allow(h.Losses, now); !ok {
		return Decision{Verdict: GiveUp, Reopens: reopens, Reason: gaveUp}, h
	}
	h.Losses = h.Losses.Add(now, p.Governor.Window)
	if o.Cause.Code == InPlaceRestart { // an announced restart is not a failure; only the budget limits it
		return Decision{Verdict: StartAgain, Reason: o.Cause}, h
	}
	h.Attempts++
	if o.ReadyFor >= p.ReadyForLong {
		return Decision{Verdict: StartAgain, Reason: o.Cause}, h
	}
	return Decision{Verdict: StartAgain, Delay: p.Backoff.Delay(h.Attempts, random), Reason: o.Cause}, h
}

// recovery decides about an automatic restart. Backoff, restart floor and governor can each
// only delay it further. When the loss of the connection just before was part of the same
// trouble, it has already been counted as an attempt and is not counted twice.
func recovery(p Policy, h History, o Outcome, now time.Time, random float64) (Decision, History) {
	if o.Counted {
		h.Attempts = max(h.Attempts-1, 0)
	}
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

// timesIn returns for example "6 times in 10 min", for a sentence.
func timesIn(n int, window time.Duration) string {
	return fmt.Sprintf("%d times in %d min", n, int(window.Minutes()))
}
