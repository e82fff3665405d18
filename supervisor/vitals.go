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
	// rpcTrouble is how many calls in a row must fail before the status says so.
	rpcTrouble = 3
	// loadPatience is how long a gateway must be under load before the status says so.
	// Every gateway is under load while it starts (measured).
	loadPatience = 30 * time.Second
	// breakerWindow is how long after its start a gateway keeps its channels off before it
	// tries them again. Its clock for that begins a few seconds after the start (measured,
	// OpenClaw 2026.9.6).
	breakerWindow = 5*time.Minute + 10*time.Second
)

// awaitReadiness asks /readyz until the gateway says that it is ready. Old gateways answer
// with a web page; they count as ready after Policy.AssumeReady (BEHAVIOUR B9).
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

// lookAtBreaker shows whether the gateway keeps its channels off because it has counted too
// many crashes (BEHAVIOUR B10).
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

// safeMode says which channels are off and when that ends: at the latest when the breaker
// has forgotten the crashes before this start.
func safeMode(r rpc.Readiness, now time.Time) string {
	text := strings.Join(r.Suppressed, ", ")
	if left := breakerWindow - r.Uptime; left > 0 { // in full minutes, so that the text does not change at each check
		text += now.Add(left + time.Minute).Truncate(time.Minute).Format(", until about 15:04")
	}
	return text
}

// lookAtSpace warns that a disk is nearly full (XU14, BEHAVIOUR S4).
func (g *generation) lookAtSpace(ctx context.Context) {
	if g.conf.IsRemote() {
		return
	}
	limited, cancel := context.WithTimeout(ctx, g.p.VerifyTimeout)
	defer cancel()
	low := g.host.Space(limited, g.conf.Paths.StateDir)
	if limited.Err() == nil {
		g.tell(func(st *Status) { st.Health = st.Health.with(unless(len(low) == 0, reason(ReasonSpace, low))) })
	}
}

// untimed is a context with a deadline but without a timer; the caller cancels it at the
// next beat. This saves a wake-up: for a timer, Go's monitor thread would wake long after
// the answer.
type untimed struct {
	context.Context
	end time.Time
}

func (c untimed) Deadline() (time.Time, bool) { return c.end, true }

// checkRPC makes a call that every gateway answers. So we notice a gateway that still sends
// frames but does not answer calls, and one that somebody else has ended, which refuses calls
// until its work is done. The caller calls over at the next beat; if there is no answer by
// then, the call has failed.
func (g *generation) checkRPC(ctx context.Context, s *rpc.Session) (over func()) {
	limited, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	g.helpers.Go(func() {
		defer close(ended)
		defer cancel(nil)
		if s.Stats().Calls.ConsecutiveFailures > 0 { // after a failure, do not wait a whole beat for the result
			defer time.AfterFunc(g.p.VerifyTimeout, func() { cancel(context.DeadlineExceeded) }).Stop()
		}
		err := s.Call(untimed{limited, time.Now().Add(g.p.Tend)}, "health", nil, nil)
		if ctx.Err() != nil {
			return
		}
		failed := s.Stats().Calls.ConsecutiveFailures
		g.tell(func(st *Status) {
			st.Health = st.Health.without(ReasonRPCTimeouts).with(unless(!draining(err) || st.Stopping(), reason(ReasonDraining, nil)))
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

// healthReport is the part of the gateway's health event that we use (measured, OpenClaw
// 2026.9.6; older versions leave out some fields).
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

// showHealth shows what the gateway says about itself. Channels in trouble make it
// degraded, but never restart it (BEHAVIOUR A4, PAINS P45).
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

// reasons returns the reasons in the report. A Reason with only a code removes that reason.
// For fields that the report leaves out, nothing is returned.
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

// unless returns r or, when gone, a Reason that removes r's code from Health.
func unless(gone bool, r Reason) Reason {
	if gone {
		return Reason{Code: r.Code}
	}
	return r
}
