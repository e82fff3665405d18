// Package needs says what a test needs of the machine.
package needs

import (
	"os"
	"os/exec"
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

// Tools leaves out a test when one of these programs is missing. With CI=true that is a
// failure.
func Tools(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: install the packages of packaging/linux/test-packages.txt", name)
		}
		t.Skipf("needs %s: install the packages of packaging/linux/test-packages.txt", name)
	}
}
