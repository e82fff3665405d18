package outside

import (
	"os"
	"path/filepath"
)

// WriteHome writes files of a user whose home is home: the key is the path below it.
// Folders and files are for the user alone.
func WriteHome(home string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
