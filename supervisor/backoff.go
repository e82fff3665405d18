package supervisor

import "time"

// Backoff is the time between reconnect attempts (BEHAVIOUR H1).
type Backoff struct {
	First    time.Duration
	Max      time.Duration
	Jitter   float64 // random share of the delay: 0.2 means plus or minus 20 %
	Attempts int     // give up after this many
}

// Delay returns how long to wait before attempt n, counted from 1. The caller provides
// random, a number in [0,1), so that the method stays pure.
func (b Backoff) Delay(n int, random float64) time.Duration {
	d := doubled(b.First, n-1, b.Max)
	return time.Duration(float64(d) * (1 + b.Jitter*(2*random-1)))
}

// doubled returns d doubled n times, but at most limit.
func doubled(d time.Duration, n int, limit time.Duration) time.Duration {
	for ; n > 0 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}
