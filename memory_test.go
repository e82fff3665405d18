package main

import (
	"context"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/supervisor"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/supervisortest"
)

// collector reads what the garbage collector is set to: percent, -1 for never by
// itself, and the limit in bytes.
func collector() (percent, limit int64) {
	samples := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64()), int64(samples[1].Value.Uint64())
}

func TestTheCollectorRestsWhenNothingHappens(t *testing.T) {
	percent, limit := collector()
	synctest.Test(t, func(t *testing.T) {
		s := supervisor.New(supervisor.Config{Port: 18001}, supervisortest.Bare{})
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer all.Wait()
		defer stop()
		all.Go(func() { s.Run(ctx) })
		all.Go(func() { rest(ctx, s) })

		time.Sleep(restAfter + time.Second) // virtual
		synctest.Wait()
		if p, l := collector(); p != -1 || l >= limit {
			t.Errorf("at rest it is set to %d %%, %d bytes", p, l)
		}
		s.Do(ctx, supervisor.Request{Intent: supervisor.Start}) // fails, at another state
		synctest.Wait()
		if p, l := collector(); p != percent || l != limit {
			t.Errorf("when something happens it is set to %d %%, %d bytes", p, l)
		}
		time.Sleep(restAfter + time.Second)
		synctest.Wait()
		if p, _ := collector(); p != -1 {
			t.Errorf("at rest again it is set to %d %%", p)
		}
	})
	if p, l := collector(); p != percent || l != limit {
		t.Errorf("in the end it is set to %d %%, %d bytes", p, l)
	}
}

// slow is a machine on which a start takes until it is called off.
type slow struct{ supervisortest.Bare }

func (slow) Runtime(ctx context.Context) (openclaw.Runtime, error) {
	<-ctx.Done()
	return openclaw.Runtime{}, ctx.Err()
}

func TestTheCollectorDoesNotRestDuringAStart(t *testing.T) {
	percent, limit := collector()
	synctest.Test(t, func(t *testing.T) {
		s := supervisor.New(supervisor.Config{Port: 18001}, slow{})
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer all.Wait()
		defer stop()
		all.Go(func() { s.Run(ctx) })
		all.Go(func() { rest(ctx, s) })
		all.Go(func() { s.Do(ctx, supervisor.Request{Intent: supervisor.Start}) })

		time.Sleep(2 * restAfter) // virtual
		synctest.Wait()
		if p, l := collector(); s.Status().State != supervisor.Starting || p != percent || l != limit {
			t.Errorf("%s: it is set to %d %%, %d bytes", s.Status().State, p, l)
		}
	})
}

// room is how much garbage may gather until the collector begins, in bytes.
func room() int64 {
	samples := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64()) - int64(samples[1].Value.Uint64())
}

func TestThereIsRoomForSomeGarbageAtRest(t *testing.T) {
	ballast := make([]byte, 4<<20) // the runtime has other rules for a heap of less than two
	defer runtime.KeepAlive(ballast)
	synctest.Test(t, func(t *testing.T) {
		s := supervisor.New(supervisor.Config{Port: 18001}, supervisortest.Bare{})
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer all.Wait()
		defer stop()
		all.Go(func() { s.Run(ctx) })
		all.Go(func() { rest(ctx, s) })

		time.Sleep(restAfter + time.Second) // virtual
		synctest.Wait()
		if r := room(); r < garbageAtRest || r > 3*garbageAtRest {
			t.Errorf("room for %d bytes of garbage", r)
		}
	})
}
