package commands

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/supervisor/openclaw"
)

// TestXN9_AnInstallationIsNeverSilent: when the output is not a terminal, as in the log of
// a build, there is a line every 10 s, and not one line per file.
func TestXN9_AnInstallationIsNeverSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		tell := progress(&out)
		for second := range 26 {
			tell(openclaw.Progress{Step: "Installing OpenClaw", Items: 100 * second})
			time.Sleep(time.Second)
		}
		tell(openclaw.Progress{Step: "Checking", Bytes: 1 << 20, Total: 2 << 20})
		const want = "Installing OpenClaw …\n  1000 files\n  2000 files\nChecking …\n"
		if out.String() != want {
			t.Errorf("said %q, want %q", out.String(), want)
		}
	})
}
