package tray

import (
	"fmt"
	"time"

	"clawtray/supervisor"
)

func (v *view) statusLine() string {
	if v.s.Stopping() {
		return v.stoppingLine()
	}
	switch v.s.State {
	case supervisor.Running:
		if v.degraded() {
			since := problemSince(v.s)
			if since.IsZero() {
				return v.t.state.DegradedNow
			}
			return fmt.Sprintf(v.t.state.Degraded, v.ago(since))
		}
		return fmt.Sprintf(v.t.state.Running, v.ago(v.s.Since))
	case supervisor.Starting:
		return v.withPhase(v.t.state.Starting, v.phase())
	case supervisor.Reconnecting:
		return v.reconnectingLine()
	case supervisor.Failed:
		switch {
		case v.alive() && signIn[v.s.Cause.Code]:
			return v.t.state.SignedOut
		case v.alive():
			return v.t.state.Unusable
		}
		return fmt.Sprintf(v.t.state.Failed, v.ago(v.s.Since))
	}
	return fmt.Sprintf(v.t.state.Stopped, v.ago(v.s.Since))
}

func (v *view) withPhase(state, phase string) string {
	if phase == "" {
		return state
	}
	return state + v.t.mark.Colon + phase
}

func (v *view) stoppingLine() string {
	words := map[string]string{"restart": v.t.phase.ForRestart, "quit": v.t.phase.ForQuit}[v.s.StoppingFor]
	if words == "" {
		words = v.t.phase.ForStop
	}
	return v.withPhase(words, v.phase())
}

func (v *view) reconnectingLine() string {
	s := v.t.state.Reconnecting
	if v.s.Attempts > 0 && v.s.MaxAttempts > 0 {
		s += v.t.mark.Comma + fmt.Sprintf(v.t.state.Attempt, v.s.Attempts, v.s.MaxAttempts)
	}
	if v.s.Phase == supervisor.Waiting && !v.s.NextRetryAt.IsZero() {
		return s + v.t.mark.Comma + fmt.Sprintf(v.t.state.NextTry, v.wait())
	}
	return v.withPhase(s, v.phase())
}

// retryStep is the step in which the wait for the next attempt is shown.
const retryStep = 10 * time.Second

// wait returns the time until the next attempt in words, rounded up to steps, but never
// longer than the whole wait. So the label of a short wait does not change.
func (v *view) wait() string {
	left := v.s.NextRetryAt.Sub(v.now)
	whole := v.s.NextRetryAt.Sub(v.s.PhaseSince)
	if v.s.PhaseSince.IsZero() || whole < left {
		whole = left
	}
	steps := max(1, (left+retryStep-1)/retryStep) * retryStep
	if steps > retryStep {
		v.changes(v.s.NextRetryAt.Add(retryStep - steps))
	}
	return v.t.exact(min(whole, steps))
}

func (v *view) phase() string {
	switch {
	case v.s.Phase == supervisor.Installing:
		return v.installing()
	case v.s.Phase == supervisor.Draining && v.s.ActiveWork == 1:
		return v.t.phase.DrainingOne
	case v.s.Phase == supervisor.Draining && v.s.ActiveWork > 1:
		return fmt.Sprintf(v.t.phase.DrainingWork, v.s.ActiveWork)
	}
	return v.t.phase.by[v.s.Phase]
}

// Progress is shown in steps of installStep percent, or of installItems files;
// OpenClaw has about 700.
const (
	installStep  = 10
	installItems = 50
)

func (v *view) installing() string {
	p := v.s.Install
	switch {
	case p == nil:
		return fmt.Sprintf(v.t.phase.Installing, "OpenClaw")
	case p.Items > 0:
		return fmt.Sprintf(v.t.phase.InstallItems, p.Step, p.Items/installItems*installItems)
	case p.Total <= 0:
		return fmt.Sprintf(v.t.phase.Installing, p.Step)
	}
	percent := min(100, max(0, 100*p.Done/p.Total)) / installStep * installStep
	return fmt.Sprintf(v.t.phase.InstallPercent, p.Step, percent)
}

// sentence is one sentence below the status, and how many lines of the menu it may take.
type sentence struct {
	text  string
	lines int
}

