//go:build unix

package machine

import (
	"os"
	"syscall"
	"testing"
)

// space is what a file takes on the disk, in bytes.
func space(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	const block = 512 // bytes, the unit of st_blocks
	return info.Sys().(*syscall.Stat_t).Blocks * block
}
