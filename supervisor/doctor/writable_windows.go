package doctor

import "os"

// writable returns nil when files can be created in a folder; the error says why not. It
// creates a file and removes it again, because access lists are too complicated to
// evaluate.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".clawtray-*")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}