// details returns the sentences as lines of the menu. There is always at least one line.
func (v *view) details() []string {
	var out []string
	for _, s := range v.sentences() {
		out = append(out, wrap(plain(s.text), min(s.lines, detailLines-len(out)))...)
	}
	if len(out) == 0 {
		out = append(out, fmt.Sprintf(v.t.detail.Port, v.s.Port))
	}
	return out
}

// sentences are several, in the order in which they are shown.
type sentences []sentence

func (all *sentences) add(text string, lines int) {
	if text != "" {
		*all = append(*all, sentence{text, lines})
	}
}

// sentences say why the gateway is in its state, since when, and what to do. Text from
// outside in them still needs [plain] or [printable].
func (v *view) sentences() []sentence {
	var out sentences
	out.add(v.owner(), 1)
	if v.s.State == supervisor.Running && !v.s.Stopping() {
		v.whatRuns(&out)
	} else {
		v.whyNot(&out)
	}
	return out
}

// whatRuns says of a gateway that runs what it is, what it does and what it lacks.
func (v *view) whatRuns(out *sentences) {
	if v.s.GatewayVersion != "" {
		out.add(fmt.Sprintf(v.t.detail.About, v.s.GatewayVersion, v.s.Port), 1)
	}
	if v.s.Waiting > 0 {
		out.add(v.t.ask.waiting(v.s.Waiting), 1)
	}
	out.add(v.works(), 1)
	for _, r := range v.s.Health.Reasons {
		out.add(v.t.health(r), 2)
		if c := r.LoginCommand(); c != "" {
			out.add(fmt.Sprintf(v.t.detail.InTerminal, c), 1)
		}
	}
	for _, c := range v.s.Channels {
		out.add(v.channel(c), 1)
	}
	if v.s.InstalledVersion != "" && !v.hasReason(supervisor.ReasonUpdate) {
		out.add(fmt.Sprintf(v.t.detail.UpdateReady, v.s.InstalledVersion), 1)
	}
	out.add(v.repaired(), 2)
}

// whyNot says why no gateway runs, and what to do.
func (v *view) whyNot(out *sentences) {
	out.add(v.t.sentence(v.s.Cause), 2)
	if v.s.SlowStart {
		out.add(v.t.detail.SlowStart, 1)
	}
	if last := v.lastLine(); last != "" {
		out.add(fmt.Sprintf(v.t.detail.LastLine, last), 1)
	}
	if !v.s.Stopping() {
		v.whatToDo(out)
	}
	out.add(v.repaired(), 2)
	for _, r := range v.s.Health.Reasons {
		if r.Code == supervisor.ReasonSettings { // a mistake in the settings may be the reason why the gateway does not run
			out.add(v.t.health(r), 2)
		}
	}
}

// whatToDo gives the advice for the cause and its command. When a good configuration is
// kept, the command that brings it back comes before the advice.
func (v *view) whatToDo(out *sentences) {
	help := v.t.advice
	if v.terminal {
		help = v.t.help
	}
	advice, command := help(v.s.Cause), v.s.Cause.Command()
	if command != "" {
		command = fmt.Sprintf(v.t.detail.InTerminal, command)
	}
	if kept := v.t.kept(v.s.Cause); kept != "" {
		out.add(kept, 1)
		out.add(command, 1)
		out.add(advice, 2)
		return
	}
	out.add(advice, 2)
	out.add(command, 1)
}

// owner returns who else runs or could run the gateway; empty when only clawtray does
// (BEHAVIOUR M1, L6).
func (v *view) owner() string {
	switch {
	case v.s.Mode == supervisor.Attached && v.set.Service:
		return v.t.detail.AttachedService
	case v.s.Mode == supervisor.Attached:
		return v.t.detail.Attached
	case v.set.Service:
		return v.t.detail.Service
	}
	return ""
}

func (v *view) hasReason(code supervisor.ReasonCode) bool {
	for _, r := range v.s.Health.Reasons {
		if r.Code == code {
			return true
		}
	}
	return false
}

// lastLine returns the newest line of the gateway's output during a slow start or after a
// failure. At other times the line explains nothing, and each new line would change a
// label.
func (v *view) lastLine() string {
	if v.s.SlowStart && v.s.LastLine != "" {
		return v.s.LastLine
	}
	if v.s.State == supervisor.Failed {
		return v.s.Cause.LastLine
	}
	return ""
}
