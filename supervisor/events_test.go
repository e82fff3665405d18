package supervisor

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
)

// collect subscribes; got returns the events so far. It stops with the scene.
func (s *scene) collect(buffer int, names ...string) (got func() []rpc.Event, stop func()) {
	var mu sync.Mutex
	var list []rpc.Event
	ctx, cancel := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		for e := range s.Events(ctx, buffer, names...) {
			mu.Lock()
			list = append(list, e)
			mu.Unlock()
		}
	})
	synctest.Wait()
	got = func() []rpc.Event {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(list)
	}
	return got, func() { cancel(); running.Wait() }
}

func names(events []rpc.Event) (list []string) {
	for _, e := range events {
		list = append(list, e.Name)
	}
	return list
}

func TestA5_EventsByNameAcrossRestarts(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		chat, stop := s.collect(10, "chat")
		defer stop()
		all, stopAll := s.collect(100)
		defer stopAll()
		s.start()
		s.host.current().gw.Emit("chat", map[string]any{"n": 1})
		s.host.current().gw.Emit("agent", nil)
		s.host.current().gw.Emit("never.heard.of", map[string]any{"x": []int{1}})
		synctest.Wait()
		time.Sleep(time.Minute)
		s.host.current().finish(Exit{Code: -1, Signal: "SIGKILL"})
		s.until("lost", in(Reconnecting))
		s.until("running", in(Running))
		s.host.current().gw.Emit("chat", map[string]any{"n": 2})
		got := chat()
		if len(got) != 2 || string(got[0].Payload) != `{"n":1}` || string(got[1].Payload) != `{"n":2}` {
			t.Errorf("by name: %v", got)
		}
		list := names(all())
		for _, name := range []string{EventReady, "chat", "agent", "never.heard.of", EventExit} {
			if !slices.Contains(list, name) {
				t.Errorf("%q is not among %v", name, list)
			}
		}
	})
}

func TestA5_NothingAfterTheHelloIsLost(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		got, stop := s.collect(100, "chat")
		defer stop()
		s.start()
		for range 20 { // each connection starts with an event
			time.Sleep(2 * DefaultPolicy().Forgive) // so that losses do not count together
			gw := s.host.current().gw
			gw.CloseAll(1006, "")
			s.until("lost", in(Reconnecting))
			s.until("running", in(Running))
			gw.Emit("chat", nil)
			gw.CloseAll(1006, "") // and ends directly after the event
			s.until("lost again", in(Reconnecting))
			s.until("running again", in(Running))
		}
		if n := len(got()); n != 20 {
			t.Errorf("%d events, want 20", n)
		}
	})
}

func TestA5_ExitAndErrorAreEvents(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 7}}), nil, func(s *scene) {
		got, stop := s.collect(100, EventExit, EventError)
		defer stop()
		s.Do(s.t.Context(), Request{Intent: Start})
		list := got()
		if want := []string{EventExit, EventExit, EventExit, EventError}; !slices.Equal(names(list), want) {
			t.Fatalf("got %v, want %v", names(list), want)
		}
		var c Cause
		if string(list[0].Payload) != `"exit code 7"` || json.Unmarshal(list[3].Payload, &c) != nil || c.Code != StartExit {
			t.Errorf("payloads %s, %s", list[0].Payload, list[3].Payload)
		}
	})
}

func TestA5_ABlockedErrorIsAnEventToo(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		got, stop := s.collect(10, EventError)
		defer stop()
		s.host.stranger.SetToken("another")
		s.Do(s.t.Context(), Request{Intent: Start})
		if list := got(); len(list) != 1 {
			t.Errorf("got %v", names(list))
		}
	})
}

// The gateway of somebody else may fail again and again while it is waited for. That is told
// once, another failure of it is told, too.
func TestA5_AFailureThatGoesOnIsOneEvent(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.start()
		got, stop := s.collect(10, EventError)
		defer stop()
		s.host.leave()
		s.until("gone", in(Failed))
		for range 3 {
			s.host.arrive().SetStarting(true)
			s.until("still starting", func(st Status) bool { return st.Phase == Sidecars })
			s.host.leave()
			s.until("gone again", func(st Status) bool { return st.Phase == Idle })
		}
		s.host.arriveAs(gatewaytest.Config{Token: testToken, Protocol: 99})
		s.until("the wrong version", func(st Status) bool { return st.Cause.Code == ProtocolMismatch })
		if list := got(); len(list) != 2 {
			t.Errorf("got %v", names(list))
		}
	})
}

func TestA5_ASlowSubscriberLosesItsOwnOnly(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		fast, stop := s.collect(1000, "chat")
		defer stop()
		ctx, cancel := context.WithCancel(s.t.Context())
		stuck, done := make(chan struct{}), make(chan int, 1)
		go func() {
			n := 0
			for range s.Events(ctx, 3, "chat") {
				if n == 0 {
					<-stuck
				}
				n++
			}
			done <- n
		}()
		synctest.Wait()
		s.start()
		for range 10 { // more connections than a subscriber may be late
			for range 20 {
				s.host.current().gw.Emit("chat", nil)
			}
			synctest.Wait()
			s.host.current().gw.CloseAll(1006, "")
			s.until("lost", in(Reconnecting))
			s.until("running", in(Running))
		}
		if n := len(fast()); n != 200 {
			t.Errorf("the fast one saw %d of 200", n)
		}
		close(stuck)
		synctest.Wait()
		cancel()
		if n := <-done; n < 4 || n > 16 {
			t.Errorf("the slow one saw %d", n)
		}
	})
}

// TestXR2_EventsDirectlyAfterHelloReachSubscribers checks that for every connection.
func TestXR2_EventsDirectlyAfterHelloReachSubscribers(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		got, stop := s.collect(100, "presence", "health")
		defer stop()
		s.start()
		s.host.current().finish(Exit{Code: -1, Signal: "SIGKILL"})
		s.until("lost", in(Reconnecting))
		s.until("running", in(Running))
		if list := names(got()); !slices.Equal(list, []string{"presence", "health", "presence", "health"}) {
			t.Error(list)
		}
	})
}
