package supervisor

import (
	"context"
	"time"

	"clawtray/rpc"
)

// preflight is how busy the gateway is (measured: from OpenClaw 2026.6.11 on).
type preflight struct {
	Safe   bool `json:"safe"`
	Counts struct {
		Total int `json:"totalActive"`
	} `json:"counts"`
	Summary string `json:"summary"`
}

// work asks how much is going on; known is false where the gateway cannot tell.
func (g *generation) work(ctx context.Context, s *rpc.Session) (active int, known bool) {
	const method = "gateway.restart.preflight"
	if !s.Supports(method) {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, g.p.VerifyTimeout)
	defer cancel()
	var p preflight
	if err := s.Call(ctx, method, nil, &p); err != nil {
		return 0, false
	}
	if p.Safe {
		return 0, true
	}
	return max(1, p.Counts.Total), true
}

// drainPoll is how often the remaining work is counted while a person waits.
const drainPoll = 500 * time.Millisecond

// awaitWork waits until the gateway is idle; busy reports that it still works
// when limit has passed or somebody lost patience.
func (g *generation) awaitWork(ctx context.Context, s *rpc.Session, limit time.Duration) (busy bool) {
	awake := g.awake.C()
	deadline := time.Now().Add(limit)
	for {
		n, known := g.work(ctx, s)
		if !known || n == 0 {
			return false
		}
		until := deadline // the owner reads it later
		g.tell(func(st *Status) { st.Phase, st.ActiveWork, st.Deadline = Draining, n, until })
		left := time.Until(deadline)
		if left <= 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-s.Done():
			return false
		case <-g.exited():
			return false
		case <-g.rung:
			return true
		case <-awake:
			awake, deadline = g.awake.C(), time.Now().Add(limit)
		case <-time.After(min(drainPoll, left)):
		}
	}
}

// abortWork ends the runs that are still active, so that the gateway does not
// drain for minutes after the signal (measured: up to 315 s from 2026.8 on).
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
