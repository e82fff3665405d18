package control

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
)

// TestXP4_NoRoomToWait: so many clients wait for a clawtray that hangs that the kernel accepts
// no more connections.
func TestXP4_NoRoomToWait(t *testing.T) {
	dir := short(t)
	i := claim(t, dir)
	raw, err := i.socket.SyscallConn()
	if err == nil {
		err = errors.Join(raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }), err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for {
		conn, err := net.Dial("unix", i.path)
		if err != nil {
			break
		}
		defer conn.Close()
	}
	if err := report(t, dir); err == nil || !strings.HasPrefix(err.Error(), "clawtray does not answer (process ") {
		t.Errorf("got %v", err)
	}
}
