//go:build unix

package rpc

import (
	"io"
	"net"
	"syscall"
)

// socket reads and writes a non-blocking socket with a bare system call. The net package
// tells Go's scheduler before and after each system call that it may take long. These
// calls never wait, so they do not need that, and in a quiet program it wakes a second
// thread every time (measured: four of five wake-ups).
type socket struct {
	raw           syscall.RawConn
	r, w          transfer
	read1, write1 func(fd uintptr) bool // made once, because a new closure for each call would be an allocation
}

// transfer is one call's buffer and outcome.
type transfer struct {
	b   []byte
	n   int
	err error
}

// newSocket returns nil when c is not a plain socket. Another type that embeds one has
// its own Read and Write, which must not be bypassed.
func newSocket(c net.Conn) *socket {
	var conn syscall.Conn
	switch c := c.(type) {
	case *net.TCPConn:
		conn = c
	case *net.UnixConn:
		conn = c
	default:
		return nil
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{raw: raw}
	s.read1 = func(fd uintptr) bool {
		s.r.do(readSocket, fd)
		return s.r.err != syscall.EAGAIN // on EAGAIN wait until bytes arrive
	}
	s.write1 = func(fd uintptr) bool {
		s.w.do(writeSocket, fd)
		return true // never wait for the socket
	}
	return s
}

func (t *transfer) do(call func(fd uintptr, b []byte) (int, error), fd uintptr) {
	for {
		if t.n, t.err = call(fd, t.b); t.err != syscall.EINTR {
			return
		}
	}
}

// read waits for bytes, as [net.Conn.Read] does. One goroutine at a time calls it.
func (s *socket) read(b []byte) (int, error) {
	s.r = transfer{b: b}
	err := s.raw.Read(s.read1)
	s.r.b = nil
	switch {
	case err != nil:
		return 0, err
	case s.r.err != nil:
		return 0, s.r.err
	case s.r.n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return s.r.n, nil
}

// tryWrite writes as much as the system accepts without waiting. A caller that writes
// its own request in this way still returns at once when its context ends. One goroutine
// at a time calls it.
func (s *socket) tryWrite(b []byte) (int, error) {
	s.w = transfer{b: b}
	err := s.raw.Write(s.write1)
	s.w.b = nil
	switch s.w.err {
	case syscall.EAGAIN:
		return 0, nil
	case nil:
		return max(s.w.n, 0), err
	}
	return 0, s.w.err
}
