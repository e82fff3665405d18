package outside

import (
	"net"
	"sync"
	"time"
)

// Mode says what a [Proxy] does with the bytes that it receives.
type Mode uint8

// The modes.
const (
	Pass    Mode = iota // forward them
	Stall               // keep them until the mode changes
	Delay               // forward them a quarter of a second later
	Corrupt             // change some bits
	Refuse              // forward nothing: close each new connection at once
)

// Proxy is placed before a gateway on loopback and can disturb its connections. The zero
// value forwards everything.
type Proxy struct {
	mu      sync.Mutex
	mode    Mode
	changed chan struct{} // closed when the mode changes; nil while nobody waits
	conns   map[net.Conn]bool
}

// Set changes the mode, also for existing connections.
func (p *Proxy) Set(m Mode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = m
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// Cut closes all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// Serve forwards connections to an address until l is closed.
func (p *Proxy) Serve(l net.Listener, to string) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		if mode, _ := p.now(); mode == Refuse {
			in.Close()
			continue
		}
		out, err := net.Dial("tcp", to)
		if err != nil {
			in.Close()
			continue
		}
		p.keep(in, out)
		go p.copy(in, out)
		go p.copy(out, in)
	}
}

func (p *Proxy) keep(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		p.conns = map[net.Conn]bool{}
	}
	for _, c := range conns {
		p.conns[c] = true
	}
}

// now returns the mode, and a channel that is closed when the mode changes.
func (p *Proxy) now() (Mode, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.mode, p.changed
}

// copy forwards the bytes of one direction, and then closes both ends.
func (p *Proxy) copy(to, from net.Conn) {
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range []net.Conn{to, from} {
			c.Close()
			delete(p.conns, c)
		}
	}()
	for piece := make([]byte, 32<<10); ; {
		n, err := from.Read(piece)
		p.treat(piece[:n])
		if _, failed := to.Write(piece[:n]); err != nil || failed != nil {
			return
		}
	}
}

// treat changes a piece of a connection as the mode says.
func (p *Proxy) treat(piece []byte) {
	mode, changed := p.now()
	for mode == Stall {
		<-changed
		mode, changed = p.now()
	}
	switch mode {
	case Delay:
		time.Sleep(250 * time.Millisecond)
	case Corrupt:
		for i := 0; i < len(piece); i += 7 { // so both headers and texts of frames change
			piece[i] ^= 0x55
		}
	}
}
