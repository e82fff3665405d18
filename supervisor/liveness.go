package supervisor

import (
	"context"
	"errors"
	"time"

	"clawtray/rpc"
)

// judgement is the conclusion about a silent gateway (BEHAVIOUR F2).
type judgement uint8

const (
	answers judgement = iota // it answers on another connection or call: degraded, but not restarted
	works                    // it gets more time: it is silent only for a short time, or its event loop is blocked
	hangs                    // it is stopped or idle for too long, or silent for much too long: restart
)

// evidence is what is known about a gateway that has gone silent.
type evidence struct {
	Silence  time.Duration // time since the last frame
	RPC      bool          // a call was answered, even with an error
	HTTP     bool          // /healthz answered on a new connection
	CPUShare float64       // of one core, since the verification began
	Stopped  bool          // by SIGSTOP or a debugger
	Unknown  bool          // the system does not tell CPU time and state of the process
}

// busyShare is the share of one core from which a silent process counts as working. An idle
// gateway uses 0.01, a blocked event loop 1 (measured).
const busyShare = 0.2

// judge draws the conclusion from the evidence. It is pure.
func judge(e evidence, p Policy) judgement {
	switch {
	case e.RPC || e.HTTP:
		return answers
	case e.Silence >= p.BusySilence:
		return hangs
	case e.Silence < p.HangSilence:
		return works
	case e.Stopped, !e.Unknown && e.CPUShare < busyShare:
		return hangs
	}
	return works
}

// onSilence hands a report of the session to loop. It never blocks; a newer report replaces
// an older one.
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

// verify collects evidence until it shows that the gateway answers or hangs.
func (g *generation) verify(ctx context.Context, s *rpc.Session, silence rpc.Silence) judgement {
	awake, from := g.awake.C(), silence.LastFrame
	first := g.sample(ctx)
	for {
		e := g.collect(ctx, s, first)
		if ctx.Err() != nil {
			return answers // the connection has ended, so nobody uses the result
		}
		if closed(awake) { // the machine slept: do not count that time as silence
			awake, from, first = g.awake.C(), time.Now(), g.sample(ctx)
			continue
		}
		e.Silence = time.Since(from)
		j := judge(e, g.p)
		g.log.Warn("the gateway is silent", "silence", e.Silence.Round(time.Second), "rpc", e.RPC, "http", e.HTTP, "cpu", e.CPUShare, "stopped", e.Stopped, "judgement", j.String())
		switch {
		case j == answers:
			return answers
		case j == hangs && g.mode == Managed:
			return hangs
		case g.mode == Attached && e.Silence >= g.p.HangSilence: // we must not restart it, so there is no need to be sure that it hangs
			g.tell(func(st *Status) { st.Health = st.Health.with(reason(ReasonNotAnswering, nil)) })
		case !e.Unknown && e.CPUShare >= busyShare:
			g.tell(func(st *Status) { st.Health = st.Health.with(reason(ReasonBusy, nil)) })
		}
		select {
		case <-ctx.Done():
			return answers
		case <-time.After(g.verifyAgain(e.Silence)):
		}
	}
}

// verifyAgain returns how long to wait before the next collection. The collection that
// decides must end soon after HangSilence.
func (g *generation) verifyAgain(silence time.Duration) time.Duration {
	due := g.p.HangSilence - g.p.VerifyTimeout - silence
	if silence < g.p.HangSilence && due < g.p.VerifyTimeout {
		return max(due, 0)
	}
	return g.p.VerifyTimeout
}

func (j judgement) String() string { return [...]string{"answers", "works", "hangs"}[j] }

// sample is the CPU time that a process had used at one moment.
type sample struct {
	at      time.Time
	cpu     time.Duration
	stopped bool
	err     error
}

func (g *generation) sample(ctx context.Context) sample {
	if g.proc == nil {
		return sample{err: errors.ErrUnsupported}
	}
	ctx, cancel := context.WithTimeout(ctx, g.p.VerifyTimeout)
	defer cancel()
	cpu, stopped, err := g.proc.Activity(ctx)
	return sample{at: time.Now(), cpu: cpu, stopped: stopped, err: err}
}

// collect calls a method and asks /healthz at the same time, and compares the CPU time of
// the process with first.
func (g *generation) collect(ctx context.Context, s *rpc.Session, first sample) evidence {
	limited, cancel := context.WithTimeout(ctx, g.p.VerifyTimeout)
	defer cancel()
	var e evidence
	call, http := make(chan error, 1), make(chan bool, 1)
	g.helpers.Go(func() { call <- s.Call(limited, "health", nil, nil) })
	g.helpers.Go(func() { http <- g.isGateway(limited) })
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
	last := g.sample(ctx)
	e.Stopped = last.stopped
	e.Unknown = errors.Join(first.err, last.err) != nil
	if took := last.at.Sub(first.at); took > 0 {
		e.CPUShare = float64(last.cpu-first.cpu) / float64(took)
	}
	return e
}

// answered reports whether the gateway answered a call; an error is an answer, too.
func answered(err error) bool {
	var e *rpc.Error
	return err == nil || errors.As(err, &e) && e.Kind != rpc.KindTransport && e.Kind != rpc.KindCanceled
}
