package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every file of the log says which clawtray wrote it, over rotations and
// restarts (L2).
func TestL2_EachLogFileBeginsWithTheVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clawtray.log")
	line := []byte(strings.Repeat("x", 100<<10) + "\n")
	for range 3 { // runs of 4 MB each
		log := newLogFile(path)
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
		if len(text) > logSize<<20 {
			t.Errorf("%s has %d bytes", file, len(text))
		}
	}
}
