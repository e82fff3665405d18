package machine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/shirou/gopsutil/v4/process"
)

// Listener is the program that listens on a port.
type Listener struct {
	PID  int    // 0 when the system does not tell
	Name string // of the program
	User string // name of the program's user, or OtherUser; empty when it is our own user
}

// ErrNoListener says that we can see nobody who listens on a port.
var ErrNoListener = errors.New("nobody listens")

const (
	// unnamed is the Name of a program when the system does not tell it.
	unnamed = "unknown program"
	// OtherUser is the User of a program that the system does not show to us. It always
	// shows us those of our own user.
	OtherUser = "another user"
)

func (l Listener) String() string {
	switch {
	case l.PID == 0 && l.User == OtherUser:
		return "a program of another user"
	case l.PID == 0 && l.User != "":
		return "a program of user " + l.User
	case l.PID == 0:
		return "a program the system does not name"
	case l.User != "":
		return fmt.Sprintf("%s (pid %d, user %s)", l.Name, l.PID, l.User)
	}
	return fmt.Sprintf("%s (pid %d)", l.Name, l.PID)
}

// Listener finds the program that gets what is sent to a port of 127.0.0.1. The error is
// [ErrNoListener] when we see none, or another one when the system does not let us look.
// likely is a pid to look at first, or 0: when it is the right one, the search is much
// cheaper.
func (m *Machine) Listener(ctx context.Context, port, likely int) (Listener, error) {
	return call[Listener]{what: fmt.Sprintf("looking who listens on port %d", port), do: func() (Listener, error) {
		return namedListener(ctx, port, likely)
	}}.in(ctx, &m.lanes.listener)
}

func namedListener(ctx context.Context, port, likely int) (Listener, error) {
	l, err := listener(ctx, port, likely)
	if err != nil {
		return Listener{}, err
	}
	l.Name = unnamed
	if l.PID > 0 {
		if p, err := process.NewProcessWithContext(ctx, int32(l.PID)); err == nil {
			if name, err := p.NameWithContext(ctx); err == nil {
				l.Name = name
			}
		}
	}
	return l, nil
}

// reach ranks the addresses on which programs listen. Of several, the one with the highest
// rank gets what is sent to 127.0.0.1, because the system prefers the most exact address.
// Rank 0 gets nothing. ::1 gets nothing either, but has a rank because the gateway cannot
// listen there, too.
func reach(addr netip.Addr) int {
	switch addr = addr.Unmap(); addr {
	case netip.AddrFrom4([4]byte{127, 0, 0, 1}):
		return 4
	case netip.IPv4Unspecified():
		return 3
	case netip.IPv6Unspecified():
		return 2
	case netip.IPv6Loopback():
		return 1
	}
	return 0
}
