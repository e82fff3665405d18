package openclaw

import (
	"os"
	"path/filepath"
)

// npmPlace is the folder of npm below Node's folder, as Node's installers lay it out.
const npmPlace = "node_modules/npm"

// linkNpm copies the scripts of npm and npx beside node.exe, for the tools that a Gateway
// runs.
func linkNpm(nodeDir, npmDir string) error {
	for _, name := range []string{"npm", "npm.cmd", "npx", "npx.cmd"} {
		script, err := os.ReadFile(filepath.Join(npmDir, "bin", name))
		if err != nil {
			return failed(BadArchive, "the package holds no npm (%w)", plain(err))
		}
		if err := os.WriteFile(filepath.Join(nodeDir, name), script, 0o755); err != nil { // #nosec G306 -- a program
			return err
		}
	}
	return nil
}
