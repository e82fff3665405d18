package openclaw

import (
	"os"
	"path/filepath"
)

// npmPlace is where Node's installers put npm, below Node's folder.
const npmPlace = "node_modules/npm"

// linkNpm puts npm's and npx's own scripts beside node.exe, for the tools a Gateway runs.
func linkNpm(nodeDir, npmDir string) error {
	for _, name := range []string{"npm", "npm.cmd", "npx", "npx.cmd"} {
		script, err := os.ReadFile(filepath.Join(npmDir, "bin", name))
		if err != nil {
			return failed(BadArchive, "the package holds no npm (%w)", plain(err))
		}
		if err := os.WriteFile(filepath.Join(nodeDir, name), script, 0o755); err != nil {
			return err
		}
	}
	return nil
}
