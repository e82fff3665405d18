package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"clawtray/rpc"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
)

// runtimeLimit is for the search, which asks every Node on the machine for its
// version and waits up to 3 s for the login shell.
const runtimeLimit = time.Minute

// portLimit is for the table of all connections, which some systems are slow to
// make; answerLimit is for whoever listens.
const (
	portLimit   = 20 * time.Second
	answerLimit = 10 * time.Second // a gateway that has just started is busy
)

// Subject is what is examined: a clawtray with its settings on a machine.
type Subject struct {
	Version string // of clawtray
	Program string // its path
	Dirs    settings.Dirs
	File    settings.File
	Machine *supervisor.Machine // of these settings; nothing of it is started
}

// Checks are the checks of everything but the desktop.
func (s Subject) Checks() []Check {
	return []Check{
		{Name: "clawtray", Look: s.program},
		{Name: "settings", Look: s.settings},
		{Name: "instance", Look: s.instance},
		{Name: "port", Look: s.port, Limit: portLimit},
		{Name: "last-run", Look: s.lastRun},
		{Name: "runtime", Look: s.runtime, Limit: runtimeLimit},
		{Name: "token", Look: s.token},
		{Name: "openclaw.json", Look: s.openclawConfig},
		{Name: "secrets", Look: s.secrets},
		{Name: "folders", Look: s.folders},
	}
}

// Redactor knows the secrets that the checks come across.
func (s Subject) Redactor() *rpc.Redactor {
	r := rpc.NewRedactor(s.File.Token)
	for _, v := range s.Machine.Env {
		if name, value, _ := strings.Cut(v, "="); name == openclaw.TokenVar || name == "OPENCLAW_GATEWAY_PASSWORD" {
			r.Add(value)
		}
	}
	cfg, _ := s.Machine.GatewayConfig()
	r.Add(cfg.Token)
	if kept, err := openclaw.LookForToken("", nil, openclaw.Config{}, supervisor.TokenFile(s.Dirs.State)); err == nil {
		r.Add(kept.Value)
	}
	return r
}

func one(name string, level Level, detail, remedy string) []Finding {
	return []Finding{{Name: name, Level: level, Detail: detail, Remedy: remedy}}
}

func (s Subject) program(context.Context) []Finding {
	return []Finding{{Name: "clawtray", Level: OK, Detail: fmt.Sprintf("%s, %s/%s, %s", s.Version, runtime.GOOS, runtime.GOARCH, s.Program),
		More: []string{"settings  " + s.Dirs.File(), "state     " + s.Dirs.State, "log       " + s.Dirs.Log(), "runtime   " + s.Dirs.Data, "socket    " + s.Dirs.Runtime}}}
}

func (s Subject) settings(context.Context) []Finding {
	switch {
	case len(s.File.Mistakes) > 0:
		f := Finding{Name: "settings", Level: Problem, Detail: "the file has mistakes; for a wrong value the default is used", Remedy: "Correct " + s.File.Path + "; `clawtray config --default` shows how it can look."}
		for _, m := range s.File.Mistakes {
			f.More = append(f.More, m.Sentence())
		}
		return []Finding{f}
	case s.File.Missing:
		return one("settings", OK, "no file, so all defaults", "")
	}
	set := slices.Sorted(maps.Keys(s.File.Lines))
	if len(set) == 0 {
		set = []string{"nothing"}
	}
	return one("settings", OK, s.File.Path+" sets "+strings.Join(set, ", "), "")
}

func (s Subject) report(ctx context.Context) (supervisor.Report, error) {
	r, _, err := control.NewClient(s.Dirs.Runtime).Report(ctx)
	return r, err
}

