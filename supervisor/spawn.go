package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"clawtray/supervisor/machine"
)

const (
	// launchTimeout limits the system call that creates the process, because Node may be on
	// a mount that hangs.
	launchTimeout = 30 * time.Second
	// resolveTimeout limits the search for Node and OpenClaw, which runs other programs.
	resolveTimeout = 2 * time.Minute
)

// spawn finds the runtime and starts the gateway, if the configuration allows it.
func (g *generation) spawn(ctx context.Context) error {
	if err := g.configure(ctx, g.startable); err != nil {
		return err
	}
	if err := g.resolve(ctx); err != nil {
		return err
	}
	port := g.port()
	if err := g.prepare(ctx); err != nil {
		return err
	}
	// Finding the runtime may have taken minutes, and doctor changes the file.
	if err := g.configure(ctx, g.startable); err != nil {
		return err
	}
	if g.port() != port {
		return errAgain // nobody has checked yet whether the other port is free
	}
	g.timing.resolved()
	limited, cancel := context.WithTimeout(ctx, launchTimeout)
	defer cancel()
	proc, err := g.host.Launch(limited, g.runtime, Spawn{Port: port, Child: g.conf.Child(), Safe: g.plan.safe, Paths: g.conf.Paths})
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return launchCause(err)
	}
	g.log.Info("gateway started", "pid", proc.PID(), "openclaw", g.runtime.Version, "node", g.runtime.NodeVersion, "command", proc.Command())
	g.tell(func(s *Status) { s.GatewayVersion = g.runtime.Version })
	g.own(proc)
	g.phase(Spawned)
	return nil
}

// prepare lets OpenClaw write a configuration where there is none, or repair one that it
// has rejected.
func (g *generation) prepare(ctx context.Context) error {
	switch {
	case !g.conf.File.Exists:
		return g.firstRun(ctx)
	case g.plan.repair:
		return g.doctor(ctx)
	}
	return nil
}

// launchCause returns the cause of a failed launch. It distinguishes what may be tried
// again.
func launchCause(err error) Cause {
	if errors.Is(err, context.DeadlineExceeded) {
		return Cause{Code: SpawnFailed, Detail: err.Error()}
	}
	var failed *machine.LaunchError
	if errors.As(err, &failed) {
		switch failed.Kind {
		case machine.Retry:
			return Cause{Code: SpawnFailed, Detail: err.Error()}
		case machine.DiskFull:
			return Cause{Code: DiskFull, Detail: err.Error()}
		}
	}
	return Cause{Code: SpawnDenied, Detail: err.Error()}
}

// resolve finds the runtime, and fetches it first if a person asked for that. While npm is
// replacing it, resolve waits, because a start would fail then without a lasting reason
// (PAINS P18).
func (g *generation) resolve(ctx context.Context) error {
	if g.plan.install {
		if err := g.fetch(ctx); err != nil {
			return err
		}
	}
	g.host.AwaitUpgrade(ctx, func() {
		g.log.Info("waiting for npm, which is replacing OpenClaw")
		g.phase(Upgrading)
	})
	g.phase(Resolving)
	limited, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	var err error
	g.runtime, err = g.host.Runtime(limited)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return runtimeCause(err)
	}
	return nil
}

// fetch installs the managed runtime and shows the progress (BEHAVIOUR N3).
func (g *generation) fetch(ctx context.Context) error {
	g.phase(Installing)
	var shown InstallProgress
	err := g.host.Install(ctx, g.plan.newest, func(p InstallProgress) {
		if visible(p) != visible(shown) {
			shown = p
			g.tell(func(s *Status) { s.Install = &p })
		}
	})
	g.tell(func(s *Status) { s.Install = nil })
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return Cause{Code: InstallFailed, Detail: strings.TrimSuffix(err.Error(), ".")}
	}
	return nil
}

// visible rounds p to the steps that people see, one percent or ten items, so that the
// status does not change too often.
func visible(p InstallProgress) InstallProgress {
	if p.Total > 0 {
		p.Done = p.Done * 100 / p.Total
	}
	return InstallProgress{Step: p.Step, Done: p.Done, Items: p.Items / 10}
}

// own makes p the process of this generation and starts to read its output.
func (g *generation) own(p Process) {
	g.mode, g.proc, g.listener = Managed, p, p.PID()
	g.bootAt = p.StartedAt()
	g.plan.safe = p.Safe()
	if port := p.Port(); port != 0 {
		g.conf = g.conf.At(port, sourceRunning)
	}
	g.timing.spawned()
	g.out = NewOutput(g.cfg.Redact.Lines())
	g.outDone = make(chan struct{})
	go g.read(p.Lines(), g.out, g.outDone)
	out, port := g.out, g.port()
	command := g.cfg.Redact.String(p.Command())
	g.note(func(r *recorder) { r.out, r.diagnostics.Command = out, command })
	g.stand(stand{at: climbing, mode: Managed}, func(s *Status) {
		s.Mode, s.Port = Managed, port
		s.PID, s.StartedAt = p.PID(), p.StartedAt()
		s.Facts = Facts{ProcessAlive: true}
	})
}

// read records and logs the child's output until it ends.
func (g *generation) read(lines <-chan Line, out *Output, done chan<- struct{}) {
	defer close(done)
	for l := range lines {
		text, sev, repeats := out.Add(l) // text has no colours, which gateways print into a pipe, too (measured, OpenClaw 2026.8.2)
		g.timing.trace(text)
		switch {
		case strings.HasSuffix(text, readyLine):
			out.announce("")
			poke(g.saidReady)
		case strings.Contains(text, endLine):
			out.announce(text)
			poke(g.saidEnd)
		}
		if repeats == 0 || sev == Drop {
			continue
		}
		level := map[Severity]slog.Level{Debug: slog.LevelDebug, Info: slog.LevelInfo, Warn: slog.LevelWarn}[sev]
		attrs := []any{"from", "gateway"}
		if repeats > 1 {
			attrs = append(attrs, "repeated", repeats)
		}
		g.log.Log(context.Background(), level, text, attrs...)
	}
}
