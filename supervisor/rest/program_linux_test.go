package rest

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

// changed is in the program's data. Its value in memory differs from the one in the file.
var changed = 1

func TestForgetProgramKeepsWhatChanged(t *testing.T) {
	changed = 2
	before := mapped(t)
	forgetProgram()
	if after := mapped(t); after >= before || changed != 2 {
		t.Errorf("%d kB of files in memory became %d, the variable %d", before, after, changed)
	}
}

// mapped returns how much of its files the process has in memory, in kB. Files on a tmpfs,
// where /tmp often is, count as shared memory.
func mapped(t *testing.T) (kB int) {
	t.Helper()
	rollup, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(rollup) {
		for _, format := range []string{"Pss_File: %d kB", "Pss_Shmem: %d kB"} {
			var n int
			if _, err := fmt.Sscanf(string(line), format, &n); err == nil {
				kB += n
			}
		}
	}
	if kB == 0 {
		t.Fatalf("no files in\n%s", rollup)
	}
	return kB
}
