package doctor

import "os"

// writable says why files cannot be made in a folder. Access lists are too
// involved to be read: it tries, and leaves nothing.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".clawtray-*")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}
