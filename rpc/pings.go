package rpc

import (
	"context"
	"encoding/binary"
	"time"
)

// pingTable knows who waits for which pong. Session.mu guards it.
type pingTable struct {
	last    uint64                   // id of the newest ping
	waiting map[uint64]chan struct{} // by the id of the ping; each is closed when its pong comes
}

// next gives a new ping its id. pong is closed when the answer comes; nil means
// that nobody waits for the answer.
func (p *pingTable) next(pong chan struct{}) (id uint64) {
	p.last++
	if pong != nil {
		p.waiting[p.last] = pong
	}
	return p.last
}

// answered tells who waits that the pong with this payload has come.
func (p *pingTable) answered(payload string) {
	if len(payload) != 8 {
		return // not an answer to one of our pings
	}
	id := binary.BigEndian.Uint64([]byte(payload))
	if pong := p.waiting[id]; pong != nil {
		delete(p.waiting, id)
		close(pong)
	}
}

func pingPayload(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

// Ping sends a WebSocket ping and waits for its pong, until ctx or the session ends.
// It has no time limit of its own. The error is an [*Error].
func (s *Session) Ping(ctx context.Context) error {
	if !s.opened() {
		return notOpened.failed("ping")
	}
	pong := make(chan struct{})
	id := s.sendPing(pong)
	defer s.forgetPing(id)
	select {
	case <-pong:
		return nil
	case <-ctx.Done():
		return contextError("ping", ctx)
	case <-s.life.ending:
		return s.endedBy().failed("ping")
	}
}

// sendPing puts a ping into the outbox. pong is closed when its answer comes, and
// may be nil.
func (s *Session) sendPing(pong chan struct{}) (id uint64) {
	s.mu.Lock()
	id = s.pings.next(pong)
	s.outbox.pings = append(s.outbox.pings, id)
	s.mu.Unlock()
	s.outbox.wake()
	return id
}

func (s *Session) forgetPing(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pings.waiting, id)
	s.outbox.dropPing(id)
}

// ponged handles an incoming pong; the reader calls it.
func (s *Session) ponged(payload string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record.frame, s.record.lastPong = framePong, time.Now()
	s.pings.answered(payload)
	return nil
}

// pinged handles an incoming ping; the reader calls it. Only the newest ping is
// answered, as RFC 6455, 5.5.3 allows, so that a flood of pings costs nothing.
func (s *Session) pinged(payload string) error {
	s.mu.Lock()
	s.record.frame = framePing
	s.outbox.pong = append([]byte{}, payload...)
	s.mu.Unlock()
	s.outbox.wake()
	return nil
}
