//go:build unix

package openclaw

import (
	"fmt"
	"os"
)

// private fails for a file whose secret other users may have read already.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return &TokenError{"The gateway token in " + path + " cannot be read.", "Remove the file to get a new token.", err}
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return &TokenError{
			Sentence: fmt.Sprintf("The gateway token in %s can be read by other users (mode %04o).", path, mode),
			Remedy:   "Remove the file to get a new token, or run chmod 600 on it if nobody else uses this machine.",
		}
	}
	return nil
}
