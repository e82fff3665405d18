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

	unread int // bytes the peer may still send before the upgrade is done; -1: done

	mu     sync.Mutex
	corked bool
	out    []byte
	spare  []byte // the buffer flushed last, for reuse
}

func newWireConn(c net.Conn) *wireConn {
	return &wireConn{Conn: c, start: time.Now(), unread: maxUpgradeBytes}
}

func (c *wireConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		if c.unread >= 0 {
			if c.unread -= n; c.unread < 0 {
				return 0, errUpgradeTooLong
			}
		}
		c.life.Store(int64(time.Since(c.start)))
		c.reads.Add(1)
		if c.onLife != nil {
			c.onLife()
		}
	}
	return n, err
}

// upgraded lifts the limit on reading. Call it from the reading goroutine.
func (c *wireConn) upgraded() { c.unread = -1 }

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

// flush sends what was collected. One goroutine calls it.
func (c *wireConn) flush() error {
	c.mu.Lock()
	out := c.out
	c.out = c.spare[:0]
	c.mu.Unlock()
	if len(out) == 0 {
		return nil
	}
	if err := c.Conn.SetWriteDeadline(time.Now().Add(writeStall)); err != nil {
		return err
	}
	_, err := c.Conn.Write(out)
	if cap(out) > keepBuffer {
		out = nil
	}
	c.mu.Lock()
	c.spare = out
	c.mu.Unlock()
	return err
}

// lastLife is when bytes arrived last.
func (c *wireConn) lastLife() time.Time { return c.start.Add(time.Duration(c.life.Load())) }
