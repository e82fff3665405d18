package rest

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

// collector returns the settings of the garbage collector: percent, -1 when it never starts
// by itself, and the limit in bytes.
func collector() (percent, limit int64) {
	return metric("/gc/gogc:percent"), metric("/gc/gomemlimit:bytes")
}

// metric returns one of the runtime's metrics.
func metric(name string) int64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// besideRest calls do while a supervisor and its Watch run, in virtual time.
func besideRest(t *testing.T, host supervisor.Host, do func(context.Context, *supervisor.Supervisor)) {
	synctest.Test(t, func(t *testing.T) {
		s := supervisor.New(supervisor.Config{Port: 18001}, host)
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer all.Wait()
		defer stop()
		all.Go(func() { s.Run(ctx) })
		all.Go(func() { Watch(ctx, s) })
		do(ctx, s)
	})
}

func TestTheCollectorRestsWhenNothingHappens(t *testing.T) {
	percent, limit := collector()
	besideRest(t, supervisortest.Bare{}, func(ctx context.Context, s *supervisor.Supervisor) {
		time.Sleep(restAfter + time.Second) // virtual
		synctest.Wait()
		if p, l := collector(); p != -1 || l >= limit {
			t.Errorf("at rest it is set to %d %%, %d bytes", p, l)
		}
		s.Do(ctx, supervisor.Request{Intent: supervisor.Start}) // fails and leads to another state
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

// slow is a machine on which a start takes until it is cancelled.
type slow struct{ supervisortest.Bare }

func (slow) Runtime(ctx context.Context) (openclaw.Runtime, error) {
	<-ctx.Done()
	return openclaw.Runtime{}, ctx.Err()
}

func TestTheCollectorDoesNotRestDuringAStart(t *testing.T) {
	percent, limit := collector()
	besideRest(t, slow{}, func(ctx context.Context, s *supervisor.Supervisor) {
		go s.Do(ctx, supervisor.Request{Intent: supervisor.Start})
		time.Sleep(2 * restAfter) // virtual
		synctest.Wait()
		if p, l := collector(); s.Status().State != supervisor.Starting || p != percent || l != limit {
			t.Errorf("%s: it is set to %d %%, %d bytes", s.Status().State, p, l)
		}
	})
}

// room returns how much garbage may exist until the collector starts, in bytes. Garbage
// that only fills memory which the runtime has but does not use is not counted: the runtime
// returns the memory of its own work late, up to two megabytes in this test.
func room() int64 {
	return metric("/gc/heap/goal:bytes") - metric("/gc/heap/live:bytes") - metric("/memory/classes/heap/free:bytes")
}

func TestThereIsRoomForSomeGarbageAtRest(t *testing.T) {
	ballast := make([]byte, 4<<20) // for a heap of less than two megabytes the runtime has other rules
	defer runtime.KeepAlive(ballast)
	besideRest(t, supervisortest.Bare{}, func(ctx context.Context, s *supervisor.Supervisor) {
		time.Sleep(restAfter + time.Second) // virtual
		synctest.Wait()
		if r := room(); r < garbageAtRest || r > 3*garbageAtRest {
			t.Errorf("room for %d bytes of garbage", r)
		}
	})
}
