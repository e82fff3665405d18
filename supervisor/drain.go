package supervisor

import (
	"context"
	"errors"
	"time"

	"clawtray/rpc"
)

// preflight is the answer to gateway.restart.preflight: how busy the gateway is (measured:
// from OpenClaw 2026.6.11 on).
type preflight struct {
	Safe   bool `json:"safe"`
	Counts struct {
		Total      int `json:"totalActive"`
		Runs       int `json:"embeddedRuns"`
		Cron       int `json:"cronRuns"`
		Tasks      int `json:"activeTasks"`
		Background int `json:"backgroundExecSessions"`
	} `json:"counts"`
	Summary string `json:"summary"`
}

// activeWork asks the gateway how many pieces of work are active. known is false when the gateway
// cannot tell. When the gateway is too busy to answer in time, or already waits for its work to
// end, active is -1.
func (g *generation) activeWork(ctx context.Context, s *rpc.Session) (active int, known bool) {
	const method = "gateway.restart.preflight"
	if !s.Supports(method) {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, g.p.VerifyTimeout)
	defer cancel()
	var p preflight
	if err := s.Call(ctx, method, nil, &p); err != nil {
		return -1, errors.Is(err, context.DeadlineExceeded) || draining(err)
	}
	if p.Safe {
		return 0, true
	}
	return max(1, p.Counts.Total), true
}

// drainPoll is the time between two counts of the remaining work while a person waits.
const drainPoll = 500 * time.Millisecond

// awaitWork waits until the gateway is idle or ctx ends. It returns true when the gateway
// is still busy, or could not be asked, at the end of ctx. until says when ctx ends at the
// latest; the status shows that time.
func (g *generation) awaitWork(ctx context.Context, s *rpc.Session, until func() time.Time) (busy bool) {
	for {
		if ctx.Err() != nil {
			return !closed(s.Done())
		}
		n, known := g.activeWork(ctx, s)
		if ctx.Err() == nil && (!known || n == 0) {
			return false
		}
		deadline := until() // computed here, because the owner runs the function below later
		g.tell(func(st *Status) { st.Phase, st.ActiveWork, st.Deadline = Draining, n, deadline })
		select {
		case <-ctx.Done():
		case <-s.Done():
			return false
		case <-g.exited():
			return false
		case <-time.After(drainPoll):
		}
	}
}

// abortWork ends the runs that are still active. Otherwise the gateway would wait for them
// after the signal (measured: up to 315 s from OpenClaw 2026.8 on).
func (g *generation) abortWork(ctx context.Context, s *rpc.Session) {
	var list struct {
		Sessions []struct {
			Key          string `json:"key"`
			Status       string `json:"status"`
			HasActiveRun *bool  `json:"hasActiveRun"`
		} `json:"sessions"`
	}
	if err := s.Call(ctx, "sessions.list", nil, &list); err != nil {
		g.log.Warn("could not list the sessions to abort", "err", err)
		return
	}
	for _, row := range list.Sessions {
		active := row.Status == "running"
		if row.HasActiveRun != nil {
			active = *row.HasActiveRun
		}
		if !active {
			continue
		}
		g.log.Info("aborting active work", "session", row.Key)
		if err := s.Call(ctx, "chat.abort", map[string]any{"sessionKey": row.Key}, nil); err != nil {
			g.log.Warn("abort failed", "session", row.Key, "err", err)
		}
	}
}
