//go:build unix

package control

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"clawtray/supervisor/peer"
)

// checkPeer asks the kernel who is at the other end of a unix socket, and fails when that
// is another user.
func checkPeer(conn net.Conn) error {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%T does not tell who is at its other end", conn)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var theirs int
	var failed error
	if err := raw.Control(func(fd uintptr) { theirs, failed = peerUID(int(fd)) }); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	if theirs != os.Geteuid() {
		return fmt.Errorf("the program at the other end belongs to %s", peer.UserName(theirs, unnamed))
	}
	return nil
}
