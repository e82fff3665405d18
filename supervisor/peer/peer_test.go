package peer

import (
	"errors"
	"net"
	"testing"
)

// pair is a connection over loopback. The first end accepted, the second dialled.
func pair(t *testing.T) (accepted, dialled net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close() })
	return acceptFrom(t, l, dialled.LocalAddr().String()), dialled
}

// acceptFrom returns the connection of a program of the test. Others on this machine
// may try the port, too.
func acceptFrom(t *testing.T, l net.Listener, addr string) net.Conn {
	t.Helper()
	for {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if c.RemoteAddr().String() == addr {
			return c
		}
		t.Logf("somebody else tried the port: %v", c.RemoteAddr())
	}
}

// Both ends of a connection belong to our user, and each finds that out about the other.
func TestCheck(t *testing.T) {
	accepted, dialled := pair(t)
	for _, c := range []net.Conn{accepted, dialled} {
		if err := Check(t.Context(), c.LocalAddr(), c.RemoteAddr()); err != nil {
			t.Error(err)
		}
	}
	// Addresses of different connections do not belong together.
	_, other := pair(t)
	if err := Check(t.Context(), accepted.LocalAddr(), other.LocalAddr()); !errors.Is(err, ErrUnknown) {
		t.Errorf("a connection that is none: %v", err)
	}
	if err := Check(t.Context(), &net.UnixAddr{}, accepted.RemoteAddr()); err == nil {
		t.Error("a Unix socket was taken for a TCP socket")
	}
}
