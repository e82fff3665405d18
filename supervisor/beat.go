package supervisor

import (
	"sync"
	"time"
)

// beatSlack is how late the gateway's tick may be before our own timer stands in.
const beatSlack = 2 * time.Second

// beat is the moment, about every Policy.Tend, at which all that looks after a
// quiet gateway does so: together, and where the gateway sends ticks, when one
// came, so that the program wakes up for nothing else.
type beat struct {
	*alarm
	mu   sync.Mutex
	last time.Time
}

func newBeat() *beat { return &beat{alarm: newAlarm()} }

// strike rings unless that happened within apart.
func (b *beat) strike(apart time.Duration) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.last) >= apart {
		b.last = now
		b.ring()
	}
}
