package commands

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clawtray/supervisor"
)

// read returns a file below the home; empty when there is none.
func (u *user) read(name string) string {
	raw, _ := os.ReadFile(filepath.Join(u.home, name))
	return string(raw)
}

// findsTheWaysBack: one command replaces an incomplete configuration by the one that the
// gateway had accepted (Q2). The same gateway then runs without channels and plugins until
// the next restart (Q3).
func (u *user) findsTheWaysBack() {
	t := u.t
	t.Helper()
	u.until("running", running)
	const config = ".openclaw/openclaw.json"
	good := u.read(config)
	eventually(t, "the configuration is remembered", func() bool {
		return strings.Contains(u.read(".local/state/clawtray/config-accepted.json"), base64.StdEncoding.EncodeToString([]byte(good)))
	})
	u.must("stop")
	u.write(config, good[:len(good)/2])
	if out, code := u.cli("start"); code != exitFailed || !strings.Contains(out, "clawtray start --last-good") {
		t.Fatalf("start: exit %d, %s", code, out)
	}
	u.must("start", "--last-good")
	if got := u.read(config); got != good {
		t.Errorf("the file holds %q, want %q", got, good)
	}
	kept, _ := filepath.Glob(filepath.Join(u.home, config+".replaced-*"))
	if len(kept) != 1 {
		t.Errorf("kept beside: %v", kept)
	}

	u.must("stop")
	u.must("start", "--safe")
	safe := func(s supervisor.Status) bool {
		return running(s) && len(s.Health.Reasons) > 0 && s.Health.Reasons[0].Code == supervisor.ReasonSafeStart
	}
	u.until("running without plugins", safe)
	const output = ".local/state/clawtray/gateway-stdout.log"
	if out := u.read(output); !strings.Contains(out, "(0 plugins") || !strings.Contains(out, "skipping channel start") {
		t.Errorf("the gateway said\n%s", out)
	}
	u.must("restart")
	u.until("running as ever", func(s supervisor.Status) bool { return running(s) && !safe(s) })
	if out := u.read(output); !strings.Contains(out, " plugins: ") {
		t.Errorf("after the restart the gateway said\n%s", out)
	}
}

// TestQ1_RestoreWithoutAClawtrayThatRuns: the command says when there is nothing to
// restore, and otherwise restores it.
func TestQ1_RestoreWithoutAClawtrayThatRuns(t *testing.T) {
	t.Parallel()
	u := newUser(t, "")
	u.write(".openclaw/openclaw.json", "{mine: 1}")
	if out, code := u.cli("restore"); code != exitFailed || !strings.Contains(out, "nothing to put back") {
		t.Errorf("exit %d, %s", code, out)
	}
}
