package supervisor

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"clawtray/rpc"
)

// Report is the status with the diagnostics and metrics that help to understand it. It
// contains no secrets.
type Report struct {
	Status
	UptimeMs    int64       `json:"uptimeMs"`
	Diagnostics Diagnostics `json:"diagnostics"`
	Metrics     Metrics     `json:"metrics"`
}

// Diagnostics are the newest observations (BEHAVIOUR A3). They survive the end of
// connections. Times are zero for what never happened.
type Diagnostics struct {
	Command string `json:"command,omitempty"` // how the gateway was started; redacted

	LastAlive     time.Time `json:"lastAlive,omitzero"`      // when we last received bytes
	LastAliveKind string    `json:"lastAliveKind,omitempty"` // the kind of those bytes, as in rpc.Stats

	LastRPCSuccess         time.Time `json:"lastRpcSuccess,omitzero"` // when a call was last answered, with or without an error
	LastRPCFailure         time.Time `json:"lastRpcFailure,omitzero"` // when a call last failed without an answer
	LastRPCFailureMethod   string    `json:"lastRpcFailureMethod,omitempty"`
	ConsecutiveRPCFailures int       `json:"consecutiveRpcFailures"`

	LastHeartbeatTimeout time.Time `json:"lastHeartbeatTimeout,omitzero"`
	ConsecutiveMisses    int       `json:"consecutiveMisses"`

	LastClose  *Close     `json:"lastClose,omitempty"`
	Connection Connection `json:"connection"` // of the newest connection

	Transitions []Transition `json:"transitions"` // oldest first, at most maxTransitions
	Startup     []string     `json:"startup,omitempty"`
	Output      []string     `json:"output,omitempty"`
}

// Close is how a connection ended.
type Close struct {
	At   time.Time `json:"at"`
	Code int       `json:"code"` // WebSocket close code; 1006 when the connection broke, 0 when we closed it
	Text string    `json:"text"` // redacted
}

// Connection has the counters of one connection.
type Connection struct {
	InFlight      int      `json:"inFlight"` // calls that wait for an answer
	Waiting       int      `json:"waiting"`  // calls that wait for their turn
	LateAnswers   uint64   `json:"lateAnswers"`
	DroppedEvents uint64   `json:"droppedEvents"` // events that slow subscribers lost
	UnknownFrames uint64   `json:"unknownFrames"`
	LastUnknown   []string `json:"lastUnknown,omitempty"` // redacted and shortened
	DeviceToken   string   `json:"deviceToken,omitempty"` // why the device token could not be loaded or saved; empty when it could
}

// observe copies the statistics of a connection. failed is the number of calls in a row
// that had failed before this connection.
func (d *Diagnostics) observe(s rpc.Stats, failed int) {
	if !s.LastFrame.IsZero() {
		d.LastAlive, d.LastAliveKind = s.LastFrame, s.LastFrameKind
	}
	if !s.Calls.LastSuccess.IsZero() {
		d.LastRPCSuccess, failed = s.Calls.LastSuccess, 0
	}
	if !s.Calls.LastFailure.IsZero() {
		d.LastRPCFailure, d.LastRPCFailureMethod = s.Calls.LastFailure, s.Calls.LastFailureMethod
	}
	d.ConsecutiveRPCFailures = failed + s.Calls.ConsecutiveFailures
	d.ConsecutiveMisses = s.Misses
	d.Connection = Connection{InFlight: s.Calls.InFlight, Waiting: s.Calls.Waiting, LateAnswers: s.Calls.LateAnswers,
		DroppedEvents: s.DroppedEvents, UnknownFrames: s.UnknownFrames, LastUnknown: s.LastUnknown}
	if s.DeviceTokenErr != nil {
		d.Connection.DeviceToken = s.DeviceTokenErr.Error()
	}
}

// Transition is one change of the state or the phase.
type Transition struct {
	At    time.Time     `json:"at"`
	From  State         `json:"from"`
	To    State         `json:"to"`
	Phase Phase         `json:"phase,omitempty"`
	Cause Cause         `json:"cause,omitzero"`
	After time.Duration `json:"afterNs"` // time spent in the state or phase before
}

// maxTransitions is how many transitions are kept.
const maxTransitions = 100