// instance is the running clawtray and what it says about the gateway.
func (s Subject) instance(ctx context.Context) []Finding {
	r, err := s.report(ctx)
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return one("instance", OK, "clawtray is not running", "")
	case err != nil:
		return one("instance", Problem, "clawtray runs, but does not answer: "+err.Error(), "End it and start it again.")
	}
	f := Finding{Name: "instance", Level: OK, Detail: "clawtray is running; the gateway: " + string(r.State)}
	if r.Cause.Code != supervisor.NoCause {
		f.Detail += " (" + r.Cause.Sentence() + ")"
	}
	switch r.State {
	case supervisor.Failed:
		f.Level, f.Remedy = Problem, r.Cause.Remedy()
		if f.Remedy == "" {
			f.Remedy = "Look at the log, then `clawtray restart`."
		}
	case supervisor.Starting, supervisor.Reconnecting:
		f.Level, f.Remedy = Warning, "Wait for it; `clawtray status --watch` shows how it goes."
	case supervisor.Running:
		for _, reason := range r.Health.Reasons {
			f.Level, f.More = Warning, append(f.More, reason.Text)
		}
	}
	return []Finding{f}
}

// port is who listens where the gateway is to be.
func (s Subject) port(ctx context.Context) []Finding {
	port := s.File.Port
	r, err := s.report(ctx)
	running := err == nil
	if running {
		port = r.Port
	}
	by, hidden := s.Machine.Listener(ctx, port, 0)
	asking, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	health, err := rpc.Healthz(asking, fmt.Sprintf("http://127.0.0.1:%d", port), nil)
	f := Finding{Name: "port", Level: OK}
	switch {
	case hidden != nil && err != nil:
		f.Detail = fmt.Sprintf("%d is free", port)
		if running && r.State == supervisor.Running {
			f.Level, f.Detail, f.Remedy = Warning, fmt.Sprintf("nobody listens on %d, although the gateway runs", port), "Look again in a moment; `clawtray restart` if it stays so."
		}
	case by.User != "":
		f.Level, f.Detail = Problem, fmt.Sprintf("%d belongs to %s", port, by)
		f.Remedy = fmt.Sprintf("Choose another port, such as %d, in %s.", s.Machine.FreePort(port), s.Dirs.File())
	case !health.Gateway:
		f.Level, f.Detail = Problem, fmt.Sprintf("%d is taken by %s, which does not answer as a gateway does", port, by)
		f.Remedy = fmt.Sprintf("Quit that program, or choose another port, such as %d, in %s.", s.Machine.FreePort(port), s.Dirs.File())
		if running && r.PID != 0 && r.PID == by.PID {
			f.Level, f.Detail, f.Remedy = Warning, fmt.Sprintf("%d is our gateway's (%s), which does not answer", port, by), "Wait; clawtray restarts a gateway that hangs."
		}
	case !running:
		f.Level, f.Detail = Warning, fmt.Sprintf("a gateway listens on %d: %s", port, by)
		f.Remedy = "Start clawtray: it takes over a gateway of its own and attaches to somebody else's."
	case r.Mode == supervisor.Attached:
		f.Detail = fmt.Sprintf("%d is a gateway that somebody else runs (%s); clawtray is attached to it", port, by)
	case by.PID != 0 && r.PID != 0 && by.PID != r.PID:
		f.Level, f.Detail = Warning, fmt.Sprintf("the gateway on %d is %s, not process %d as clawtray says", port, by, r.PID)
		f.Remedy = "Look again in a moment; `clawtray restart` if it stays so."
	default:
		f.Detail = fmt.Sprintf("%d is our gateway's (%s)", port, by)
	}
	if running && port != s.File.Port {
		f.More = append(f.More, fmt.Sprintf("the settings say %d, which the next start uses unless --port was given", s.File.Port))
	}
	return []Finding{f}
}

// lastRun is the gateway that the run file tells about.
func (s Subject) lastRun(ctx context.Context) []Finding {
	_, err := s.report(ctx)
	running := err == nil
	pid, alive, err := supervisor.LastRun(s.Dirs.State)
	switch {
	case err != nil:
		return one("last-run", Warning, "the run file cannot be read: "+err.Error(), "Nothing: the next start sets it aside.")
	case pid == 0:
		return one("last-run", OK, "left nothing behind", "")
	case alive && running:
		return one("last-run", OK, fmt.Sprintf("process %d is the gateway of the running clawtray", pid), "")
	case alive:
		return one("last-run", Warning, fmt.Sprintf("its gateway (process %d) still runs, without a clawtray", pid), "Start clawtray: it takes the gateway over with its work.")
	}
	return one("last-run", OK, fmt.Sprintf("ended uncleanly; its gateway (process %d) is gone, and the next start clears up", pid), "")
}

