//go:build unix

package openclaw

import (
	"os"
	"path/filepath"
)

// npmPlace is the folder of npm below Node's folder, as Node's installers lay it out.
const npmPlace = "lib/node_modules/npm"

// linkNpm creates the commands npm and npx beside node, for the tools that a Gateway runs.
func linkNpm(nodeDir, npmDir string) error {
	for name, script := range map[string]string{"npm": "npm-cli.js", "npx": "npx-cli.js"} {
		target, err := filepath.Rel(filepath.Join(nodeDir, "bin"), filepath.Join(npmDir, "bin", script))
		if err != nil {
			return err
		}
		if err := os.Symlink(target, filepath.Join(nodeDir, "bin", name)); err != nil {
			return err
		}
		if err := os.Chmod(filepath.Join(npmDir, "bin", script), 0o755); err != nil { // #nosec G302 -- a program
			return failed(BadArchive, "the package holds no npm (%w)", plain(err))
		}
	}
	return nil
}
