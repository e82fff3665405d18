// Package peer finds out which user's program is at the other end of a TCP connection
// within this machine. TCP does not tell that, and every user of the machine can connect
// to 127.0.0.1 or listen there. A secret must be sent only to a program of our own user.
package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// ErrUnknown says that the user of the other end is not known: the program there has closed
// its socket, or is on another machine, or the system hides it from us.
var ErrUnknown = errors.New("the system does not tell whose program is at the other end of the connection")

// ForeignError says that the other end belongs to another user. User is the name of that
// user, or the user's id when there is no name.
type ForeignError struct{ User string }

func (e ForeignError) Error() string {
	return "the program at the other end of the connection belongs to user " + e.User
}

// Check returns nil when the program at the other end of a connection belongs to our own
// user. local and remote are the addresses of the connection on our side. Otherwise the
// error is a [ForeignError], [ErrUnknown], or an error of the system.
func Check(ctx context.Context, local, remote net.Addr) error {
	ours, err := addrPort(local)
	if err != nil {
		return err
	}
	theirs, err := addrPort(remote)
	if err != nil {
		return err
	}
	return check(ctx, ours, theirs)
}

// addrPort is a TCP address in the form in which it is compared: an IPv4 address within
// IPv6 becomes IPv4.
func addrPort(a net.Addr) (netip.AddrPort, error) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%v is not the address of a TCP socket", a)
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
}
