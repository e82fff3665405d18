package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/redact"
)

// Channel is one account of a chat channel, for example of Telegram (BEHAVIOUR R3).
type Channel struct {
	ID      string       `json:"id"`                // "telegram"
	Name    string       `json:"name"`              // "Telegram"
	Account string       `json:"account,omitempty"` // set when the channel has more than one account
	State   ChannelState `json:"state"`
	Detail  string       `json:"detail,omitempty"` // why the channel is broken or not connected
}

// ChannelState is the state of a channel.
type ChannelState string

// The states.
const (
	ChannelConnected  ChannelState = "connected"
	ChannelRunning    ChannelState = "running"    // it runs; the gateway does not say whether it is connected
	ChannelConnecting ChannelState = "connecting" // it runs, but is not connected
	ChannelBroken     ChannelState = "broken"     // it does not run, because of Detail
	ChannelOff        ChannelState = "off"        // it does not run, and there is no error
)

// Activity counts what the gateway is doing now. The numbers are the gateway's own
// (BEHAVIOUR R4).
type Activity struct {
	Sessions int `json:"sessions"` // conversations in which the agent is working
	Tasks    int `json:"tasks"`    // scheduled and background work
	Other    int `json:"other"`    // other work that an immediate restart would lose
}

// Idle reports whether a restart would lose no work.
func (a Activity) Idle() bool { return a == Activity{} }

// maxChannels limits the number of channels in the status; real gateways have a few.
const maxChannels = 50

// channelReport is the answer to channels.status (measured and read, OpenClaw 2026.9.6).
type channelReport struct {
	Order    []string                    `json:"channelOrder"`
	Labels   map[string]string           `json:"channelLabels"`
	Accounts map[string][]channelAccount `json:"channelAccounts"`
}

type channelAccount struct {
	ID         string `json:"accountId"`
	Enabled    *bool  `json:"enabled"`
	Configured *bool  `json:"configured"`
	Running    bool   `json:"running"`
	Connected  *bool  `json:"connected"`
	LastError  string `json:"lastError"`
}

func (a channelAccount) state() ChannelState {
	switch {
	case !a.Running && a.LastError != "":
		return ChannelBroken
	case !a.Running:
		return ChannelOff
	case a.Connected == nil:
		return ChannelRunning
	case *a.Connected:
		return ChannelConnected
	}
	return ChannelConnecting
}

// channels returns the accounts that are set up, in the gateway's sequence.
func (r channelReport) channels(clean func(string) string) []Channel {
	var all []Channel
	for _, id := range r.Order {
		accounts := r.Accounts[id]
		for _, a := range accounts {
			if a.Configured != nil && !*a.Configured || a.Enabled != nil && !*a.Enabled || len(all) == maxChannels {
				continue
			}
			c := Channel{ID: id, Name: redact.Unmistakable(r.Labels[id]), State: a.state()}
			if c.Name == "" {
				c.Name = redact.Unmistakable(id)
			}
			if len(accounts) > 1 {
				c.Account = redact.Unmistakable(a.ID)
			}
			if c.State == ChannelBroken || c.State == ChannelConnecting {
				c.Detail = short(redact.PrintableLine(clean(a.LastError)))
			}
			all = append(all, c)
		}
	}
	return all
}

// loginReport is the part of models.authStatus that we look at (measured and read,
// OpenClaw 2026.9.6).
type loginReport struct {
	Providers []struct {
		Provider string `json:"provider"`
		Status   string `json:"status"` // "ok", "expiring", "expired", "missing", "static"
	} `json:"providers"`
}

// providerName matches provider names that are safe in a command line.
var providerName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// reason returns a Reason that names the log-ins that have expired or are missing.
func (r loginReport) reason() Reason {
	var gone []string
	for _, p := range r.Providers {
		if (p.Status == "expired" || p.Status == "missing") && providerName.MatchString(p.Provider) {
			gone = append(gone, p.Provider)
		}
	}
	slices.Sort(gone)
	return unless(len(gone) == 0, reason(ReasonLogins, gone))
}

