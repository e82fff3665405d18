package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"clawtray/supervisor/machine"
)

// Repaired is what OpenClaw's doctor changed in the user's configuration. clawtray keeps a
// copy of the configuration before that.
type Repaired struct {
	At      time.Time `json:"at"`
	Gone    []string  `json:"gone,omitempty"`    // paths of the removed keys, without values
	Changed []string  `json:"changed,omitempty"` // paths of the changed and the new keys, without values
}

// Keys returns the paths as text for a sentence: at most five of each kind, and how many
// more there are.
func (r Repaired) Keys() (gone, changed string) { return listed(r.Gone), listed(r.Changed) }

// listed returns keys as text for a sentence.
func listed(keys []string) string {
	const most = 5
	if len(keys) <= most {
		return strings.Join(keys, ", ")
	}
	return strings.Join(keys[:most], ", ") + fmt.Sprintf(" (+%d)", len(keys)-most)
}

// Offer returns the intent that may bring the gateway back and that is offered to the
// person in addition to [Cause.Action]; empty when there is none (BEHAVIOUR Q2, Q3).
func (c Cause) Offer() Intent {
	switch {
	case !c.LastGood.IsZero():
		return LastGood
	case causes[c.Code].safe:
		return SafeStart
	}
	return ""
}

// kept says, before anything else that a person may do, that the configuration is not lost.
func (c Cause) kept() string {
	if c.Offer() != LastGood {
		return ""
	}
	return "Your last good configuration, of " + c.LastGood.Local().Format("2 Jan 15:04") + ", is kept: `clawtray start --last-good` starts with it."
}

// safeStart is the command line for a start without channels and plugins, where that may help.
func (c Cause) safeStart() string {
	if c.Offer() != SafeStart {
		return ""
	}
	return "Or run `clawtray start --safe` to start without channels and plugins."
}

// withWayBack sets Cause.LastGood when the last good configuration may heal the failure c.
func (g *generation) withWayBack(c Cause) Cause {
	if !causes[c.Code].config {
		return c
	}
	ctx, cancel := context.WithTimeout(context.Background(), claimTimeout)
	defer cancel()
	e, _ := g.host.Gateway(ctx) // e has the paths even when the file cannot be read
	c.LastGood = g.host.LastGood(ctx, e)
	return c
}

// putLastGood restores the configuration that a gateway accepted last.
func (g *generation) putLastGood(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, launchTimeout)
	defer cancel()
	e, _ := g.readGateway(limited)
	err := g.host.PutLastGood(limited, e)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return Cause{Code: RestoreFailed, Detail: err.Error()}
	}
	g.log.Warn("the configuration that a gateway accepted last is in place again; what was there is kept beside it", "path", e.Paths.ConfigPath)
	g.plan.lastGood, g.plan.insist = false, false
	return nil
}

// doctor lets OpenClaw repair its configuration, once (BEHAVIOUR B7, Q1). The start that
// follows shows whether it helped.
func (g *generation) doctor(ctx context.Context) error {
	if err := g.awaitQuiet(ctx); err != nil {
		return err
	}
	g.phase(Repairing)
	g.log.Warn("running openclaw doctor --fix: the gateway rejected its configuration")
	d, err := g.runDoctor(ctx)
	d.Output = doctorsReason(g.cfg.Redact.String(d.Output))
	g.plan.repaired = d.Output
	g.log.Warn("openclaw doctor ended", "err", err, "said", d.Output, "gone", d.Gone, "changed", d.Changed, "put back", d.PutBack)
	if len(d.Gone)+len(d.Changed) > 0 && !d.PutBack {
		changes := Repaired{At: time.Now(), Gone: d.Gone, Changed: d.Changed}
		g.tell(func(s *Status) { s.Repaired = &changes })
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errLeft), errors.Is(err, machine.ErrNotForDoctor):
		because := g.plan.because
		because.Detail += "; " + err.Error()
		return because
	}
	return nil
}

// errLeft says that doctor did not end in time and goes on alone.
var errLeft = errors.New("OpenClaw's doctor took too long, and is left to its end")

// runDoctor runs doctor and waits for its end. doctor is never killed, because it may be
// writing the configuration. A stop waits for it within the time of DoctorLimit; after
// that, doctor goes on alone.
func (g *generation) runDoctor(ctx context.Context) (d Repair, err error) {
	waited, leave := context.WithCancelCause(context.WithoutCancel(ctx))
	done := make(chan struct{})
	g.helpers.Go(func() {
		defer close(done)
		d, err = g.host.Repair(waited, g.runtime, g.conf)
	})
	limited, cancel := g.timeout(ctx, g.p.DoctorLimit)
	defer cancel()
	select {
	case <-done:
	case <-limited.Done():
	}
	if by := (*order)(nil); !closed(done) && errors.As(context.Cause(ctx), &by) {
		g.tell(func(s *Status) { s.StoppingFor = by.goal() })
		step, end := g.down.begin(false, fixed(g.p.DoctorLimit))
		select {
		case <-done:
		case <-step.Done():
		}
		end()
	}
	if !closed(done) {
		g.log.Warn("OpenClaw's doctor is left running to its end")
	}
	leave(errLeft)
	<-done
	return d, err
}

// restoreConfig restores the configuration from before doctor changed it (BEHAVIOUR Q1). A
// running gateway keeps running and notices the change of the file as any other change.
func (o *owner) restoreConfig(p *pending) {
	s := o.Supervisor
	o.beside.helpers.Go(func() {
		ctx, cancel := context.WithTimeout(o.beside.ctx, claimTimeout)
		defer cancel()
		e, _ := s.host.Gateway(ctx)
		at, err := s.host.Restore(ctx, e)
		s.log.Warn("the configuration of before OpenClaw's doctor was asked for", "from", at, "err", err)
		s.send(func(o *owner) {
			if err != nil {
				p.finish(o.status, Answer{Result: ResultRejected}, Cause{Code: RestoreFailed, Detail: err.Error()})
				return
			}
			o.status.Repaired = nil
			o.publish() // publish first, so that the caller sees the new status
			p.finish(o.status, Restored(at), nil)
		})
	})
}

// Restored returns the answer when the configuration from the time at is restored.
func Restored(at time.Time) Answer {
	return Answer{Result: ResultRestored, Message: "Your configuration of " + at.Local().Format("2 Jan 15:04") + " is back. What was there is kept beside it."}
}
