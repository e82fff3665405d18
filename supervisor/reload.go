package supervisor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"clawtray/rpc"
	"clawtray/supervisor/openclaw"
)

// applied is the answer to config.get: facts about the file on disk and about the
// configuration that the gateway uses (measured, OpenClaw 2026.9.6; older gateways leave
// out OnDisk and Running).
type applied struct {
	File   string `json:"hash"` // SHA-256 of the file that the answer is about
	Valid  bool   `json:"valid"`
	Issues []struct {
		Path    string `json:"path"`
		Message string `json:"message"`
	} `json:"issues"`
	OnDisk  string `json:"configRevisionHash"`
	Running string `json:"appliedConfigHash"`
}

// known reports whether the gateway sent both hashes.
func (a applied) known() bool { return a.OnDisk != "" && a.Running != "" }

func (a applied) drifted() bool { return a.known() && a.OnDisk != a.Running }

// isAbout reports whether the answer is about this file. A busy gateway notices an edit
// seconds later, and until then answers about the file of before (measured, OpenClaw 2026.9.6).
func (a applied) isAbout(f openclaw.ConfigFile) bool {
	return a.File == "" || !f.Exists || a.File == f.Hash
}

// issue returns the first mistake in the file, in a few words.
func (a applied) issue() string {
	if len(a.Issues) == 0 {
		return "the file is not valid"
	}
	if i := a.Issues[0]; i.Path != "" {
		return i.Path + ": " + i.Message
	}
	return a.Issues[0].Message
}

// reload makes the gateway use the configuration on disk, and answers how that was done
// (BEHAVIOUR E). It returns an error for perform, for example the order for a restart that
// applies the configuration.
func (c *connection) reload(cmd command) error {
	answer := func(r Result, format string, args ...any) {
		cmd.reply(Answer{Result: r, Message: fmt.Sprintf(format, args...)}, nil)
	}
	e, err := c.readGateway(c.work)
	policy := e.Reload
	if err != nil {
		c.log.Warn("reading the gateway's configuration failed; reloading with its defaults", "err", err)
		policy = openclaw.DefaultReload()
	}
	edited := err != nil || e.File.Changed.After(c.boot)
	if connected := time.Since(c.readyAt); connected < c.p.ReloadTooSoon && !edited {
		answer(ResultNothingToDo, "clawtray has been connected for %d s, and the configuration has not changed since the gateway started.", int(connected.Seconds()))
		return nil
	}
	if mode := policy.Mode.Value; mode == "off" || mode == "restart" || !c.s.Supports("config.get") {
		return c.restart(cmd)
	}
	state, err := c.configAfter(e.File)
	switch {
	case connectionEnded(err):
		return err
	case err != nil:
		c.log.Warn("the gateway did not tell about its configuration", "err", err)
		return c.restart(cmd)
	}
	c.showDrift(state)
	switch {
	case !state.Valid:
		cmd.reply(Answer{Result: ResultRejected, Message: "The configuration on disk is invalid: " + state.issue() + ". The gateway goes on with the last good one."},
			Cause{Code: ConfigInvalid, Detail: state.issue()})
		return nil
	case state.drifted(), !state.known() && edited:
		return c.restart(cmd)
	}
	return c.reloadSecrets(cmd)
}

// configAfter asks the gateway about its configuration, until the gateway has noticed an edit
// and applied it, or has had the time for it. A restart for an edit that it applies itself
// would end its work for nothing.
func (c *connection) configAfter(f openclaw.ConfigFile) (applied, error) {
	now := time.Now()
	deadline := now.Add(min(appliesItself, f.Changed.Add(appliesItself).Sub(now))) // the clock may have been set back since the edit
	for {
		state, err := c.config(c.work, c.s)
		done := state.isAbout(f) && (!state.Valid || !state.drifted())
		if err != nil || done || !time.Now().Before(deadline) {
			return state, err
		}
		if e, err := c.readGateway(c.work); err == nil { // it may have been edited again
			f = e.File
		}
		select {
		case <-c.work.Done(): // the next call tells why
		case <-time.After(configRest):
		}
	}
}

// reloadSecrets lets the gateway read its secrets again, if it can.
func (c *connection) reloadSecrets(cmd command) error {
	a := Answer{Result: ResultApplied, Message: "The gateway runs the configuration on disk."}
	if c.s.Supports("secrets.reload") {
		if err := c.s.Call(c.work, "secrets.reload", struct{}{}, nil); err != nil {
			if connectionEnded(err) {
				return err
			}
			c.log.Warn("secrets.reload failed", "err", err)
			return c.restart(cmd)
		}
		a.Message = "The gateway runs the configuration on disk; its secrets were read again."
	}
	cmd.reply(a, nil)
	return nil
}

// config asks the gateway about its configuration. The call costs the gateway 0.3 s
// (measured), so it is only made when the file has changed or a person wants it.
func (g *generation) config(ctx context.Context, s *rpc.Session) (applied, error) {
	var a applied
	err := s.Call(ctx, "config.get", struct{}{}, &a)
	for i := range a.Issues {
		a.Issues[i].Message = g.cfg.Redact.String(a.Issues[i].Message)
	}
	return a, err
}

// lookAtConfig asks followConfig to check the configuration. Several requests before the
// next check need only one check.
func (c *connection) lookAtConfig() { poke(c.configs) }

// followConfig checks the configuration when lookAtConfig asks for it, one check at a time,
// until the connection ends.
func (c *connection) followConfig() {
	var last time.Time
	for {
		select {
		case <-c.work.Done():
			return
		case <-c.configs:
		}
		if wait := configRest - time.Since(last); wait > 0 {
			select {
			case <-c.work.Done():
				return
			case <-time.After(wait):
			}
		}
		last = time.Now()
		c.compareConfig()
	}
}

// compareConfig notices that the file on disk is not the configuration that the gateway
// uses (BEHAVIOUR E6). It asks the gateway only after the file has changed.
func (c *connection) compareConfig() {
	e, _ := c.readGateway(c.work)
	state := fileState(e.File)
	if c.drift.settled(state) || !c.s.Supports("config.get") {
		return
	}
	applied, err := c.config(c.work, c.s)
	if err != nil {
		return
	}
	// The gateway applies a change within two seconds. Ask again until file and gateway agree.
	// The hash in the answer leaves out included files, so right after an edit of one it does
	// not show that the gateway has noticed.
	included := e.File.Changed.After(e.File.ModTime) && time.Since(e.File.Changed) < appliesItself
	fine := applied.Valid && !applied.drifted() && applied.isAbout(e.File) && !included
	c.drift.looked(state, fine)
	if fine && applied.known() && c.mode == Managed && !c.plan.safe {
		c.host.Accepted(c.work, e)
	}
	c.showDrift(applied)
}

// lookAtPackage notices that the installed OpenClaw is not the version that runs (PAINS
// P18). While npm replaces the package, it changes nothing.
func (g *generation) lookAtPackage(ctx context.Context, s *rpc.Session) {
	if g.mode != Managed {
		return // not ours: its next start is up to its owner
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

// driftWatch remembers the state of the file at the last check, and whether the gateway
// said that it uses it.
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
