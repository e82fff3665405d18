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
	File   string `json:"hash"` // differs between two contents of the file; from 2026.8.2 on it is keyed
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
	state, err := c.configAfter(e)
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
func (c *connection) configAfter(e openclaw.Effective) (applied, error) {
	now := time.Now()
	deadline := now.Add(min(appliesItself, e.File.Changed.Add(appliesItself).Sub(now))) // the clock may have been set back since the edit
	for {
		read, state, about, err := c.config(e)
		done := about && (!state.Valid || !state.drifted())
		if err != nil || done || !time.Now().Before(deadline) {
			return state, err
		}
		e = read
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

// config asks the gateway about its configuration, and reports whether the answer is about
// the file on disk, which it reads afterwards. before is what was read last. The call costs the gateway 0.3 s (measured), so it
// is only made when the file has changed or a person wants it.
func (c *connection) config(before openclaw.Effective) (e openclaw.Effective, a applied, about bool, err error) {
	if err := c.s.Call(c.work, "config.get", struct{}{}, &a); err != nil {
		return e, a, false, err
	}
	for i := range a.Issues {
		a.Issues[i].Message = c.cfg.Redact.String(a.Issues[i].Message)
	}
	e, _ = c.readGateway(c.work)
	about = fileState(e.File) == fileState(before.File) && c.drift.isAbout(a, e.File, c.boot)
	return e, a, about, nil
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
	if c.drift.settled(fileState(e.File)) || !c.s.Supports("config.get") {
		return
	}
	e, applied, about, err := c.config(e)
	if err != nil {
		return
	}
	// The gateway applies a change within two seconds. Ask again until file and gateway agree.
	// The hash in the answer leaves out included files, so right after an edit of one it does
	// not show that the gateway has noticed.
	included := e.File.Changed.After(e.File.ModTime) && time.Since(e.File.Changed) < appliesItself
	fine := applied.Valid && !applied.drifted() && about && !included
	c.drift.looked(fileState(e.File), fine)
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

// driftWatch remembers the last check and the last answer about the file.
type driftWatch struct {
	mu           sync.Mutex
	state        string // of the file at the last check
	fine         bool   // the gateway said that it uses the file
	file, answer string // the hash in an answer, and our hash of the file that it was about
}

func (d *driftWatch) settled(state string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fine && d.state == state
}

func (d *driftWatch) looked(state string, fine bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state, d.fine = state, fine
}

// isAbout reports whether an answer is about this file, of a gateway that began to start at
// boot. A busy gateway notices an edit seconds later, and until then answers about the file
// of before, with the same hash as then (measured, OpenClaw 2026.8.2 and 2026.9.6).
func (d *driftWatch) isAbout(a applied, f openclaw.ConfigFile, boot time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case a.File == "" || !f.Exists:
		return true
	case d.answer == a.File && d.file != f.Hash:
		return false
	case d.answer == "" && f.Changed.After(boot) && !f.Settled(time.Now(), appliesItself):
		return false // edited after the gateway had read it, and there is no older answer to compare with
	}
	d.file, d.answer = f.Hash, a.File
	return true
}
