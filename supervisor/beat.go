package supervisor

import (
	"sync"
	"time"
)

// beatSlack is how late the gateway's tick may be before our own timer replaces it.
const beatSlack = 2 * time.Second

// beat is an alarm that rings about every Policy.Tend. Everything that periodically checks
// a quiet gateway runs at that moment. When the gateway sends ticks, a tick causes the
// beat, so that the program need not wake up separately.
type beat struct {
	*alarm
	mu   sync.Mutex
	last time.Time
}

func newBeat() *beat { return &beat{alarm: newAlarm()} }

// strike rings, unless the last ring was less than apart ago.
func (b *beat) strike(apart time.Duration) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.last) >= apart {
		b.last = now
		b.ring()
	}
}
