package supervisor

import (
	"fmt"
	"slices"
	"strings"
)

// reasonText has one row per reason: how bad it is, and the sentence. %v in the sentence
// becomes the detail.
var reasonText = map[ReasonCode]struct {
	severity Level
	sentence string
}{
	ReasonNotRunning:      {Unresponsive, "The gateway is not running"},
	ReasonHeartbeatMissed: {Degraded, "The gateway did not answer the last %v heartbeats"},
	ReasonVerifying:       {Degraded, "Checking whether the gateway still answers"},
	ReasonBusy:            {Degraded, "The gateway is too busy to answer"},
	ReasonNotAnswering:    {Unresponsive, "The gateway does not answer, and it is not ours to restart"},
	ReasonRPCTimeouts:     {Degraded, "Calls to the gateway time out (%v)"},
	ReasonChannels:        {Degraded, "A chat channel is in trouble (%v)"},
	ReasonSafeMode:        {Degraded, "The gateway keeps its channels off after repeated crashes (%v)"},
	ReasonEventLoop:       {Degraded, "The gateway is under load (%v)"},
	ReasonDrift:           {Degraded, "The configuration on disk is not the one that runs"},
	ReasonConfigInvalid:   {Degraded, "The configuration on disk is invalid; the last good one runs (%v)"},
	ReasonIdentity:        {Degraded, "%v"},
	ReasonEnvironment:     {Degraded, "Missing on this computer: %v"},
	ReasonUpdate:          {Degraded, "OpenClaw %v is installed; restart to use it"},
	ReasonSettings:        {Degraded, "clawtray's settings have mistakes: %v"},
	ReasonPending:         {Degraded, "Restart to use the new settings: %v"},
	ReasonSafeStart:       {Degraded, "The gateway runs without channels and plugins, as you asked; restart it to bring them back"},
	ReasonSpace:           {Degraded, "Little space is left on the disk: %v"},
	ReasonLogins:          {Degraded, "OpenClaw has to log in again at %v"},
	ReasonDraining:        {Degraded, "The gateway is to stop or restart; it finishes its work and takes nothing new"},
	ReasonNoRPC:           {Degraded, "The gateway runs, but clawtray is not signed in (%v)"},
}

// reason makes a Reason. detail may be nil, a text, a number or a list of texts.
func reason(code ReasonCode, detail any) Reason {
	t := reasonText[code]
	var text string
	switch d := detail.(type) {
	case nil:
	case []string:
		text = strings.Join(d, ", ")
	default:
		text = fmt.Sprint(d)
	}
	return Reason{Code: code, Severity: t.severity, Detail: text, Text: fill(strings.Replace(t.sentence, "%v", "%s", 1), text)}
}

// with returns the health with r added; r replaces an older reason with the same code. An r
// that has only a code removes that reason.
func (h Health) with(r Reason) Health {
	h = h.without(r.Code)
	if r.Severity == "" {
		return h
	}
	return rated(append(h.Reasons, r))
}

// without returns the health without the given reasons.
func (h Health) without(codes ...ReasonCode) Health {
	return rated(slices.DeleteFunc(slices.Clone(h.Reasons), func(r Reason) bool { return slices.Contains(codes, r.Code) }))
}

var rank = map[Level]int{Healthy: 0, Degraded: 1, Unresponsive: 2}

// rated sorts the reasons, worst first, and sets the level to the worst severity.
func rated(reasons []Reason) Health {
	slices.SortStableFunc(reasons, func(a, b Reason) int { return rank[b.Severity] - rank[a.Severity] })
	h := Health{Level: Healthy, Reasons: reasons}
	if len(reasons) > 0 {
		h.Level = reasons[0].Severity
	}
	return h
}
