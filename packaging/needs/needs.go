// Package needs says what a test needs of the machine.
package needs

import (
	"os"
	"testing"
)

// Root leaves out a test that plays several users, unless it runs as root. With CI=true that
// is a failure, but not with -short: .ci/run runs make test as an ordinary user, and make
// check as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	const why = "only root can play other users"
	if os.Getenv("CI") == "true" && !testing.Short() {
		t.Fatal(why)
	}
	t.Skip(why)
}
