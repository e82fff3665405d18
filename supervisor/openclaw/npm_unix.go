//go:build unix

package openclaw

import (
	"os"
	"path/filepath"
)

// npmPlace is where Node's installers put npm, below Node's folder.
const npmPlace = "lib/node_modules/npm"

// linkNpm makes npm and npx commands beside node, for the tools a Gateway runs.
func linkNpm(nodeDir, npmDir string) error {
	for name, script := range map[string]string{"npm": "npm-cli.js", "npx": "npx-cli.js"} {
		target, err := filepath.Rel(filepath.Join(nodeDir, "bin"), filepath.Join(npmDir, "bin", script))
		if err != nil {
			return err
		}
		if err := os.Symlink(target, filepath.Join(nodeDir, "bin", name)); err != nil {
			return err
		}
		if err := os.Chmod(filepath.Join(npmDir, "bin", script), 0o755); err != nil {
			return failed(BadArchive, "the package holds no npm (%w)", plain(err))
		}
	}
	return nil
}
