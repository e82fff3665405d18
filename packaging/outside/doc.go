// Package outside observes clawtray and its gateways as another program of the same machine
// sees them: processes, ports, environments, and a proxy that can be placed before a
// gateway. It also prepares a user's home. The tests of the whole program, packaging/chaos,
// soak and bench use it. It asks only the operating system, so that it can contradict
// clawtray.
package outside

import "strings"

// Env returns base for a user whose home is home, without settings and chat services of the
// person who runs the test.
func Env(base []string, home string) (env []string) {
	for _, v := range base {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "XDG_") && !strings.HasPrefix(name, "OPENCLAW_") && name != "HOME" && name != "DBUS_SESSION_BUS_ADDRESS" {
			env = append(env, v)
		}
	}
	return append(env, "HOME="+home, "OPENCLAW_SKIP_CHANNELS=1")
}
