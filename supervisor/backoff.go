package supervisor

import "time"

// Backoff is the distance between reconnect attempts (BEHAVIOUR H1).
type Backoff struct {
	First    time.Duration
	Max      time.Duration
	Jitter   float64 // share of the delay that is random, 0.2 is plus or minus 20 %
	Attempts int     // after so many: give up
}

// Delay is how long to wait before attempt n (from 1). random is in [0,1); it
// comes from the caller so that the policy stays a value.
func (b Backoff) Delay(n int, random float64) time.Duration {
	d := doubled(b.First, n-1, b.Max)
	return time.Duration(float64(d) * (1 + b.Jitter*(2*random-1)))
}

// doubled is d doubled n times, at most limit.
func doubled(d time.Duration, n int, limit time.Duration) time.Duration {
	for ; n > 0 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}
