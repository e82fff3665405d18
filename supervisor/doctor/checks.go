package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/redact"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/machine"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
	"clawtray/supervisor/words"
)

// runtimeLimit limits the search for Node and OpenClaw. It asks every Node on the machine
// for its version and waits up to 3 s for the login shell.
const runtimeLimit = time.Minute

// portLimit limits reading the table of all connections, which some systems create slowly.
// answerLimit limits the answer of the program that listens.
const (
	portLimit   = 20 * time.Second
	answerLimit = 10 * time.Second // a gateway that has just started is busy
)

// Subject is what is checked: a clawtray and its settings on a machine.
type Subject struct {
	Version string // clawtray's version
	Program string // clawtray's path
	Dirs    settings.Dirs
	File    settings.File
	Machine *machine.Machine // of these settings; nothing of it is started
	Voice   Voice
}

// Voice is the language of the findings.
type Voice struct {
	*words.Texts
	// These say what package supervisor says in English.
	Sentence, Remedy func(supervisor.Cause) string
	Reason           func(supervisor.Reason) string
}

// said is an error in the language of the findings.
func (v Voice) said(err error) string { return v.Translate(err.Error()) }

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

// Redactor returns a redactor that knows the secrets in everything that the checks read.
func (s Subject) Redactor(ctx context.Context) *redact.Redactor {
	r := s.Dirs.Redactor(s.File.Settings, s.Machine.Env, s.Machine.Home)
	e, _ := s.Machine.Effective(ctx)
	r.Add(e.Secrets.Values()...)
	return r
}

func one(name string, level Level, detail, remedy string) []Finding {
	return []Finding{{Name: name, Level: level, Detail: detail, Remedy: remedy}}
}

func (s Subject) program(context.Context) []Finding {
	t := s.Voice.Doctor
	place := func(name, path string) string { return words.Pad(name, 10) + path }
	return []Finding{{Name: "clawtray", Level: OK, Detail: fmt.Sprintf("%s, %s/%s, %s", s.Version, runtime.GOOS, runtime.GOARCH, s.Program),
		More: []string{place(t.Settings, s.Dirs.File()), place(t.State, s.Dirs.State), place(t.Log, s.Dirs.Log()), place(t.Runtime, s.Dirs.Data)}}}
}

func (s Subject) settings(context.Context) []Finding {
	t := s.Voice.Doctor
	switch {
	case len(s.File.Mistakes) > 0:
		f := Finding{Name: "settings", Level: Problem, Detail: t.Mistakes, Remedy: fmt.Sprintf(t.MistakesRemedy, s.File.Path)}
		for _, m := range s.File.Mistakes {
			f.More = append(f.More, s.Voice.Translate(m.Sentence()))
		}
		return []Finding{f}
	case s.File.Missing:
		return one("settings", OK, t.NoFile, "")
	}
	set := slices.Sorted(maps.Keys(s.File.Lines))
	if len(set) == 0 {
		set = []string{t.Nothing}
	}
	return one("settings", OK, fmt.Sprintf(t.Sets, s.File.Path, strings.Join(set, ", ")), "")
}

func (s Subject) report(ctx context.Context) (supervisor.Report, error) {
	r, _, err := control.NewClient(s.Dirs.State).Report(ctx)
	return r, err
}

// instance checks the running clawtray and what it says about the gateway.
func (s Subject) instance(ctx context.Context) []Finding {
	t := s.Voice.Doctor
	r, err := s.report(ctx)
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return one("instance", OK, t.NotRunning, "")
	case err != nil:
		return one("instance", Problem, s.Voice.said(err), t.EndIt)
	}
	f := Finding{Name: "instance", Level: OK, Detail: fmt.Sprintf(t.Running, s.Voice.Translate(string(r.State)))}
	if r.Cause.Code != supervisor.NoCause {
		f.Detail += fmt.Sprintf(t.Because, s.Voice.Sentence(r.Cause))
	}
	switch r.State {
	case supervisor.Failed:
		f.Level, f.Remedy = Problem, cmp.Or(s.Voice.Remedy(r.Cause), t.LookAtLog)
	case supervisor.Starting, supervisor.Reconnecting:
		f.Level, f.Remedy = Warning, t.WaitForIt
	case supervisor.Running:
		for _, reason := range r.Health.Reasons {
			f.Level, f.More = Warning, append(f.More, s.Voice.Reason(reason))
		}
	}
	return []Finding{f}
}

