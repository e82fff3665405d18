package rpc

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxUpgradeBytes bounds what is read of the HTTP answer to the upgrade; a
	// gateway's is below 1 KiB.
	maxUpgradeBytes = 256 << 10

	// writeStall is how long the peer may leave a write unread before the
	// session ends. It is longer than a gateway with a blocked event loop is
	// given by its supervisor (180 s), so that this is never the first to act.
	writeStall = 200 * time.Second

	// keepBuffer is the largest buffer kept for reuse; one huge frame shall not
	// cost its memory for the rest of the session.
	keepBuffer = 64 << 10
)

var errUpgradeTooLong = errors.New("rpc: the answer to the WebSocket upgrade never ends")

// wireConn is the net.Conn under the WebSocket. It counts every byte that
// arrives as a sign of life and, once corked, collects writes so that one
// flush sends what many calls wrote, and so that no Write ever blocks.
type wireConn struct {
	net.Conn
	start  time.Time
	life   atomic.Int64 // when bytes arrived last, as nanoseconds since start
	reads  atomic.Uint64
	onLife func() // called after bytes arrived; nil until the session runs

	received   int // bytes, all told
	isUpgraded bool

	mu     sync.Mutex
	corked bool
	out    []byte // written, to be flushed
	spare  []byte // the buffer flushed last, for reuse

	rest []byte  // being flushed
	sock *socket // nil where there is none
}

func newWireConn(c net.Conn) *wireConn {
	return &wireConn{Conn: c, start: time.Now(), sock: newSocket(c)}
}

func (c *wireConn) Read(p []byte) (int, error) {
	if !c.isUpgraded && c.received > maxUpgradeBytes {
		return 0, errUpgradeTooLong // again and again: net/textproto swallows an error now and then
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
		c.life.Store(int64(time.Since(c.start)))
		c.reads.Add(1)
		if c.onLife != nil {
			c.onLife()
		}
	}
	return n, err
}

// upgraded lifts the limit on reading. Call it from the reading goroutine.
func (c *wireConn) upgraded() { c.isUpgraded = true }

// cork makes writes wait for flush.
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

// SetWriteDeadline does nothing: the WebSocket library sets a deadline for
// each frame, but only flush writes, and it sets its own.
func (c *wireConn) SetWriteDeadline(time.Time) error { return nil }

// flush sends what was collected. Without wait it sends only what the peer's
// side takes at once; more says that something is left. One goroutine at a
// time calls it.
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
		_ = c.Conn.SetWriteDeadline(time.Now().Add(writeStall)) // fails where Write does, too
		n, err = c.Conn.Write(c.rest)
		_ = c.Conn.SetWriteDeadline(time.Time{}) // a past one would fail the next write
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

// lastLife is when bytes arrived last.
func (c *wireConn) lastLife() time.Time { return c.start.Add(time.Duration(c.life.Load())) }
