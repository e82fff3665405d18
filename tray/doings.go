package tray

import (
	"fmt"

	"clawtray/supervisor"
)

// doingTexts are the words about the gateway's activity and its channels.
type doingTexts struct {
	Sessions, OneSession, Tasks, OneTask, Other, Works, And, Account, Start string

	state map[supervisor.ChannelState]string
}

// channel returns one line about a channel.
func (v *view) channel(c supervisor.Channel) string {
	name := c.Name
	if c.Account != "" {
		name = fmt.Sprintf(v.t.doing.Account, c.Name, c.Account)
	}
	line := name + v.t.mark.Colon + v.t.doing.state[c.State]
	if c.Detail != "" {
		line += v.t.mark.Comma + c.Detail
	}
	return line
}

// works returns one line about the gateway's activity; empty when it is idle.
func (v *view) works() string {
	a, t := v.s.Activity, v.t.doing
	count := func(n int, one, many string) string {
		if n == 1 {
			return one
		}
		return fmt.Sprintf(many, n)
	}
	switch {
	case a.Sessions > 0 && a.Tasks > 0:
		return fmt.Sprintf(t.Works, count(a.Sessions, t.OneSession, t.Sessions)+t.And+count(a.Tasks, t.OneTask, t.Tasks))
	case a.Sessions > 0:
		return fmt.Sprintf(t.Works, count(a.Sessions, t.OneSession, t.Sessions))
	case a.Tasks > 0:
		return fmt.Sprintf(t.Works, count(a.Tasks, t.OneTask, t.Tasks))
	case a.Other > 0:
		return t.Other
	}
	return ""
}
