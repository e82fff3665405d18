package supervisor

import (
	"context"
	"errors"
	"time"

	"clawtray/rpc"
)

// judgement is what evidence about a silent gateway amounts to (BEHAVIOUR F2).
type judgement uint8

const (
	answers judgement = iota // alive on another path: degraded, not restarted
	works                    // burns CPU: a blocked event loop, given time
	hangs                    // stopped, idle, or silent for too long: restart
)

// evidence is what is known about a gateway that has gone silent.
type evidence struct {
	Silence  time.Duration // since the last frame
	RPC      bool          // a call was answered, even with an error
	HTTP     bool          // /healthz answered on a new connection
	CPUShare float64       // of one core, lately
	Stopped  bool          // SIGSTOP or a debugger
	Unknown  bool          // the system does not tell about the process
}

// busyShare is the CPU share from which a silent process counts as working: an
// idle gateway uses 0.01 of a core, a blocked event loop all of one (measured).
const busyShare = 0.2

// judge weighs the evidence. It is pure.
func judge(e evidence, patience time.Duration) judgement {
	switch {
	case e.RPC || e.HTTP:
		return answers
	case e.Stopped:
		return hangs
	case !e.Unknown && e.CPUShare < busyShare:
		return hangs
	case e.Silence >= patience:
		return hangs
	}
	return works
}

// onSilence is called by the session; it never waits.
func (g *generation) onSilence(s rpc.Silence) {
	for {
		select {
		case g.silence <- s:
			return
		default:
		}
		select { // replace the older report
		case <-g.silence:
		default:
		}
	}
}

// verify collects evidence until it says that the gateway lives or hangs.
func (g *generation) verify(ctx context.Context, s *rpc.Session, silence rpc.Silence) judgement {
	awake, from := g.awake.C(), silence.LastFrame
	for {
		e := g.collect(ctx, s)
		if ctx.Err() != nil {
			return answers // nobody listens any more
		}
		if closed(awake) { // the sleep is none of its silence
			awake, from = g.awake.C(), time.Now()
			continue
		}
		e.Silence = time.Since(from)
		j := judge(e, g.p.BusySilence)
		g.log.Warn("the gateway is silent", "silence", e.Silence.Round(time.Second), "rpc", e.RPC, "http", e.HTTP, "cpu", e.CPUShare, "stopped", e.Stopped, "judgement", j.String())
		switch {
		case j == answers:
			return answers
		case j == hangs && g.mode == Managed:
			return hangs
		case j == hangs: // not ours to restart
			g.tell(func(st *Status) { st.Health = st.Health.with(reason(ReasonNotAnswering, nil)) })
		default:
			g.tell(func(st *Status) { st.Health = st.Health.with(reason(ReasonBusy, nil)) })
		}
		select {
		case <-ctx.Done():
			return answers
		case <-time.After(g.p.VerifyTimeout):
		}
	}
}

func (j judgement) String() string { return [...]string{"answers", "works", "hangs"}[j] }

// collect asks on both paths at once and watches the process meanwhile.
func (g *generation) collect(ctx context.Context, s *rpc.Session) evidence {
	ctx, cancel := context.WithTimeout(ctx, g.p.VerifyTimeout)
	defer cancel()
	var e evidence
	before, _, err := g.activity()
	began := time.Now()
	call, http := make(chan error, 1), make(chan bool, 1)
	g.helpers.Go(func() { call <- s.Call(ctx, "health", nil, nil) })
	g.helpers.Go(func() { http <- g.isGateway(ctx) })
	for range 2 {
		select {
		case err := <-call:
			e.RPC = answered(err)
		case e.HTTP = <-http:
		}
		if e.RPC || e.HTTP {
			return e
		}
	}
	after, stopped, err2 := g.activity()
	e.Stopped = stopped
	e.Unknown = errors.Join(err, err2) != nil
	if took := time.Since(began); took > 0 {
		e.CPUShare = float64(after-before) / float64(took)
	}
	return e
}

func (g *generation) activity() (time.Duration, bool, error) {
	if g.proc == nil {
		return 0, false, errors.ErrUnsupported
	}
	return g.proc.Activity()
}

// answered reports whether a call was answered at all; an error answer is one.
func answered(err error) bool {
	var e *rpc.Error
	return err == nil || errors.As(err, &e) && e.Kind != rpc.KindTransport && e.Kind != rpc.KindCanceled
}
