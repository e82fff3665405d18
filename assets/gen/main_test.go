package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"clawtray/assets"
)

// L1: the pictures in the repository are those that the generator makes from the SVG files.
func TestL1_RenderedFromSVG(t *testing.T) {
	const icons = "../icons"
	made := renderAll(icons)
	if len(made) != 3*len(assets.Icons())+2 {
		t.Errorf("made %d files", len(made))
	}
	for name, want := range made {
		got, err := os.ReadFile(filepath.Join(icons, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("icons/%s is not what `go run ./assets/gen` makes (%v)", name, err)
		}
	}
}
