package rpc

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The tests of this file and of mutation_session_test.go notice what `make mutate` breaks
// and no other test noticed.

// I1: a session uses the call values again. A call whose context ends at the moment of its
// answer has to take the answer out of the channel, or the next call would get it.
func TestI1_NoAnswerIsLeftForTheNextCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Session{calls: callTable{pending: map[uint64]*call{}}} // the reader has just taken the call
		c := &call{id: 2, outcome: make(chan outcome, 1)}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		ended := make(chan *Error, 1)
		go func() {
			_, err := s.await(ctx, c, "first")
			ended <- err
		}()
		synctest.Wait()
		c.outcome <- outcome{ok: true}
		if err := <-ended; err == nil || err.Kind != KindCanceled {
			t.Error(err)
		}
		if len(c.outcome) > 0 {
			t.Error("the answer is still there")
		}
	})
}

// XR3: of an unknown frame of any size only a bounded part is kept.
func TestXR3_UnknownFramesAreKeptInPart(t *testing.T) {
	var r record
	for range 2 * keepUnknown {
		r.unknown([]byte(strings.Repeat("x", 1<<20)))
	}
	for _, kept := range r.lastUnknown {
		if len(kept) > keptUnknown {
			t.Errorf("%d bytes are kept", len(kept))
		}
	}
}

// I5: a gateway that invents names of events cannot fill the memory.
func TestI5_FewNamesAreKept(t *testing.T) {
	n := names{known: map[string]string{}}
	for i := range 4 * maxNames {
		n.of([]byte(strings.Repeat("n", i+1)))
	}
	for name := range n.known {
		if len(name) > maxNameKept {
			t.Errorf("a name of %d bytes is kept", len(name))
		}
	}
	for i := range 4 * maxNames {
		n.of([]byte{'n', byte(i), byte(i >> 8)})
	}
	if len(n.known) > maxNames {
		t.Errorf("%d names are kept", len(n.known))
	}
}

// K1: an identity file that another process has made meanwhile, without the lock, is not
// replaced.
func TestK1_AFileThatIsThereIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity")
	if err := writePrivate(path, []byte("first"), false); err != nil {
		t.Fatal(err)
	}
	if err := writePrivate(path, []byte("second"), false); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if got, err := os.ReadFile(path); string(got) != "first" {
		t.Errorf("%q, %v", got, err)
	}
}

// keepingConn keeps the slices that are written, without a copy.
type keepingConn struct {
	net.Conn
	text strings.Builder
}

func (c *keepingConn) Write(p []byte) (int, error) { return c.text.Write(p) }

func (c *keepingConn) SetWriteDeadline(time.Time) error { return nil }

// XR11: new requests do not overwrite bytes that the socket has not accepted yet.
func TestXR11_WhatIsLeftStaysAsItIs(t *testing.T) {
	var under keepingConn
	c := newWireConn(&under)
	c.cork()
	io.WriteString(c, "the first request, ")
	c.flush(false) // nothing is taken
	io.WriteString(c, "the second")
	for range 2 {
		if _, err := c.flush(true); err != nil {
			t.Fatal(err)
		}
	}
	if got := under.text.String(); got != "the first request, the second" {
		t.Errorf("written: %q", got)
	}
}

// I1, I2: an answer stays valid when the read buffer is used again.
func TestI1_AnswersOutliveTheirBuffer(t *testing.T) {
	most := `"` + strings.Repeat("most of the frame ", 50) + `"`
	for text, want := range map[string]string{
		`{"type":"res","id":"2","ok":true,"payload":` + most + `}`:          most,
		`{"type":"res","id":"2","ok":true,"payload":1234}`:                  `1234`,
		`{"type":"res","id":"2","ok":false,"error":{"code":"UNAVAILABLE"}}`: `{"code":"UNAVAILABLE"}`,
	} {
		c := &call{id: 2, outcome: make(chan outcome, 1)}
		s := &Session{calls: callTable{pending: map[uint64]*call{2: c}, lastID: 2}}
		b := []byte(text)
		s.dispatch(b)
		clear(b) // the reader goes on
		if got := <-c.outcome; string(got.payload)+string(got.failure) != want {
			t.Errorf("%+v", got)
		}
	}
}