// port checks who listens on the gateway's port.
func (s Subject) port(ctx context.Context) []Finding {
	r, err := s.report(ctx)
	running := err == nil
	e, err := s.Machine.Effective(ctx)
	if err != nil || e.IsRemote() {
		return nil // the check of the configuration reports this error
	}
	configured := e.Listen.Port
	port := configured.Value
	if running && r.Port != 0 {
		port = r.Port
	}
	e = e.At(port, "clawtray")
	listener, hidden := s.Machine.Listener(ctx, port, 0)
	asking, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	health, err := rpc.Gateway{URL: e.URL(), TLSConfig: &tls.Config{InsecureSkipVerify: true}}.Healthz(asking) // #nosec G402 -- nothing secret is sent
	f, t, by := Finding{Name: "port", Level: OK}, s.Voice.Doctor, s.Voice.Translate(listener.String())
	switch {
	case hidden != nil && err != nil:
		f.Detail = fmt.Sprintf(t.PortFree, port)
		if running && r.State == supervisor.Running {
			f.Level, f.Detail, f.Remedy = Warning, fmt.Sprintf(t.PortNobody, port), t.LookAgain
		}
	case listener.User != "":
		f.Level, f.Detail = Problem, fmt.Sprintf(t.PortOfUser, port, by)
		f.Remedy = fmt.Sprintf(t.OtherPort, s.Machine.FreePort(ctx, port), s.Dirs.File())
	case !health.Gateway:
		f.Level, f.Detail = Problem, fmt.Sprintf(t.PortTaken, port, by)
		f.Remedy = fmt.Sprintf(t.QuitOrOther, s.Machine.FreePort(ctx, port), s.Dirs.File())
		if running && r.PID != 0 && r.PID == listener.PID {
			f.Level, f.Detail, f.Remedy = Warning, fmt.Sprintf(t.PortSilent, port, by), t.WaitRestarts
		}
	case !running:
		f.Level, f.Detail = Warning, fmt.Sprintf(t.PortGateway, port, by)
		f.Remedy = t.StartTakesOver
	case r.Mode == supervisor.Attached:
		f.Detail = fmt.Sprintf(t.PortAttached, port, by)
	case listener.PID != 0 && r.PID != 0 && listener.PID != r.PID:
		f.Level, f.Detail = Warning, fmt.Sprintf(t.PortOtherPID, port, by, r.PID)
		f.Remedy = t.LookAgain
	default:
		f.Detail = fmt.Sprintf(t.PortOurs, port, by)
	}
	if running && port != configured.Value {
		f.More = append(f.More, fmt.Sprintf(t.PortConfigured, configured.Value, s.Voice.Translate(string(configured.Source))))
	}
	return []Finding{f}
}

// lastRun checks the gateway that is named in the run file.
func (s Subject) lastRun(ctx context.Context) []Finding {
	t := s.Voice.Doctor
	_, err := s.report(ctx)
	running := err == nil
	pid, alive, err := machine.LastRun(s.Dirs.State)
	switch {
	case err != nil:
		return one("last-run", Warning, fmt.Sprintf(t.RunUnreadable, s.Voice.said(err)), t.RunAside)
	case pid == 0:
		return one("last-run", OK, t.RunNothing, "")
	case alive && running:
		return one("last-run", OK, fmt.Sprintf(t.RunOurs, pid), "")
	case alive:
		return one("last-run", Warning, fmt.Sprintf(t.RunAlive, pid), t.RunTakeOver)
	}
	return one("last-run", OK, fmt.Sprintf(t.RunGone, pid), "")
}

// runtime makes the whole search for Node and OpenClaw, and says which would be started.
func (s Subject) runtime(ctx context.Context) []Finding {
	search := s.Machine.Search
	search.Thorough, search.CacheFile = true, ""
	r, trace, err := openclaw.Resolve(ctx, search)
	f, t := Finding{Name: "runtime", Level: OK}, s.Voice.Doctor
	f.More = s.Voice.table(trace)
	if err != nil {
		f.Level, f.Detail, f.Remedy = Problem, s.Voice.said(err), t.Install
		if missing, ok := errors.AsType[*openclaw.MissingError](err); ok {
			f.Detail, f.Remedy = s.Voice.Translate(missing.Sentence), s.Voice.Translate(missing.Remedy)
		}
		return []Finding{f}
	}
	f.Detail = fmt.Sprintf(t.Pair, r.Version, s.Voice.Translate(r.Source), r.NodeVersion, s.Voice.Translate(r.NodeSource))
	e, _ := s.Machine.Effective(ctx) // what is wrong with it is said by its own check
	command := Finding{Name: "command", Level: OK,
		Detail: r.Gateway(openclaw.Launch{Child: e.Child(), Env: s.Machine.Env}).String(), More: []string{"PATH=" + r.Path}}
	tools := Finding{Name: "tools", Level: OK, Detail: t.Tools}
	if lacks := machine.MissingTools(r.Path); len(lacks) > 0 {
		for i := range lacks {
			lacks[i] = s.Voice.Translate(lacks[i])
		}
		tools.Level, tools.Detail, tools.Remedy = Warning, fmt.Sprintf(t.ToolsMissing, strings.Join(lacks, ", ")), t.ToolsRemedy
	}
	found := []Finding{f, command, tools}
	for _, dir := range openclaw.OpenFolders(r.Path) {
		found = append(found, Finding{Name: "path", Level: Warning, Detail: fmt.Sprintf(t.OpenPath, dir), Remedy: fmt.Sprintf(t.OpenPathRemedy, dir)})
	}
	return found
}

