package main

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

	"clawtray/rpc"
	"clawtray/supervisor"
	"clawtray/supervisor/settings"
	"clawtray/supervisor/supervisortest"
	"clawtray/tray"
)

// TestAChangedFileIsNoticed by itself, and puts in force what it says.
func TestAChangedFileIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clawtray.toml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("port = 18001\n")
	synctest.Test(t, func(t *testing.T) {
		file := settings.Read(path)
		machine := &supervisor.Machine{}
		l := &live{file: file, started: file.Settings, level: new(slog.LevelVar), redact: rpc.NewRedactor(), log: slog.New(slog.DiscardHandler),
			machine: machine, notify: make(chan tray.Level, 1), look: make(chan struct{}, 1), beat: make(chan struct{}, 1)}
		s := supervisor.New(supervisor.Config{Port: 18001, OnBeat: l.lookAgain}, supervisortest.Bare{})
		l.s = s
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer func() { stop(); all.Wait() }()
		all.Go(func() { s.Run(ctx) })
		all.Go(func() { l.run(ctx) })

		synctest.Wait()
		write("port = 18002\nnode = \"/n\"\ntoken = \"canary-live\"\nnotifications = \"none\"\nlog_level = \"warn\"\nprot = 1\n")
		time.Sleep(40 * time.Second) // virtual
		synctest.Wait()
		st := s.Status()
		if st.Port != 18002 || len(st.SettingsMistakes) != 1 || l.level.Level() != slog.LevelWarn || machine.Search.NodePath != "/n" || machine.ConfiguredToken != "canary-live" {
			t.Errorf("level %v, machine %q, status %+v", l.level, machine.Search.NodePath, st)
		}
		if got := <-l.notify; got != tray.NotifyNone {
			t.Errorf("notifications: %q", got)
		}
		if l.redact.String("canary-live") == "canary-live" {
			t.Error("the new token is not known to be a secret")
		}

		write("port = 18002\n")
		l.lookNow()
		synctest.Wait()
		if st := s.Status(); len(st.SettingsMistakes) != 0 || l.level.Level() != slog.LevelInfo || machine.Search.NodePath != "" {
			t.Errorf("level %v, status %+v", l.level, st)
		}
	})
}

func TestTheCommandLineComesBeforeTheFile(t *testing.T) {
	file := settings.File{Settings: settings.Default()}
	if got := (flags{port: 7, trace: true}).effective(file); got.Port != 7 || got.LogLevel != "debug" {
		t.Errorf("got %+v", got)
	}
	if got := (flags{}).effective(file); got != settings.Default() {
		t.Errorf("got %+v", got)
	}
}

func TestPendingNamesWhatARestartNeeds(t *testing.T) {
	now := settings.Default()
	next := now
	next.Port, next.Node, next.Token, next.LogLevel, next.Supervision.RestartBudget = 7, "/n", "t", "warn", 1
	if got := pending(now, next); !slices.Equal(got, []string{"node", "token"}) {
		t.Errorf("got %q", got)
	}
}
