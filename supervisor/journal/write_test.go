package journal

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clawtray/rpc/redact"
)

// Every file of the log says which clawtray wrote it, over rotations and
// restarts (L2).
func TestL2_EachLogFileBeginsWithTheVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clawtray.log")
	line := []byte(strings.Repeat("x", 100<<10) + "\n")
	for range 3 { // runs of 4 MB each
		log := newFile(path, "clawtray dev (unknown), linux/amd64")
		for range 40 {
			if _, err := log.Write(line); err != nil {
				t.Fatal(err)
			}
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.log"))
	if err != nil || len(files) != 3 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "clawtray dev (unknown), ") || strings.Count(string(text), "clawtray dev") != 1 {
			t.Errorf("%s begins with %.60q", file, text)
		}
		if len(text) > fileSize<<20 {
			t.Errorf("%s has %d bytes", file, len(text))
		}
	}
}

// logTo writes records to a log file and returns what the file and the terminal have.
func logTo(t *testing.T, path string, write func(*slog.Logger)) (file, terminal string) {
	t.Helper()
	var screen strings.Builder
	log, done := New(Options{Path: path, Head: "head", Level: slog.LevelInfo, Redact: redact.New(), Terminal: &screen})
	write(log)
	done()
	text, _ := os.ReadFile(path)
	return string(text), screen.String()
}

// counted is a structured record, as the supervisor's metrics are.
type counted struct {
	delays  []time.Duration
	reopens time.Time
}

func (c counted) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("launches", 0), slog.Any("reconnectDelays", c.delays), slog.Time("governorReopens", c.reopens))
}

// TestXP8_WhatHasNoValueIsLeftOut: zero times, empty lists and nil errors are not logged.
func TestXP8_WhatHasNoValueIsLeftOut(t *testing.T) {
	file, terminal := logTo(t, filepath.Join(t.TempDir(), "clawtray.log"), func(log *slog.Logger) {
		log.Info("metrics", "metrics", counted{})
		log.Info("more", slog.Group("in", "reopens", time.Time{}, "delays", []time.Duration(nil), "names", []string{}), "err", nil, "restarts", 0)
		log.With("stopped", time.Time{}, "pid", 7).WithGroup("of").Info("last", "at", time.Time{})
	})
	for _, text := range []string{file, terminal} {
		for _, nothing := range []string{"governorReopens", "0001-01-01", "reconnectDelays", "<nil>", "[]", "reopens", "delays", "names", "err", "stopped", "at="} {
			if strings.Contains(text, nothing) {
				t.Errorf("%s is in\n%s", nothing, text)
			}
		}
		if !strings.Contains(text, "launches=0") || !strings.Contains(text, "restarts=0") || !strings.Contains(text, "pid=7") {
			t.Errorf("a zero that counts is missing in\n%s", text)
		}
	}
	file, _ = logTo(t, filepath.Join(t.TempDir(), "clawtray.log"), func(log *slog.Logger) {
		log.Info("metrics", "metrics", counted{reopens: time.Now(), delays: []time.Duration{time.Second}}, "err", io.EOF)
	})
	if !strings.Contains(file, "governorReopens=") || !strings.Contains(file, "reconnectDelays=") || !strings.Contains(file, "err=EOF") {
		t.Errorf("a value is missing in\n%s", file)
	}
}

// TestXP7_ALogFileThatCannotBeWritten: the terminal says so once, and says when it can be
// written again.
func TestXP7_ALogFileThatCannotBeWritten(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.WriteFile(folder, nil, 0o600); err != nil { // in the place of the folder
		t.Fatal(err)
	}
	path := filepath.Join(folder, "clawtray.log")
	file, terminal := logTo(t, path, func(log *slog.Logger) {
		log.Info("one")
		log.Info("two")
		if err := os.Remove(folder); err != nil {
			t.Error(err)
		}
		log.Info("three")
		log.Info("four")
	})
	if strings.Count(terminal, "cannot be written") != 1 || strings.Count(terminal, "is written again") != 1 || !strings.Contains(terminal, "two") {
		t.Errorf("the terminal says\n%s", terminal)
	}
	if !strings.Contains(file, "three") || !strings.Contains(file, "four") {
		t.Errorf("the file has\n%s", file)
	}
}
