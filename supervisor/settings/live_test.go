package settings

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc/redact"
	"clawtray/supervisor"
	"clawtray/supervisor/machine"
	"clawtray/supervisor/supervisortest"
)

// TestAChangedFileIsNoticed: a changed file is noticed without a request, and its values
// take effect.
func TestAChangedFileIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clawtray.toml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("port = 18001\n")
	synctest.Test(t, func(t *testing.T) {
		file := Read(path)
		machine := &machine.Machine{}
		var notifications string // written by Run, and read while all goroutines of the bubble wait
		l := Follow(Following{File: file, Override: func(s Settings) Settings { return s }, Level: new(slog.LevelVar), Redact: redact.New(),
			Log: slog.New(slog.DiscardHandler), Machine: machine, Menu: func(set Settings) { notifications = set.Notifications }})
		s := supervisor.New(supervisor.Config{Port: 18001, OnBeat: l.LookAgain}, supervisortest.Bare{})
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer func() { stop(); all.Wait() }()
		all.Go(func() { s.Run(ctx) })
		all.Go(func() { l.Run(ctx, s) })

		synctest.Wait()
		write("port = 18002\nnode = \"/n\"\ntoken = \"canary-live\"\nnotifications = \"none\"\nlog_level = \"warn\"\nprot = 1\n")
		time.Sleep(40 * time.Second) // virtual
		synctest.Wait()
		st := s.Status()
		if st.Port != 18002 || len(st.SettingsMistakes) != 1 || l.Level.Level() != slog.LevelWarn || machine.Search.NodePath != "/n" || machine.Given.Token != "canary-live" {
			t.Errorf("level %v, machine %q, status %+v", l.Level, machine.Search.NodePath, st)
		}
		if notifications != "none" {
			t.Errorf("notifications: %q", notifications)
		}
		if l.Redact.String("canary-live") == "canary-live" {
			t.Error("the new token is not known to be a secret")
		}

		write("port = 18002\n")
		l.LookNow()
		synctest.Wait()
		if st := s.Status(); len(st.SettingsMistakes) != 0 || l.Level.Level() != slog.LevelInfo || machine.Search.NodePath != "" {
			t.Errorf("level %v, status %+v", l.Level, st)
		}
	})
}

func TestPendingNamesWhatARestartNeeds(t *testing.T) {
	now := Default()
	next := now
	next.Port, next.Node, next.Token, next.LogLevel, next.Supervision.RestartBudget = 7, "/n", "t", "warn", 1
	if got := pending(now, next); !slices.Equal(got, []string{"node", "token"}) {
		t.Errorf("got %q", got)
	}
}