// runtime is the whole search for Node and OpenClaw, and what would be started.
func (s Subject) runtime(ctx context.Context) []Finding {
	search := s.Machine.Search
	search.Thorough, search.CacheFile = true, ""
	r, trace, err := openclaw.Resolve(ctx, search)
	f := Finding{Name: "runtime", Level: OK}
	f.More = table(trace)
	if err != nil {
		f.Level, f.Detail, f.Remedy = Problem, err.Error(), "Run `clawtray install`."
		if missing, ok := errors.AsType[*openclaw.MissingError](err); ok {
			f.Detail, f.Remedy = missing.Sentence, missing.Remedy
		}
		return []Finding{f}
	}
	f.Detail = fmt.Sprintf("OpenClaw %s (%s), Node %s (%s)", r.Version, r.Source, r.NodeVersion, r.NodeSource)
	command := Finding{Name: "command", Level: OK,
		Detail: r.Gateway(openclaw.Launch{Port: s.File.Port, Env: s.Machine.Env}).String(), More: []string{"PATH=" + r.Path}}
	tools := Finding{Name: "tools", Level: OK, Detail: "what skills need is here"}
	if lacks := supervisor.MissingTools(r.Path); len(lacks) > 0 {
		tools.Level, tools.Detail = Warning, "missing: "+strings.Join(lacks, ", ")
		tools.Remedy = "Install it where the gateway's PATH finds it, if you use such skills."
	}
	return []Finding{f, command, tools}
}

// table is the trace with its paths below each other.
func table(trace openclaw.Trace) []string {
	width := 0
	for _, step := range trace {
		width = max(width, len(step.Source))
	}
	lines := make([]string, len(trace))
	for i, step := range trace {
		where := strings.TrimSpace(step.Path + "  " + step.Version)
		if where != "" && step.Why != "" {
			where += ": "
		}
		lines[i] = fmt.Sprintf("%-8s %-8s %-*s  %s%s", step.Verdict, step.What, width, step.Source, where, step.Why)
	}
	return lines
}

func (s Subject) token(context.Context) []Finding {
	cfg, _ := s.Machine.GatewayConfig() // said by its own check
	t, err := openclaw.LookForToken(s.Machine.ConfiguredToken, s.Machine.Env, cfg, supervisor.TokenFile(s.Dirs.State))
	switch {
	case err != nil:
		f := Finding{Name: "token", Level: Problem, Detail: err.Error()}
		if e, ok := errors.AsType[*openclaw.TokenError](err); ok {
			f.Detail, f.Remedy = e.Sentence, e.Remedy
		}
		return []Finding{f}
	case t.Conflict != "":
		return one("token", Warning, "from "+t.Source+", which is not the one the gateway uses", t.Conflict)
	case t.Value == "":
		return one("token", OK, "none yet; clawtray makes one at the first start", "")
	}
	return one("token", OK, "from "+t.Source, "")
}

func (s Subject) openclawConfig(context.Context) []Finding {
	const name = "openclaw.json"
	path := openclaw.PathsFrom(s.Machine.Env, s.Machine.Home).ConfigPath
	cfg, err := openclaw.ReadConfig(path)
	switch {
	case err != nil:
		return one(name, Problem, err.Error(), "Correct "+path+", or run `openclaw doctor --fix`.")
	case !cfg.Exists:
		return one(name, OK, "not there; OpenClaw uses its defaults ("+path+")", "")
	case cfg.Mode == "remote":
		return one(name, Warning, path+" is for a gateway elsewhere (gateway.mode is remote)", "Set gateway.mode to local to run one here.")
	}
	f := Finding{Name: name, Level: OK, Detail: fmt.Sprintf("%s, reloads: %s", path, cfg.ReloadMode)}
	if cfg.Port != 0 && cfg.Port != s.File.Port {
		f.More = append(f.More, fmt.Sprintf("its gateway.port is %d; a gateway of clawtray listens on %d all the same", cfg.Port, s.File.Port))
	}
	return []Finding{f}
}
