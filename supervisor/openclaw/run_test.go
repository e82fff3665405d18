package openclaw

import (
	"path/filepath"
	"slices"
	"testing"
)

// TestO7_Command: the environment is the user's own, with Node, PATH, profile and port of
// clawtray's Gateway.
func TestO7_Command(t *testing.T) {
	r := Runtime{Node: "/n/node", Entry: "/x/openclaw.mjs"}
	env := []string{"PATH=/usr/bin", "OPENCLAW_LOG_LEVEL=debug", "NODE_OPTIONS=--title=x", RunIDVar + "=old"}
	e := Effective{Paths: ProfilePaths(nil, "/home/u", "work")}.At(19001, SourceSettings)
	c := r.Command(env, e, []string{"devices", "list"})
	if c.Path != r.Node || !slices.Equal(c.Args, []string{r.Entry, "devices", "list"}) {
		t.Errorf("%s %q", c.Path, c.Args)
	}
	for key, want := range map[string]string{"PATH": "/n" + string(filepath.ListSeparator) + "/usr/bin", "OPENCLAW_LOG_LEVEL": "debug", "NODE_OPTIONS": "--title=x",
		"OPENCLAW_PROFILE": "work", "OPENCLAW_STATE_DIR": e.Paths.StateDir, "OPENCLAW_GATEWAY_PORT": "19001", RunIDVar: ""} {
		if got := getenv(c.Env, key); got != want {
			t.Errorf("%s=%s, want %s", key, got, want)
		}
	}
	if c := r.Command(env, Effective{}.At(18789, SourceDefault), nil); getenv(c.Env, "OPENCLAW_GATEWAY_PORT") != "" || getenv(c.Env, "OPENCLAW_PROFILE") != "" {
		t.Error("without anything of clawtray's, something is set")
	}
}
