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

// mapped returns how much of its files the process has in memory, in kB.
func mapped(t *testing.T) (kB int) {
	t.Helper()
	rollup, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(rollup) {
		if n, _ := fmt.Sscanf(string(line), "Pss_File: %d kB", &kB); n == 1 {
			return kB
		}
	}
	t.Fatalf("no Pss_File in\n%s", rollup)
	return 0
}
