package tray

import (
	"context"
	"fmt"
	"strings"
	"time"

	"clawtray/assets"
	"clawtray/supervisor"
)

// Summary is how the gateway is in the words of the menu, for a terminal. All
// texts are whole, and free of control characters: a terminal wraps lines by itself.
type Summary struct {
	Icon    assets.Icon // the state, as the tray shows it
	Status  string
	Details []string // why, since when, what to do
	Recent  []string // incidents, newest first; the first is a heading
}

// summaryIncidents is how many incidents a summary has. The menu has them all.
const summaryIncidents = 3

// Summarize is the status as a [Summary]: the same values give the same texts.
func Summarize(s supervisor.Status, set Settings, now time.Time) Summary {
	v := view{Status: s, set: set, now: now, texts: textsFor(set.Language)}
	out := Summary{Icon: v.icon(), Status: printable(v.statusLine())}
	for _, s := range v.sentences() {
		out.Details = append(out.Details, printable(s.text))
	}
	for i, in := range s.Incidents {
		if i == 0 {
			out.Recent = append(out.Recent, v.texts.Incidents)
		}
		if i < summaryIncidents {
			out.Recent = append(out.Recent, printable(v.incident(in)))
		}
	}
	return out
}

// Notify shows the summary as a desktop notification.
func (s Summary) Notify(ctx context.Context) error {
	return sendToast(ctx, Toast{Title: appName + ": " + plain(s.Status), Body: plain(strings.Join(s.Details, " "))})
}

// String is the summary as text, for golden files.
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
