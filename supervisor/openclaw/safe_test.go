package openclaw

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestQ3_SafeChild: the Gateway reads the user's configuration through a file that switches
// plugins off, and the user's file stays as it is.
func TestQ3_SafeChild(t *testing.T) {
	dir, read := snapshotHome(t, map[string]string{"openclaw.json": `{gateway: {mode: "local", auth: {token: "canary-token"}}, plugins: {enabled: true}, channels: {x: 1}}`})
	e, safe := read(), filepath.Join(t.TempDir(), "safe")
	plain := e.Child()
	c, err := plain.Safe(e.Paths, []string{"OPENCLAW_INCLUDE_ROOTS=/roots"}, safe)
	if err != nil || !slices.Contains(c.Set, "OPENCLAW_SKIP_CHANNELS=1") || !slices.Contains(c.Set, "OPENCLAW_CONFIG_READONLY=1") ||
		!slices.Contains(c.Set, "OPENCLAW_STATE_DIR="+dir) || !slices.Equal(c.Args, plain.Args) {
		t.Fatalf("%v, %v", c, err)
	}
	if len(plain.Set) != len(e.Child().Set) {
		t.Error("the ordinary one was changed")
	}
	again, err := NewReader(Inputs{Env: c.environ([]string{"HOME=" + filepath.Dir(dir)}), Home: filepath.Dir(dir)}).Read(t.Context())
	if token, _ := again.Credentials(); err != nil || token != "canary-token" || again.Paths.ConfigPath != filepath.Join(safe, "openclaw.json") || again.Paths.StateDir != dir {
		t.Errorf("read as %v, %v", again.Paths, err)
	}
	overlay := content(t, again.Paths.ConfigPath)
	if !strings.Contains(overlay, `"plugins":{"enabled":false}`) || strings.Contains(overlay, "canary-token") {
		t.Errorf("it holds %s", overlay)
	}
	e.Paths.ConfigPath += ".gone"
	if c, err := plain.Safe(e.Paths, nil, safe); err != nil || slices.ContainsFunc(c.Set, func(v string) bool { return strings.HasPrefix(v, "OPENCLAW_CONFIG_PATH") }) {
		t.Errorf("without a configuration: %v, %v", c, err)
	}
}
