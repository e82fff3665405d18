package openclaw

import (
	"encoding/json"
	"path/filepath"
	"strings"
)

// Safe returns c for a Gateway without channels and plugins (BEHAVIOUR Q3). OpenClaw
// 2026.9.6 has a variable that switches channels off. For plugins, only plugins.enabled in
// the configuration works: the variable against bundled plugins does not affect the user's
// own, and reads a folder that all users share. So the Gateway gets a configuration file in
// dir that includes the user's file and switches plugins off. The Gateway may not write
// that file, because its changes would be lost. The user's file stays as it is. env has the
// user's OPENCLAW_INCLUDE_ROOTS.
//
// Measured with 2026.9.6: the Gateway prints "http server listening (0 plugins" and
// "skipping channel start".
func (c Child) Safe(p Paths, env []string, dir string) (Child, error) {
	c.Set = append(c.Set[:len(c.Set):len(c.Set)], "OPENCLAW_SKIP_CHANNELS=1")
	if !exists(p.ConfigPath) {
		return c, nil
	}
	text, err := json.Marshal(map[string]any{includeKey: p.ConfigPath, "plugins": map[string]bool{"enabled": false}})
	if err != nil {
		return c, err
	}
	overlay := filepath.Join(dir, "openclaw.json")
	if err := WritePrivate(overlay, text); err != nil {
		return c, err
	}
	roots := []string{filepath.Dir(p.ConfigPath)}
	if target, err := filepath.EvalSymlinks(p.ConfigPath); err == nil && filepath.Dir(target) != roots[0] {
		roots = append(roots, filepath.Dir(target))
	}
	if user := getenv(env, "OPENCLAW_INCLUDE_ROOTS"); user != "" {
		roots = append(roots, user)
	}
	c.Set = append(c.Set, "OPENCLAW_STATE_DIR="+p.StateDir, "OPENCLAW_CONFIG_PATH="+overlay, "OPENCLAW_CONFIG_READONLY=1",
		"OPENCLAW_INCLUDE_ROOTS="+strings.Join(roots, string(filepath.ListSeparator)))
	return c, nil
}
