package outside

import (
	"slices"
	"testing"
)

// TestFreePort: programs that use the ports right above theirs do not meet each other. Two
// tests met: one took its port while the clawtray of the other looked for the next free one.
func TestFreePort(t *testing.T) {
	var got []int
	for range 400 {
		port, err := FreePort()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, port)
	}
	slices.Sort(got)
	for i := range len(got) - 1 {
		if got[i+1]-got[i] < 40 {
			t.Fatalf("%d and %d are too close", got[i], got[i+1])
		}
	}
}
