package commands

import (
	"slices"
	"testing"
)

func TestO7_TheProfileOfAnOpenClawCommand(t *testing.T) {
	for _, c := range []struct {
		args    []string
		profile string
		rest    []string
	}{
		{[]string{"--profile", "work", "devices", "list"}, "work", []string{"devices", "list"}},
		{[]string{"--profile=work", "status"}, "work", []string{"status"}},
		{[]string{"devices", "list", "--profile", "x"}, "", []string{"devices", "list", "--profile", "x"}},
		{[]string{"--profile"}, "", []string{"--profile"}},
		{nil, "", nil},
	} {
		if profile, rest := leadingProfile(c.args); profile != c.profile || !slices.Equal(rest, c.rest) {
			t.Errorf("%q: %q, %q", c.args, profile, rest)
		}
	}
}
