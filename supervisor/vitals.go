package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"clawtray/rpc"
)

const (
	// rpcTrouble is how many calls in a row go unanswered before it is said.
	rpcTrouble = 3
	// loadPatience is how long a gateway may be under load before it is said. Every
	// start of a gateway is such a time (measured).
	loadPatience = 30 * time.Second
	// breakerWindow is how long a gateway that keeps its channels off waits after
	// its start before it tries them again (measured, OpenClaw 2026.9.6; its clock
	// for that ticks from a few seconds after the start).
	breakerWindow = 5*time.Minute + 10*time.Second
)

// awaitReadiness follows /readyz until the gateway says that it is ready. Old
// gateways answer with a web page: they are believed after Policy.AssumeReady
// (BEHAVIOUR B9).
func (g *generation) awaitReadiness(ctx context.Context, ready chan<- bool) {
	began := time.Now()
	for wait := fastPoll; ; wait = min(2*wait, time.Second) {
		r, err := g.readyz(ctx)
		if err == nil && (r.Ready || !r.Known && time.Since(began) >= g.p.AssumeReady) {
			ready <- true
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// lookAtBreaker shows whether the gateway keeps its channels off after unclean
// ends of its own counting (BEHAVIOUR B10).
func (g *generation) lookAtBreaker(ctx context.Context, suppressed *atomic.Bool) {
	r, err := g.readyz(ctx)
	if err != nil {
		return
	}
	suppressed.Store(len(r.Suppressed) > 0)
	g.tell(func(st *Status) {
		st.Health = st.Health.without(ReasonSafeMode)
		if len(r.Suppressed) > 0 {
			st.Health = st.Health.with(reason(ReasonSafeMode, safeMode(r, time.Now())))
		}
	})
}

// safeMode says which channels are off and when that ends: at the latest when
// the breaker has forgotten the unclean ends before this start.
func safeMode(r rpc.Readiness, now time.Time) string {
	text := strings.Join(r.Suppressed, ", ")
	if left := breakerWindow - r.Uptime; left > 0 { // in full minutes, so that it stays the same
		text += now.Add(left + time.Minute).Truncate(time.Minute).Format(", until about 15:04")
	}
	return text
}

// untimed is a context whose end is known, but brought by somebody else, so that
// neither it nor rpc needs a timer. Go's monitor thread would wake for one long after
// the answer.
type untimed struct {
	context.Context
	end time.Time
}

func (c untimed) Deadline() (time.Time, bool) { return c.end, true }

// checkRPC makes a call that every gateway answers, so that one whose frames
// still come, but whose methods do not answer, is noticed. The call has failed
// when over is called before there is an answer, which is to be at the next beat.
func (g *generation) checkRPC(ctx context.Context, s *rpc.Session) (over func()) {
	limited, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	g.helpers.Go(func() {
		defer close(ended)
		defer cancel(nil)
		if s.Stats().ConsecutiveFailures > 0 { // no longer quiet: it need not take a whole beat
			defer time.AfterFunc(g.p.VerifyTimeout, func() { cancel(context.DeadlineExceeded) }).Stop()
		}
		_ = s.Call(untimed{limited, time.Now().Add(g.p.Tend)}, "health", nil, nil) // how it ends is in the statistics
		if ctx.Err() != nil {
			return
		}
		failed := s.Stats().ConsecutiveFailures
		g.tell(func(st *Status) {
			st.Health = st.Health.without(ReasonRPCTimeouts)
			if failed >= rpcTrouble {
				st.Health = st.Health.with(reason(ReasonRPCTimeouts, fmt.Sprintf("%d in a row", failed)))
			}
		})
	})
	return func() {
		cancel(context.DeadlineExceeded)
		<-ended
	}
}

// healthReport is the part of the gateway's health event that we look at
// (measured, OpenClaw 2026.9.6; older ones leave parts of it out).
type healthReport struct {
	Channels map[string]struct {
		LastError string `json:"lastError"`
	} `json:"channels"`
	EventLoop *struct {
		Degraded bool     `json:"degraded"`
		ForMs    *float64 `json:"degradedSinceMs"`
		Reasons  []string `json:"reasons"` // "event_loop_delay", "event_loop_utilization", "cpu"
	} `json:"eventLoop"`
}

// showHealth takes over what the gateway says about itself. Channels in trouble
// degrade it, they never restart it (BEHAVIOUR A4, PAINS P45).
func (g *generation) showHealth(payload json.RawMessage) {
	var h healthReport
	if json.Unmarshal(payload, &h) != nil {
		return
	}
	reasons := h.reasons(g.cfg.Redact.String)
	g.tell(func(st *Status) {
		for _, r := range reasons {
			st.Health = st.Health.with(r)
		}
	})
}

// reasons are those the report gives or, as a bare code, takes away. About what
// it leaves out it says nothing.
func (h healthReport) reasons(redact func(string) string) []Reason {
	var list []Reason
	if h.Channels != nil {
		var broken []string
		for _, name := range slices.Sorted(maps.Keys(h.Channels)) {
			if e := h.Channels[name].LastError; e != "" {
				broken = append(broken, name+": "+short(redact(e)))
			}
		}
		list = append(list, unless(len(broken) == 0, reason(ReasonChannels, broken)))
	}
	if l := h.EventLoop; l != nil {
		passing := l.ForMs != nil && *l.ForMs < float64(loadPatience.Milliseconds())
		why := strings.ReplaceAll(strings.Join(l.Reasons, ", "), "_", " ")
		list = append(list, unless(!l.Degraded || passing, reason(ReasonEventLoop, why)))
	}
	return list
}

// unless is r, or what takes r away.
func unless(gone bool, r Reason) Reason {
	if gone {
		return Reason{Code: r.Code}
	}
	return r
}
