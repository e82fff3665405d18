package commands

import (
	"context"
	"log/slog"

	"clawtray/supervisor"
)

// Announce logs once, when the gateway runs, what a person can do. It is for a clawtray
// without an icon.
func Announce(ctx context.Context, s *supervisor.Supervisor, log *slog.Logger) {
	for status := range s.Watch(ctx) {
		if status.State == supervisor.Running {
			log.Info("the gateway runs: clawtray open shows its dashboard in a browser, Ctrl-C ends clawtray and a gateway of its own")
			return
		}
	}
}
