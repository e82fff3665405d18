//go:build unix

package rpc

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// pair is both ends of a TCP connection.
func pair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if ours, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

func TestSocketReadsLikeAConnection(t *testing.T) {
	ours, theirs := pair(t)
	s := newSocket(ours)
	go theirs.Write([]byte("hello"))
	b := make([]byte, 3)
	for _, want := range []string{"hel", "lo"} { // the first may have to wait
		if n, err := s.read(b); err != nil || string(b[:n]) != want {
			t.Errorf("%q, %v", b[:n], err)
		}
	}
	ours.SetReadDeadline(time.Unix(1, 0))
	if _, err := s.read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	ours.SetReadDeadline(time.Time{})
	theirs.Close()
	if n, err := s.read(b); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
	ours.Close()
	if _, err := s.read(b); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestFlushGoesOnWhereTheSocketWasFull, and a waiting write's deadline ends with it.
func TestFlushGoesOnWhereTheSocketWasFull(t *testing.T) {
	ours, theirs := pair(t)
	c := newWireConn(ours)
	c.cork()
	sent := bytes.Repeat([]byte("0123456789"), 1<<20)
	c.Write(sent)
	if more, err := c.flush(false); !more || err != nil {
		t.Fatalf("10 MB fitted: %v", err)
	}
	got := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(theirs)
		got <- all
	}()
	if more, err := c.flush(true); more || err != nil {
		t.Fatal(more, err)
	}
	c.Write([]byte("more"))
	if more, err := c.flush(false); more || err != nil {
		t.Fatal(more, err)
	}
	ours.Close()
	if all := <-got; string(all) != string(sent)+"more" {
		t.Errorf("%d bytes arrived of %d", len(all), len(sent)+4)
	}
}
