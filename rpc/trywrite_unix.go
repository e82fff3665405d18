//go:build unix

package rpc

import (
	"net"
	"syscall"
)

// tryWriter writes to a socket without ever waiting. A caller can then write
// its own request without giving up that its context ends it at once.
type tryWriter struct {
	raw     syscall.RawConn
	attempt func(fd uintptr) bool // kept: a closure per write would be an allocation
	b       []byte
	n       int
	err     error
}

// newTryWriter returns nil when c is no socket, as in tests with a net.Pipe.
func newTryWriter(c net.Conn) *tryWriter {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	w := &tryWriter{raw: raw}
	w.attempt = func(fd uintptr) bool {
		w.n, w.err = syscall.Write(int(fd), w.b)
		return true // never wait for the socket
	}
	return w
}

func (w *tryWriter) write(b []byte) (int, error) {
	w.b, w.n, w.err = b, 0, nil
	err := w.raw.Write(w.attempt)
	w.b = nil
	switch w.err {
	case syscall.EAGAIN, syscall.EINTR:
		return 0, nil
	case nil:
		return max(w.n, 0), err
	}
	return 0, w.err
}
