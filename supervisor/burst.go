package supervisor

import (
	"context"
	"time"

	"clawtray/supervisor/openclaw"
)

// checkEnvironment looks once for programs that OpenClaw's skills need. It may be slow, so
// it does not delay the start (BEHAVIOUR B4).
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

// hold keeps an automatic restart, or a reload, until its burst is over (BEHAVIOUR D5, E5).
// The first request of each kind leads the burst, and all others get its answer.
func (o *owner) hold(p *pending) {
	for _, other := range o.waiting {
		if other != p && other.held && other.request.Intent == p.request.Intent {
			p.leader = other
			return
		}
	}
	p.held = true
	if p.request.Intent == Restart {
		o.due(p, o.cfg.Policy.Debounce)
		return
	}
	// The file may be on a disk that hangs, so another goroutine reads it.
	o.beside.helpers.Go(func() {
		ctx, cancel := context.WithTimeout(o.beside.ctx, configTimeout)
		defer cancel()
		policy := openclaw.DefaultReload() // used when the file cannot be read; the connection reports that error
		if e, err := o.host.Gateway(ctx); err == nil {
			policy = e.Reload
		}
		o.send(func(o *owner) { o.due(p, policy.Debounce.Value) })
	})
}

// due sets the end of p's burst, unless the owner's timer is due earlier.
func (o *owner) due(p *pending, after time.Duration) {
	p.due = time.Now().Add(after)
	o.setBurstTimer()
}

// setBurstTimer sets the timer to the next end of a burst.
func (o *owner) setBurstTimer() {
	var next time.Time
	for _, p := range o.waiting {
		if p.held && !p.due.IsZero() && (next.IsZero() || p.due.Before(next)) {
			next = p.due
		}
	}
	if !next.IsZero() {
		o.burst.Reset(time.Until(next))
	}
}

// burstOver releases the requests whose burst is over. The governor may delay or reject an
// automatic restart, never a person's (BEHAVIOUR D3).
func (o *owner) burstOver() {
	now := time.Now()
	for _, p := range o.waiting {
		if !p.held || p.due.IsZero() || p.due.After(now) {
			continue
		}
		if p.request.Automatic && !o.allowed(p, now) {
			continue
		}
		p.held = false
		switch {
		case o.gen == nil:
			o.wanted = true
			o.retry.Stop()
			o.status.Cause = p.request.cause()
			o.launch()
		case !o.gen.waits(): // settle forwards it
		case p.request.Automatic: // a person has to act first
			p.finish(o.status, Answer{Result: ResultRejected}, o.status.Cause)
		default:
			poke(o.gen.retry)
		}
	}
	o.setBurstTimer()
}

// allowed reports whether the governor allows the restart now. If the restart has to wait,
// it stays held; if the budget is used up, it is answered.
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
