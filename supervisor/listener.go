package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/shirou/gopsutil/v4/process"
)

// Listener is who has a port.
type Listener struct {
	PID  int // 0: the system does not tell
	Name string
	User string // the owner's name, or what is known of it, when it is not us; empty when it is
}

// ErrNoListener says that nobody listens on a port whom we can see.
var ErrNoListener = errors.New("nobody listens")

const (
	// unnamed is the name of a process that the system does not name.
	unnamed = "unknown program"
	// otherUser is the owner of what the system does not show to us: our own it does.
	otherUser = "another user"
)

func (l Listener) String() string {
	switch {
	case l.PID == 0 && l.User == otherUser:
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

// Listener implements Host.
func (m *Machine) Listener(ctx context.Context, port, likely int) (Listener, error) {
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

// reach ranks the addresses of listeners by who gets what is sent to 127.0.0.1:
// the system prefers the one that is named more exactly. 0 gets nothing; ::1 gets
// nothing either, but keeps the gateway from listening there.
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
