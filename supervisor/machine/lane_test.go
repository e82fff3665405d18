package machine

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/supervisor/openclaw"
)

// XH10: a caller gets the result of a call that began after the caller asked.
func TestXH10_NobodyGetsAnOldAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lane
		value, hold := atomic.Int32{}, make(chan struct{})
		look := call[int32]{what: "the test", do: func() (int32, error) {
			v := value.Load()
			<-hold
			return v, nil
		}}
		go look.in(t.Context(), &l)
		synctest.Wait()
		value.Store(1)
		got := make(chan int32)
		go func() {
			v, _ := look.in(t.Context(), &l)
			got <- v
		}()
		synctest.Wait()
		close(hold)
		if v := <-got; v != 1 {
			t.Error("the answer is from before the question")
		}
	})
}

// XH10: a process that starts after its caller has left is ended.
func TestXH10_WhatComesTooLateIsUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lane
		hold, undone := make(chan struct{}), 0
		start := call[int]{what: "starting", do: func() (int, error) { <-hold; return 4711, nil }, undo: func(pid int) { undone += pid }}
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("stopped by a person")
		time.AfterFunc(time.Second, func() { cancel(why) })
		for range 2 { // the second does not begin any more
			if _, err := start.in(ctx, &l); !errors.Is(err, why) {
				t.Errorf("the error is %v", err)
			}
		}
		close(hold)
		synctest.Wait()
		if undone != 4711 {
			t.Errorf("undone: %d", undone)
		}
	})
}

// A caller waits for a call that observes its context, so that nothing of it goes on.
func TestXH10_WhatMindsItsContextIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lane
		ctx, cancel := context.WithCancel(t.Context())
		over := errors.New("cleaned up")
		c := call[int]{what: "installing", settles: settle, do: func() (int, error) {
			<-ctx.Done()
			time.Sleep(settle / 2) // virtual
			return 0, over
		}}
		time.AfterFunc(time.Second, cancel)
		if _, err := c.in(ctx, &l); !errors.Is(err, over) {
			t.Errorf("the error is %v", err)
		}
	})
}

// XH17: the settings may change while the machine looks for what they name.
func TestXH17_ConfiguredWhileLooking(t *testing.T) {
	dir := tempDir(t)
	m := &Machine{Home: dir, StateDir: dir, Log: slog.New(slog.DiscardHandler),
		Search: openclaw.Search{Home: dir, DataDir: dir, Root: dir, CacheFile: filepath.Join(dir, "runtime.json")}}
	var looking sync.WaitGroup
	for _, look := range []func(){
		func() { m.AwaitUpgrade(t.Context(), func() {}) },
		func() { m.Runtime(t.Context()) },
		func() { m.Gateway(t.Context()) },
		func() { m.launch(openclaw.Child{}) },
		func() { m.Missing(t.Context()) },
	} {
		looking.Go(look)
		m.Configure("/nowhere/node", "/nowhere/openclaw", "", openclaw.Overrides{Token: "canary-5d1c"})
	}
	looking.Wait()
}
