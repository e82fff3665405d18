package commands

import (
	"bytes"
	"strings"
	"testing"

	"clawtray/assets"
	"clawtray/tray"
)

func TestL7_StatusIsPlainUnlessWanted(t *testing.T) {
	s := tray.Summary{Icon: assets.Error, Status: "Not running", Details: []string{"Why", "What to do"}, Recent: []string{"Recent", "One"}}
	var plain, colour bytes.Buffer
	printSummary(&plain, s, false)
	if want := "● Not running\n  Why\n  What to do\n\nRecent\n  One\n"; plain.String() != want {
		t.Errorf("got\n%swant\n%s", plain.String(), want)
	}
	printSummary(&colour, s, true)
	if !strings.HasPrefix(colour.String(), "\x1b[31m●\x1b[0m \x1b[1mNot running\x1b[0m\n") {
		t.Errorf("got %q", colour.String())
	}
	if Coloured(&plain) {
		t.Error("a pipe is coloured")
	}
	for _, icon := range assets.Icons() {
		if stateColours[icon] == "" {
			t.Errorf("%s has no colour", icon)
		}
	}
}
