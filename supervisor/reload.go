package supervisor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"clawtray/rpc"
)

// applied is what config.get says about the file on disk and the configuration
// that runs (measured, OpenClaw 2026.9.6; older gateways leave the hashes out).
type applied struct {
	Valid  bool `json:"valid"`
	Issues []struct {
		Path    string `json:"path"`
		Message string `json:"message"`
	} `json:"issues"`
	OnDisk  string `json:"configRevisionHash"`
	Running string `json:"appliedConfigHash"`
}

// known reports whether the gateway told.
func (a applied) known() bool { return a.OnDisk != "" && a.Running != "" }

func (a applied) drifted() bool { return a.known() && a.OnDisk != a.Running }

// issue is the first thing wrong with the file, in a few words.
func (a applied) issue() string {
	if len(a.Issues) == 0 {
		return "the file is not valid"
	}
	if i := a.Issues[0]; i.Path != "" {
		return i.Path + ": " + i.Message
	}
	return a.Issues[0].Message
}

// reload makes the gateway run what is on disk, and says honestly how
// (BEHAVIOUR E). A non-nil return ends the generation: applied by restart.
func (g *generation) reload(ctx context.Context, s *rpc.Session, c command) error {
	answer := func(r Result, format string, args ...any) {
		c.reply(Answer{Result: r, Message: fmt.Sprintf(format, args...)}, nil)
	}
	policy, err := g.host.GatewayConfig()
	if err != nil {
		g.log.Warn("reading the gateway's configuration failed; reloading with its defaults", "err", err)
	}
	edited := err != nil || policy.ModTime.After(g.bootAt)
	if connected := time.Since(g.connectedAt); connected < g.p.ReloadTooSoon && !edited {
		answer(ResultNothingToDo, "The gateway started %d s ago and has read its configuration then.", int(connected.Seconds()))
		return nil
	}
	if policy.ReloadMode == "off" || policy.ReloadMode == "restart" || !s.Supports("config.get") {
		return g.restart(ctx, s, c)
	}
	state, err := g.config(ctx, s)
	if ctx.Err() != nil {
		c.again()
		return nil
	}
	if err != nil {
		g.log.Warn("the gateway did not tell about its configuration", "err", err)
		return g.restart(ctx, s, c)
	}
	g.showDrift(state)
	switch {
	case !state.Valid:
		c.reply(Answer{Result: ResultRejected, Message: "The configuration on disk is invalid: " + state.issue() + ". The gateway goes on with the last good one."},
			Cause{Code: ConfigInvalid, Detail: state.issue()})
		return nil
	case state.drifted(), !state.known() && edited:
		return g.restart(ctx, s, c)
	case !s.Supports("secrets.reload"):
		answer(ResultApplied, "The gateway runs the configuration on disk.")
		return nil
	}
	if err := s.Call(ctx, "secrets.reload", struct{}{}, nil); err != nil {
		if ctx.Err() != nil {
			c.again()
			return nil
		}
		g.log.Warn("secrets.reload failed", "err", err)
		return g.restart(ctx, s, c)
	}
	answer(ResultApplied, "The gateway runs the configuration on disk; its secrets were read again.")
	return nil
}

// config asks the gateway about its configuration. It costs the gateway 0.3 s
// (measured), so it is only asked when the file has changed or a person wants it.
func (g *generation) config(ctx context.Context, s *rpc.Session) (applied, error) {
	var a applied
	err := s.Call(ctx, "config.get", struct{}{}, &a)
	for i := range a.Issues {
		a.Issues[i].Message = g.cfg.Redact.String(a.Issues[i].Message)
	}
	return a, err
}

// lookAtConfig notices by itself that the file on disk is not what runs
// (BEHAVIOUR E6). It asks the gateway only after the file has changed.
func (g *generation) lookAtConfig(ctx context.Context, s *rpc.Session) {
	file, err := g.host.GatewayConfig()
	if err != nil || !file.Exists {
		file.Hash = ""
	}
	if g.drift.settled(file.Hash) || !s.Supports("config.get") {
		return
	}
	state, err := g.config(ctx, s)
	if err != nil {
		return
	}
	// The gateway applies a change within a second or two; until both agree it is asked again.
	g.drift.looked(file.Hash, state.Valid && !state.drifted())
	g.showDrift(state)
}

// lookAtPackage notices that a start would run another OpenClaw than the one
// that runs (PAINS P18). While npm works on the package nothing changes here.
func (g *generation) lookAtPackage(ctx context.Context, s *rpc.Session) {
	if g.mode != Managed {
		return // its owner knows which one it runs
	}
	r, err := g.host.Runtime(ctx)
	if err != nil {
		return
	}
	g.tell(func(st *Status) {
		st.InstalledVersion, st.Health = "", st.Health.without(ReasonUpdate)
		if r.Version != s.Hello().Server.Version {
			st.InstalledVersion, st.Health = r.Version, st.Health.with(reason(ReasonUpdate, r.Version))
		}
	})
}

func (g *generation) showDrift(a applied) {
	now := time.Now()
	g.tell(func(s *Status) {
		s.Health = s.Health.without(ReasonDrift, ReasonConfigInvalid)
		switch {
		case !a.Valid:
			s.Health = s.Health.with(reason(ReasonConfigInvalid, a.issue()))
		case a.drifted():
			s.Health = s.Health.with(reason(ReasonDrift, nil))
		default:
			s.Drift = Drift{}
			return
		}
		if s.Drift.Since.IsZero() {
			s.Drift.Since = now
		}
		s.Drift.Invalid, s.Drift.Detail = !a.Valid, ""
		if !a.Valid {
			s.Drift.Detail = a.issue()
		}
	})
}

// driftWatch remembers for which file the gateway said that all is well.
type driftWatch struct {
	mu   sync.Mutex
	hash string
	fine bool
}

func (d *driftWatch) settled(hash string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fine && d.hash == hash
}

func (d *driftWatch) looked(hash string, fine bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hash, d.fine = hash, fine
}