// table is the trace with its paths below each other.
func (v Voice) table(trace openclaw.Trace) []string {
	const short = 8 // of the first two words
	width := 0
	for _, step := range trace {
		width = max(width, words.Columns(v.Translate(step.Source)))
	}
	lines := make([]string, len(trace))
	for i, step := range trace {
		where := strings.TrimSpace(step.Path + "  " + step.Version)
		if where != "" && step.Why != "" {
			where += v.Colon
		}
		lines[i] = fmt.Sprintf("%s %s %s  %s%s", words.Pad(v.Translate(string(step.Verdict)), short), words.Pad(v.Translate(step.What), short),
			words.Pad(v.Translate(step.Source), width), where, v.Translate(step.Why))
	}
	return lines
}

// token checks how clawtray signs in.
func (s Subject) token(ctx context.Context) []Finding {
	e, err := s.Machine.Effective(ctx)
	if err != nil || e.IsRemote() {
		return nil // the check of the configuration reports this error
	}
	t, secret := s.Voice.Doctor, e.SignIn.Secret()
	if problem, is := errors.AsType[*openclaw.ConfigError](e.SignInProblem()); is {
		if problem.Kind == openclaw.ConfigNoSecret && e.SignIn.Mode.Value == openclaw.SignInToken {
			if kept, err := openclaw.KeptToken(machine.TokenFile(s.Dirs.State)); err != nil {
				f := Finding{Name: "token", Level: Problem, Detail: s.Voice.said(err)}
				if e, ok := errors.AsType[*openclaw.TokenError](err); ok {
					f.Detail, f.Remedy = s.Voice.Translate(e.Sentence), s.Voice.Translate(e.Remedy)
				}
				return []Finding{f}
			} else if kept.Value != "" {
				return one("token", OK, t.TokenMade, "")
			}
			return one("token", OK, t.TokenNone, "")
		}
		return one("token", Problem, s.Voice.said(problem), fmt.Sprintf(t.TokenAuth, e.Paths.ConfigPath))
	}
	f := Finding{Name: "token", Level: OK, Detail: s.Voice.Translate(e.SignIn.Mode.Value)}
	if secret.State != openclaw.SecretAbsent {
		f.Detail += " " + s.Voice.Translate(secret.String())
	}
	for _, other := range secret.Over {
		f.Level, f.More = Warning, append(f.More, fmt.Sprintf(t.TokenOver, s.Voice.Translate(string(other))))
		f.Remedy = t.TokenOverRemedy
	}
	return []Finding{f}
}

// openclawConfig describes the gateway in the user's configuration: each value with its
// source and the values that it overrides (BEHAVIOUR O8).
func (s Subject) openclawConfig(ctx context.Context) []Finding {
	const name = "openclaw.json"
	t := s.Voice.Doctor
	e, err := s.Machine.Effective(ctx)
	path := openclaw.ProfilePaths(s.Machine.Env, s.Machine.Home, s.Machine.Profile).ConfigPath
	correct := fmt.Sprintf(t.Correct, path)
	if err != nil {
		return one(name, Problem, s.Voice.said(err), correct)
	}
	f := Finding{Name: name, Level: OK, Detail: path, More: s.Voice.rows(e)}
	switch problem := e.Startable(); {
	case !e.File.Exists:
		f.Detail = fmt.Sprintf(t.ConfigNone, path)
	case e.IsRemote():
		f.Level, f.Detail, f.Remedy = Warning, fmt.Sprintf(t.ConfigRemote, path), t.ConfigLocal
		if tunnel := e.Remote.Tunnel(); tunnel != nil {
			f.Remedy = fmt.Sprintf(t.ConfigTunnel, strings.Join(tunnel, " "))
		}
	case problem != nil && !openclaw.IsConfigError(problem, openclaw.ConfigNoSecret):
		f.Level, f.Detail, f.Remedy = Problem, s.Voice.said(problem), correct
	}
	for _, problem := range e.Problems {
		if f.Level == OK {
			f.Level, f.Remedy = Warning, fmt.Sprintf(t.CorrectIn, path)
		}
		f.More = append(f.More, s.Voice.said(problem))
	}
	return []Finding{f}
}

// rows lists what is in force.
func (v Voice) rows(e openclaw.Effective) []string {
	all := e.Rows()
	width := 0
	for _, r := range all {
		width = max(width, words.Columns(v.Translate(r.Name)))
	}
	lines := make([]string, len(all))
	for i, r := range all {
		lines[i] = words.Pad(v.Translate(r.Name), width) + "  " + v.Translate(r.Value)
		if r.Source != "" && !strings.Contains(r.Value, string(r.Source)) {
			lines[i] += fmt.Sprintf(v.Doctor.Because, v.Translate(string(r.Source)))
		}
		for _, other := range r.Over {
			lines[i] += fmt.Sprintf(v.Doctor.RowOver, v.Translate(other.Value), v.Translate(string(other.Source)))
		}
	}
	return lines
}
