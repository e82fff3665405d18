package machine

import (
	"errors"
	"slices"
	"testing"

	"github.com/shirou/gopsutil/v4/disk"
)

// TestXU14_LowSpace: each disk that is nearly full is told once, in steps, and one that
// does not tell is none.
func TestXU14_LowSpace(t *testing.T) {
	const mb = 1 << 20
	disks := map[string]*disk.UsageStat{
		"/state": {Total: 9000 * mb, Free: 312 * mb}, "/tmp": {Total: 100 * mb, Free: 7 * mb}, "/same": {Total: 9000 * mb, Free: 312 * mb},
		"/fine": {Total: 9000 * mb, Free: LowSpace}, "/odd": {},
	}
	usage := func(dir string) (*disk.UsageStat, error) {
		if u := disks[dir]; u != nil {
			return u, nil
		}
		return nil, errors.New("gone")
	}
	for _, c := range []struct{ dirs, want []string }{
		{[]string{"/state", "/tmp"}, []string{"/state: 300 MB", "/tmp: less than 50 MB"}},
		{[]string{"/state", "/same"}, []string{"/state: 300 MB"}},
		{[]string{"/fine", "/odd", "/gone"}, nil},
	} {
		if got := lowOf(c.dirs, usage); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.dirs, got, c.want)
		}
	}
	m := at(t, "")
	m.Space(t.Context(), m.Home) // as far as this machine tells
}
