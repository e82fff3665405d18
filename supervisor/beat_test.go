package supervisor

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestTheBeatIsInStepWithTheTicks: where the gateway sends ticks, a beat happens at the
// moment of a tick.
func TestTheBeatIsInStepWithTheTicks(t *testing.T) {
	var mu sync.Mutex
	var beats []time.Time
	taken := func() []time.Time {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		all := beats
		beats = nil
		return all
	}
	play(t, healthy, func(c *Config) {
		c.OnBeat = func() {
			mu.Lock()
			defer mu.Unlock()
			beats = append(beats, time.Now())
		}
	}, func(s *scene) {
		s.start()
		time.Sleep(40 * time.Second)
		if alone := taken(); len(alone) != 1 {
			t.Errorf("%d beats of its own in 40 s", len(alone))
		}
		gw := s.host.current().gw
		stop := s.every(DefaultPolicy().Tend, func() { gw.Emit("tick", nil) })
		time.Sleep(10 * time.Minute)
		stop()
		ticks := taken()
		for i := 3; i < len(ticks); i++ { // ticks and beats coincide after the first few
			if apart := ticks[i].Sub(ticks[i-1]); apart != DefaultPolicy().Tend {
				t.Errorf("beat %d is %v after the one before", i, apart)
			}
		}
		if len(ticks) < 19 {
			t.Errorf("%d beats in ten minutes", len(ticks))
		}
		for range 1000 {
			gw.Emit("tick", nil)
		}
		if flood := taken(); len(flood) > 1 {
			t.Errorf("%d beats for 1000 ticks", len(flood))
		}
	})
}