// LoginCommand returns the command that renews the first log-in of a ReasonLogins; empty
// for other reasons.
func (r Reason) LoginCommand() string {
	if r.Code != ReasonLogins {
		return ""
	}
	first, _, _ := strings.Cut(r.Detail, ", ")
	if !providerName.MatchString(first) {
		return ""
	}
	return "clawtray openclaw models auth login --provider " + first
}

const (
	// doingsRest is the minimum time between two calls about the gateway's activity,
	// because a busy gateway sends an event for each step.
	doingsRest = 5 * time.Second
	// loginEvery is the number of beats between two checks of the log-ins.
	loginEvery = 60
)

// doingsEvents are the events after which the activity may have changed.
var doingsEvents = []string{"sessions.changed", "task"}

// followDoings shows the gateway's activity, its channels and its log-ins in the status
// until ctx ends.
func (g *generation) followDoings(ctx context.Context, s *rpc.Session) {
	sub := g.doings
	defer sub.Close()
	g.lookAtChannels(ctx, s)
	g.lookAtLogins(ctx, s)
	g.lookAtActivity(ctx, s)
	beat, beats := g.beat.C(), 0
	rest := stoppedTimer()
	defer rest.Stop()
	resting := false
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-sub.C():
			if !ok {
				return
			}
			if !resting {
				resting = true
				rest.Reset(doingsRest)
			}
		case <-rest.C:
			resting = false
			if g.lookAtActivity(ctx, s) { // the gateway may send no event when the last work ends
				resting = true
				rest.Reset(doingsRest)
			}
		case <-beat:
			beat = g.beat.C()
			beats++
			if beats%callEvery == 0 {
				g.lookAtChannels(ctx, s)
			}
			if beats%loginEvery == 0 {
				g.lookAtLogins(ctx, s)
			}
		}
	}
}

// look makes one call and decodes its answer into into. It reports whether that worked; the
// caller ignores failures, because they only mean that nothing is known.
func look(ctx context.Context, s *rpc.Session, method string, into any) bool {
	if !s.Supports(method) {
		return false
	}
	var answer json.RawMessage
	return s.Call(ctx, method, map[string]any{}, &answer) == nil && json.Unmarshal(answer, into) == nil
}

func (g *generation) lookAtChannels(ctx context.Context, s *rpc.Session) {
	var r channelReport
	if look(ctx, s, "channels.status", &r) {
		all := r.channels(g.cfg.Redact.String)
		g.tell(func(st *Status) { st.Channels = all })
	}
}

func (g *generation) lookAtLogins(ctx context.Context, s *rpc.Session) {
	var r loginReport
	if look(ctx, s, "models.authStatus", &r) {
		why := r.reason()
		g.tell(func(st *Status) { st.Health = st.Health.with(why) })
	}
}

// lookAtActivity updates Status.Activity and reports whether the gateway is busy.
func (g *generation) lookAtActivity(ctx context.Context, s *rpc.Session) bool {
	var p preflight
	if !look(ctx, s, "gateway.restart.preflight", &p) {
		return false
	}
	now := p.activity()
	g.tell(func(st *Status) { st.Activity = now })
	return !now.Idle()
}

// activity turns the gateway's counts into those that a person understands. Work that fits
// no other count becomes Other.
func (p preflight) activity() Activity {
	c := p.Counts
	a := Activity{Sessions: max(0, c.Runs), Tasks: max(0, c.Cron+c.Tasks+c.Background)}
	if p.Safe {
		return Activity{}
	}
	if a.Idle() {
		a.Other = max(1, c.Total)
	}
	return a
}

// StartChannel asks the gateway to start a channel that is off. account may be empty. The
// error says why the channel did not start.
func (s *Supervisor) StartChannel(ctx context.Context, id, account string) error {
	session := s.hub.live()
	if session == nil {
		return errNoGateway
	}
	params := map[string]any{"channel": id}
	if account != "" {
		params["accountId"] = account
	}
	var out struct {
		Started bool `json:"started"`
		Outcome struct {
			Status string `json:"status"`
			Reason string `json:"reason"`
		} `json:"outcome"`
	}
	if err := session.Call(ctx, "channels.start", params, &out); err != nil {
		return err
	}
	if !out.Started {
		return fmt.Errorf("the channel did not start: %s", redact.PrintableLine(strings.TrimSpace(out.Outcome.Status+" "+out.Outcome.Reason)))
	}
	return nil
}
