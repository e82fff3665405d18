package supervisor

import (
	"context"
	"time"
)

// checkEnvironment runs what may be slow beside the start, once per run
// (BEHAVIOUR B4).
func (s *Supervisor) checkEnvironment(ctx context.Context) {
	lacks := s.host.Missing(ctx)
	if len(lacks) == 0 || ctx.Err() != nil {
		return
	}
	s.log.Warn("something is missing on this computer", "what", lacks)
	s.send(func(o *owner) {
		o.apply(func(st *Status) {
			st.Missing = lacks
			if st.State == Running {
				st.Health = st.Health.with(reason(ReasonEnvironment, lacks))
			}
		})
	})
}

// hold keeps a programmatic restart, or a reload, until its burst is over
// (BEHAVIOUR D5, E5). The first of each kind leads; its answer is everybody's.
func (o *owner) hold(p *pending) {
	for _, other := range o.waiting {
		if other != p && other.held && other.request.Intent == p.request.Intent {
			p.leader = other
			return
		}
	}
	p.held = true
	p.due = time.Now().Add(o.holdFor(p.request.Intent))
	o.wait()
}

func (o *owner) holdFor(i Intent) time.Duration {
	if i == Restart {
		return o.cfg.Policy.Debounce
	}
	cfg, _ := o.host.GatewayConfig() // unreadable means the defaults; serve reports it
	return cfg.Debounce
}

// wait sets the timer to the next end of a burst.
func (o *owner) wait() {
	var next time.Time
	for _, p := range o.waiting {
		if p.held && (next.IsZero() || p.due.Before(next)) {
			next = p.due
		}
	}
	if !next.IsZero() {
		o.burst.Reset(time.Until(next))
	}
}

// burstOver lets go of what was held long enough. A programmatic restart passes
// the governor; a person's never does (BEHAVIOUR D3).
func (o *owner) burstOver() {
	now := time.Now()
	for _, p := range o.waiting {
		if !p.held || p.due.After(now) {
			continue
		}
		if p.request.Automatic && !o.allowed(p, now) {
			continue
		}
		p.held = false
		if o.gen == nil {
			o.wanted = true
			o.retry.Stop()
			o.status.Cause = p.request.cause()
			o.launch()
		}
	}
	o.wait()
}

// allowed asks the governor; a restart that has to wait stays held, one over the
// budget is answered.
func (o *owner) allowed(p *pending, now time.Time) bool {
	g := o.cfg.Policy.Governor
	wait, reopens, ok := g.Allow(o.history.Restarts, now)
	switch {
	case !ok:
		o.report.suppressed(reopens)
		p.finish(o.status, Answer{Result: ResultRejected}, Cause{Code: KeepsCrashing, Detail: "too many restarts; the next one may come at " + reopens.Format(time.TimeOnly)})
		return false
	case wait > 0:
		p.due = now.Add(wait)
		return false
	}
	o.history.Restarts = o.history.Restarts.Add(now, g.Window)
	o.report.metrics.Restarts++
	return true
}
