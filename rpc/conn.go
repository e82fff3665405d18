package rpc

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxUpgradeBytes bounds the HTTP answer to the upgrade, in bytes. A gateway's
	// answer has less than 1 KiB.
	maxUpgradeBytes = 256 << 10

	// writeStall is how long a write may wait until the peer reads, before the session
	// ends. The event loop of a healthy gateway can be blocked for up to 3 min, and it
	// reads nothing meanwhile.
	writeStall = 200 * time.Second

	// keepBuffer is the largest buffer, in bytes, that is used again. A larger one is
	// dropped, so that one huge frame does not occupy memory until the session ends.
	keepBuffer = 64 << 10
)

var errUpgradeTooLong = errors.New("rpc: the answer to the WebSocket upgrade never ends")

// wireConn is the net.Conn under the WebSocket. It notes when bytes arrive. Once it is
// corked, it collects what is written, so that one flush sends the requests of many
// calls and no Write blocks.
type wireConn struct {
	net.Conn
	sock *socket // for fast system calls; nil where that does not work
	seen arrivals

	received   int // bytes so far
	isUpgraded bool

	mu     sync.Mutex // guards the next three
	corked bool
	out    []byte // written, but not flushed
	spare  []byte // the buffer that was flushed last, to be used again

	rest []byte // being flushed; one goroutine at a time flushes
}

// arrivals notes when bytes arrive: every byte is a sign that the gateway lives.
type arrivals struct {
	start   time.Time
	last    atomic.Int64  // when bytes arrived last, in nanoseconds since start
	reads   atomic.Uint64 // how often bytes arrived
	onBytes func()        // called after bytes arrived; nil until the session runs
}

// note is called after bytes arrived.
func (a *arrivals) note() {
	a.last.Store(int64(time.Since(a.start)))
	a.reads.Add(1)
	if a.onBytes != nil {
		a.onBytes()
	}
}

// lastTime is when bytes arrived last.
func (a *arrivals) lastTime() time.Time { return a.start.Add(time.Duration(a.last.Load())) }

func newWireConn(c net.Conn) *wireConn {
	return &wireConn{Conn: c, sock: newSocket(c), seen: arrivals{start: time.Now()}}
}

func (c *wireConn) Read(p []byte) (int, error) {
	if !c.isUpgraded && c.received > maxUpgradeBytes {
		return 0, errUpgradeTooLong // again at every further read, because net/textproto ignores some errors
	}
	var n int
	var err error
	if c.sock != nil {
		n, err = c.sock.read(p)
	} else {
		n, err = c.Conn.Read(p)
	}
	if n > 0 {
		c.received += n
		c.seen.note()
	}
	return n, err
}

// upgraded ends the limit maxUpgradeBytes. The goroutine that reads calls it.
func (c *wireConn) upgraded() { c.isUpgraded = true }

// cork makes Write collect until the next flush.
func (c *wireConn) cork() {
	c.mu.Lock()
	c.corked = true
	c.mu.Unlock()
}

func (c *wireConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	if c.corked {
		c.out = append(c.out, p...)
		c.mu.Unlock()
		return len(p), nil
	}
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// SetWriteDeadline does nothing. The WebSocket library sets a deadline for each frame,
// but only flush writes to the connection, with a deadline of its own.
func (c *wireConn) SetWriteDeadline(time.Time) error { return nil }

// flush sends what was collected. Without wait it sends only what the system accepts
// at once. more reports whether something is left. One goroutine at a time calls it.
func (c *wireConn) flush(wait bool) (more bool, err error) {
	if len(c.rest) == 0 {
		c.mu.Lock()
		c.rest, c.out, c.spare = c.out, c.spare, nil
		c.mu.Unlock()
	}
	if len(c.rest) == 0 {
		return false, nil
	}
	whole := c.rest
	if c.sock != nil {
		n, err := c.sock.tryWrite(c.rest)
		c.rest = c.rest[n:]
		if err != nil {
			return true, err
		}
	}
	if wait && len(c.rest) > 0 {
		var n int
		_ = c.Conn.SetWriteDeadline(time.Now().Add(writeStall)) // when this fails, Write fails, too
		n, err = c.Conn.Write(c.rest)
		_ = c.Conn.SetWriteDeadline(time.Time{}) // or the next write fails with the old deadline
		c.rest = c.rest[n:]
	}
	if err != nil || len(c.rest) > 0 {
		return true, err
	}
	c.rest = nil
	if cap(whole) <= keepBuffer {
		c.mu.Lock()
		c.spare = whole[:0]
		c.mu.Unlock()
	}
	return false, nil
}
