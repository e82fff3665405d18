package rpc

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// deadlineConn remembers the deadline of its writes, and whether one was set for a write.
type deadlineConn struct {
	net.Conn
	deadline time.Time
	limited  bool
}

func (c *deadlineConn) SetWriteDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

func (c *deadlineConn) Write(p []byte) (int, error) {
	c.limited = !c.deadline.IsZero()
	return len(p), nil
}

// TestXR11_WriteDeadlineEndsWithItsWrite: a deadline that has passed fails the next write.
func TestXR11_WriteDeadlineEndsWithItsWrite(t *testing.T) {
	under := &deadlineConn{}
	c := newWireConn(under)
	c.cork()
	_, _ = io.WriteString(c, "text")
	if more, err := c.flush(true); more || err != nil {
		t.Fatal(more, err)
	}
	if !under.limited || !under.deadline.IsZero() {
		t.Errorf("limited: %v, then %v", under.limited, under.deadline)
	}
}

// TestXR11_RetryAfterIsBounded: a gateway cannot make a client wait for years.
func TestXR11_RetryAfterIsBounded(t *testing.T) {
	for raw, want := range map[string]time.Duration{
		`{"code":"UNAVAILABLE","retryAfterMs":1500}`:                     1500 * time.Millisecond,
		`{"code":"UNAVAILABLE","retryAfterMs":1e300}`:                    time.Minute,
		`{"code":"UNAVAILABLE","retryAfterMs":60001}`:                    time.Minute,
		`{"code":"UNAVAILABLE","retryAfterMs":-1e300}`:                   0,
		`{"code":"X","details":{"retryAfterMs":9223372036854775807}}`:    time.Minute,
		`{"code":"X","retryAfterMs":10,"details":{"retryAfterMs":20.5}}`: 20500 * time.Microsecond,
	} {
		if got := answerError("x", []byte(raw)).RetryAfter; got != want {
			t.Errorf("%s: %v, want %v", raw, got, want)
		}
	}
}

// TestXR3_UnknownFramesCostNoMemory: a flood of them must not delay the calls.
func TestXR3_UnknownFramesCostNoMemory(t *testing.T) {
	frame := []byte(`{"type":"evnt","payload":"` + strings.Repeat("word ", 800) + `"}`)
	var r record
	for range keepUnknown {
		r.unknown(frame)
	}
	if allocated := testing.AllocsPerRun(100, func() { r.unknown(frame) }); allocated != 0 {
		t.Errorf("%v allocations for a frame", allocated)
	}
}
