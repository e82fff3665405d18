package outside

import (
	"bytes"
	"io"
	"net"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo starts a program that sends back what it receives, with p before it.
func echo(t *testing.T, p *Proxy) (dial func() net.Conn) {
	behind, before := listen(t), listen(t)
	go func() {
		for {
			conn, err := behind.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn) // the proxy may close the connection
				conn.Close()
			}()
		}
	}()
	go p.Serve(before, behind.Addr().String())
	return func() net.Conn {
		conn, err := net.Dial("tcp", before.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
}

func listen(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestProxy: each mode has its effect on a connection.
func TestProxy(t *testing.T) {
	var p Proxy
	dial := echo(t, &p)
	conn, sent := dial(), []byte("a piece of a connection")
	for _, mode := range []Mode{Pass, Delay, Stall} {
		p.Set(mode)
		if _, err := conn.Write(sent); err != nil {
			t.Fatal(err)
		}
		if mode == Stall {
			p.Set(Pass) // the kept bytes arrive now
		}
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("mode %d: %q, %v", mode, got, err)
		}
	}
	p.Cut()
	if n, _ := conn.Read(make([]byte, 1)); n != 0 {
		t.Error("a connection that was cut brings bytes")
	}
	p.Set(Refuse)
	if n, _ := io.Copy(io.Discard, dial()); n != 0 {
		t.Errorf("a refused connection brought %d bytes", n)
	}
	piece := bytes.Clone(sent)
	p.Set(Corrupt)
	if p.treat(piece); bytes.Equal(piece, sent) {
		t.Error("nothing was corrupted")
	}
}
