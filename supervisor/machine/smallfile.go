package machine

import (
	"encoding/json"
	"fmt"
	"os"
)

// maxSmallFile bounds what is read of a small file, in bytes. Ours have about 200.
const maxSmallFile = 4 << 10

// readSmallFile unmarshals a small JSON file into v.
func readSmallFile(path string, v any) error { return readJSON(path, maxSmallFile, v) }

// readJSON unmarshals a JSON file of at most max bytes into v. Anything may lie in the
// file's place: a larger file, or one that is not regular, is an error and is not opened.
func readJSON(path string, max int64, v any) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > max {
		return fmt.Errorf("mode %v, %d bytes", info.Mode(), info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// writeSmallFile replaces a JSON file. Whoever reads it finds the old or the new one, but
// never a part.
func writeSmallFile(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	next := path + ".new"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