// Metrics are counted on this machine and never sent anywhere (BEHAVIOUR A6).
type Metrics struct {
	Launches           int             `json:"launches"`
	Reconnects         int             `json:"reconnectAttempts"`
	ReconnectSuccesses int             `json:"reconnectSuccesses"`
	ReconnectRate      float64         `json:"reconnectRate"`               // successes per attempt; 0 before the first attempt
	Delays             []time.Duration `json:"reconnectDelaysNs,omitempty"` // newest last, at most maxDelays
	Restarts           int             `json:"automaticRestarts"`
	Suppressed         int             `json:"suppressedRestarts"`
	Reopens            time.Time       `json:"governorReopens,omitzero"` // when the governor allows the next restart; set when it suppressed one
	Startup            Timing          `json:"startup"`                  // of the newest start
}

// LogValue makes Metrics a structured record.
func (m Metrics) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int("launches", m.Launches),
		slog.Int("reconnectAttempts", m.Reconnects), slog.Int("reconnectSuccesses", m.ReconnectSuccesses),
		slog.Float64("reconnectRate", m.ReconnectRate), slog.Any("reconnectDelays", m.Delays),
		slog.Int("automaticRestarts", m.Restarts), slog.Int("suppressedRestarts", m.Suppressed),
		slog.Time("governorReopens", m.Reopens), slog.Any("startup", m.Startup))
}

// recorder keeps diagnostics and metrics for the owner.
type recorder struct {
	diagnostics Diagnostics
	metrics     Metrics
	out         *Output
	session     *rpc.Session // nil while stopped
	failed      int          // failed calls in a row before session began
}

// connected makes s the observed connection.
func (r *recorder) connected(s *rpc.Session) {
	r.disconnected()
	r.session = s
}

// disconnected copies the statistics of the connection before it is forgotten.
func (r *recorder) disconnected() {
	if r.session == nil {
		return
	}
	r.diagnostics.observe(r.session.Stats(), r.failed)
	r.failed, r.session = r.diagnostics.ConsecutiveRPCFailures, nil
}

// stopped resets the counters that would otherwise continue in the next start (BEHAVIOUR
// C5).
func (r *recorder) stopped() {
	r.disconnected()
	r.failed, r.diagnostics.ConsecutiveRPCFailures, r.diagnostics.ConsecutiveMisses = 0, 0, 0
}

func (r *recorder) transition(from, to Status) {
	list := append(r.diagnostics.Transitions, Transition{At: to.PhaseSince, From: from.State, To: to.State, Phase: to.Phase,
		Cause: to.Cause, After: to.PhaseSince.Sub(from.PhaseSince)})
	r.diagnostics.Transitions = list[max(0, len(list)-maxTransitions):]
	switch {
	case from.State == Running && to.State == Reconnecting:
		r.metrics.Reconnects++
	case from.State == Reconnecting && to.State == Running:
		r.metrics.ReconnectSuccesses++
	}
}

func (r *recorder) ready(t Timing) {
	r.metrics.Reopens = time.Time{}
	if t.Total > 0 {
		r.metrics.Startup = t
	}
}

// maxDelays is how many reconnect delays are kept.
const maxDelays = 20

// decided counts a decision about a gateway that had been ready before, and a decision to
// give up.
func (r *recorder) decided(d Decision, h History, o Outcome) {
	switch {
	case d.Verdict == StartAgain && h.EverReady:
		if !o.Lost {
			r.metrics.Restarts++
		}
		if !o.WasReady() { // the attempt before failed, and this is a new one
			r.metrics.Reconnects++
		}
		list := append(r.metrics.Delays, d.Delay)
		r.metrics.Delays = list[max(0, len(list)-maxDelays):]
	case d.Verdict == GiveUp && (d.Reason.Code == KeepsCrashing || d.Reason.Code == GaveUp):
		r.suppressed(d.Reopens)
	}
}

// suppressed counts a restart that the policies refused.
func (r *recorder) suppressed(reopens time.Time) {
	r.metrics.Suppressed++
	r.metrics.Reopens = reopens
}

// Report returns the status with its diagnostics. When ctx or Run ends first, the report
// has the status only; the error is that of ctx.
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
		d.observe(o.report.session.Stats(), o.report.failed)
	}
	if o.report.out != nil {
		d.Startup, d.Output = o.report.out.Startup(), o.report.out.Recent()
	}
	st := o.board.status()
	return Report{Status: st, UptimeMs: st.Uptime(time.Now()).Milliseconds(), Diagnostics: d, Metrics: o.metrics()}
}

func (o *owner) metrics() Metrics {
	m := o.report.metrics
	m.Delays = slices.Clone(m.Delays)
	m.Launches = o.status.Launches
	if m.Reconnects > 0 {
		m.ReconnectRate = float64(m.ReconnectSuccesses) / float64(m.Reconnects)
	}
	return m
}
