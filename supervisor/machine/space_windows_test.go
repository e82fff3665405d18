package machine

import (
	"os"
	"testing"
)

// space is what a file takes on the disk, in bytes.
func space(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
