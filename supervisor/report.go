package supervisor

import (
	"context"
	"slices"
	"time"

	"clawtray/rpc"
)

// Report is the status with everything that helps to understand it. It holds
// no secrets.
type Report struct {
	Status
	UptimeMs    int64       `json:"uptimeMs"`
	Diagnostics Diagnostics `json:"diagnostics"`
	Metrics     Metrics     `json:"metrics"`
}

// Diagnostics is what was observed last (BEHAVIOUR A3).
type Diagnostics struct {
	Command     string       `json:"command,omitempty"` // redacted
	Connection  rpc.Stats    `json:"connection"`
	LastClose   string       `json:"lastClose,omitempty"`
	Transitions []Transition `json:"transitions"` // oldest first, at most maxTransitions
	Startup     []string     `json:"startup,omitempty"`
	Output      []string     `json:"output,omitempty"`
}

// Transition is one change of the state or the phase.
type Transition struct {
	At    time.Time     `json:"at"`
	From  State         `json:"from"`
	To    State         `json:"to"`
	Phase Phase         `json:"phase,omitempty"`
	Cause Cause         `json:"cause,omitzero"`
	After time.Duration `json:"afterNs"` // spent in the state or phase before
}

// maxTransitions is how many transitions are kept.
const maxTransitions = 100

// Metrics are counted locally and never sent anywhere (BEHAVIOUR A6).
type Metrics struct {
	Launches           int             `json:"launches"`
	Reconnects         int             `json:"reconnectAttempts"`
	ReconnectSuccesses int             `json:"reconnectSuccesses"`
	Delays             []time.Duration `json:"reconnectDelaysNs,omitempty"` // newest last
	Restarts           int             `json:"automaticRestarts"`
	Suppressed         int             `json:"suppressedRestarts"`
	Reopens            time.Time       `json:"governorReopens,omitzero"`
	Startup            Timing          `json:"startup"`
}

// recorder keeps diagnostics and metrics for the owner.
type recorder struct {
	diagnostics Diagnostics
	metrics     Metrics
	out         *Output
	session     *rpc.Session
}

func (r *recorder) transition(from, to Status) {
	if from.State == to.State && from.Phase == to.Phase {
		return
	}
	since := from.Since
	if from.PhaseSince.After(since) {
		since = from.PhaseSince
	}
	now := time.Now()
	list := append(r.diagnostics.Transitions, Transition{At: now, From: from.State, To: to.State, Phase: to.Phase, Cause: to.Cause, After: now.Sub(since)})
	r.diagnostics.Transitions = list[max(0, len(list)-maxTransitions):]
	if from.State == Reconnecting && to.State == Running {
		r.metrics.ReconnectSuccesses++
	}
}

func (r *recorder) ready(t Timing) {
	if t.Total > 0 {
		r.metrics.Startup = t
	}
}

// maxDelays is how many reconnect delays are kept.
const maxDelays = 20

func (r *recorder) decided(d Decision) {
	switch d.Verdict {
	case StartAgain:
		r.metrics.Reconnects++
		r.metrics.Restarts++
		list := append(r.metrics.Delays, d.Delay)
		r.metrics.Delays = list[max(0, len(list)-maxDelays):]
	case GiveUp:
		if d.Reason.Code == KeepsCrashing || d.Reason.Code == GaveUp {
			r.metrics.Suppressed++
			r.metrics.Reopens = d.Reopens
		}
	}
}

// Report returns the status with its diagnostics.
func (s *Supervisor) Report(ctx context.Context) (Report, error) {
	got := make(chan Report, 1)
	select {
	case s.inbox <- func(o *owner) { got <- o.full() }:
		return <-got, nil
	case <-s.ended:
		return Report{Status: s.Status()}, nil
	case <-ctx.Done():
		return Report{Status: s.Status()}, ctx.Err()
	}
}

func (o *owner) full() Report {
	d := o.report.diagnostics
	d.Transitions = slices.Clone(d.Transitions)
	if o.report.session != nil {
		d.Connection = o.report.session.Stats()
	}
	if o.report.out != nil {
		d.Startup, d.Output = o.report.out.Startup(), o.report.out.Recent()
	}
	m := o.report.metrics
	m.Delays = slices.Clone(m.Delays)
	m.Launches = o.status.Launches
	return Report{Status: o.board.status(), UptimeMs: o.board.status().Uptime(time.Now()).Milliseconds(), Diagnostics: d, Metrics: m}
}
