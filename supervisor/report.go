package supervisor

import (
	"context"
	"log/slog"
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

// Diagnostics is what was observed last (BEHAVIOUR A3). It outlives connections;
// times are zero for what never happened.
type Diagnostics struct {
	Command string `json:"command,omitempty"` // how the gateway was started; redacted

	LastAlive     time.Time `json:"lastAlive,omitzero"`      // bytes of any kind came
	LastAliveKind string    `json:"lastAliveKind,omitempty"` // what they were, as in rpc.Stats

	LastRPCSuccess         time.Time `json:"lastRpcSuccess,omitzero"` // a call was answered, with an error or not
	LastRPCFailure         time.Time `json:"lastRpcFailure,omitzero"` // a call failed in transport
	LastRPCFailureMethod   string    `json:"lastRpcFailureMethod,omitempty"`
	ConsecutiveRPCFailures int       `json:"consecutiveRpcFailures"`

	LastHeartbeatTimeout time.Time `json:"lastHeartbeatTimeout,omitzero"`
	ConsecutiveMisses    int       `json:"consecutiveMisses"`

	LastClose  *Close     `json:"lastClose,omitempty"`
	Connection Connection `json:"connection"` // the newest one

	Transitions []Transition `json:"transitions"` // oldest first, at most maxTransitions
	Startup     []string     `json:"startup,omitempty"`
	Output      []string     `json:"output,omitempty"`
}

// Close is how a connection ended.
type Close struct {
	At   time.Time `json:"at"`
	Code int       `json:"code"` // WebSocket close code; 1006 when it just broke, 0 when we closed it
	Text string    `json:"text"` // redacted
}

// Connection is what one connection has counted.
type Connection struct {
	InFlight      int      `json:"inFlight"` // calls that wait for an answer
	Waiting       int      `json:"waiting"`  // calls that wait for their turn
	LateAnswers   uint64   `json:"lateAnswers"`
	DroppedEvents uint64   `json:"droppedEvents"` // lost by slow subscribers
	UnknownFrames uint64   `json:"unknownFrames"`
	LastUnknown   []string `json:"lastUnknown,omitempty"` // redacted and cut
	DeviceToken   string   `json:"deviceToken,omitempty"` // why it could not be loaded or kept
}

// observe takes over what a connection has seen. failed is the number of calls
// that had failed in a row before it.
func (d *Diagnostics) observe(s rpc.Stats, failed int) {
	if !s.LastFrame.IsZero() {
		d.LastAlive, d.LastAliveKind = s.LastFrame, s.LastFrameKind
	}
	if !s.LastSuccess.IsZero() {
		d.LastRPCSuccess, failed = s.LastSuccess, 0
	}
	if !s.LastFailure.IsZero() {
		d.LastRPCFailure, d.LastRPCFailureMethod = s.LastFailure, s.LastFailureMethod
	}
	d.ConsecutiveRPCFailures = failed + s.ConsecutiveFailures
	d.ConsecutiveMisses = s.Misses
	d.Connection = Connection{InFlight: s.InFlight, Waiting: s.Waiting, LateAnswers: s.LateAnswers,
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
	After time.Duration `json:"afterNs"` // spent in the state or phase before
}

// maxTransitions is how many transitions are kept.
const maxTransitions = 100

// Metrics are counted locally and never sent anywhere (BEHAVIOUR A6).
type Metrics struct {
	Launches           int             `json:"launches"`
	Reconnects         int             `json:"reconnectAttempts"`
	ReconnectSuccesses int             `json:"reconnectSuccesses"`
	ReconnectRate      float64         `json:"reconnectRate"`               // successes per attempt; 0 before any
	Delays             []time.Duration `json:"reconnectDelaysNs,omitempty"` // newest last, at most maxDelays
	Restarts           int             `json:"automaticRestarts"`
	Suppressed         int             `json:"suppressedRestarts"`
	Reopens            time.Time       `json:"governorReopens,omitzero"` // after Suppressed rose: when another would be allowed
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
	failed      int          // calls in a row, before session
}

// connected makes s the connection that is observed.
func (r *recorder) connected(s *rpc.Session) {
	r.disconnected()
	r.session = s
}

// disconnected keeps what the connection saw.
func (r *recorder) disconnected() {
	if r.session == nil {
		return
	}
	r.diagnostics.observe(r.session.Stats(), r.failed)
	r.failed, r.session = r.diagnostics.ConsecutiveRPCFailures, nil
}

// stopped forgets what would count against the next start (BEHAVIOUR C5).
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

// decided counts what follows the end of a generation that had been ready before,
// or is one of several starts in a row.
func (r *recorder) decided(d Decision, h History, o Outcome) {
	switch {
	case d.Verdict == StartAgain && h.EverReady:
		r.metrics.Restarts++
		if !o.WasReady() { // the attempt failed: this is another
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
