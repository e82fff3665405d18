package main

import (
	"os"
	"testing"
)

// TestEachMutationCanBeMade: whoever changes a line that the list breaks changes the list, too.
func TestEachMutationCanBeMade(t *testing.T) {
	list, err := os.ReadFile("list.txt")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("../..")
	for _, m := range parse(string(list)) {
		if _, ok := m.source(); !ok {
			t.Errorf("%s: the old lines of %q do not occur once", m.file, m.what)
		}
	}
}
