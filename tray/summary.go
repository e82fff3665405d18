package tray

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"clawtray/assets"
	"clawtray/supervisor"
)

// Summary is the state of the gateway in the words of the menu, for a terminal. The texts
// are not shortened, because a terminal wraps lines, and contain no control characters.
type Summary struct {
	Icon    assets.Icon // the state, as the tray shows it
	Status  string
	Details []string // why, since when, what to do
	Recent  []string // incidents, newest first, below a heading
}

// summaryIncidents is how many incidents a summary has. The menu has all of them.
const summaryIncidents = 3

// Summarize returns the status as a [Summary]. The same arguments give the same texts.
func Summarize(s supervisor.Status, set Settings, now time.Time) Summary {
	v := view{s: s, t: textsFor(set.Language), set: set, now: now, terminal: true}
	out := Summary{Icon: v.icon(), Status: printable(v.statusLine())}
	for _, s := range v.sentences() {
		out.Details = append(out.Details, printable(s.text))
	}
	for i, in := range s.Incidents {
		if i == 0 {
			out.Recent = append(out.Recent, v.t.entry[Incidents].Title)
		}
		if i < summaryIncidents {
			out.Recent = append(out.Recent, printable(v.incident(in)))
		}
	}
	return out
}

// Notify shows the summary as a desktop notification. It fails after 5 s when the desktop
// does not answer.
func (s Summary) Notify(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, toastTimeout, errors.New("the desktop does not answer"))
	defer cancel()
	return beside(ctx, func() error { return s.send(ctx) })
}

func (s Summary) send(ctx context.Context) error { return sendToast(ctx, s.toast()) }

func (s Summary) toast() Toast {
	return Toast{Icon: s.Icon, Title: appName + ": " + plain(s.Status), Body: plain(strings.Join(s.Details, " "))}
}

// String returns the summary as text, for reports and golden files.
func (s Summary) String() string {
	text := fmt.Sprintf("[%s] %s\n", s.Icon, s.Status)
	for _, d := range s.Details {
		text += "  " + d + "\n"
	}
	for _, r := range s.Recent {
		text += "  | " + r + "\n"
	}
	return text
}
