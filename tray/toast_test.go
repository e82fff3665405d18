package tray

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fakeServer is a notification server in memory. What it does with a notification is
// the test's.
type fakeServer struct {
	toastFunc
	ids      uint32
	removed  func(ctx context.Context, id uint32) error
	happened chan toastEvent
	releases int
}

func (f *fakeServer) show(ctx context.Context, t Toast, _ uint32) (uint32, error) {
	err := f.toastFunc(ctx, t)
	f.ids++
	return f.ids, err
}

func (f *fakeServer) remove(ctx context.Context, id uint32) error { return f.removed(ctx, id) }
func (f *fakeServer) events() <-chan toastEvent                   { return f.happened }
func (f *fakeServer) release()                                    { f.releases++ }

// notifying runs a notifier in a bubble until the test is over. It returns its log.
func notifying(t *testing.T, server *fakeServer, test func(*notifier)) string {
	t.Helper()
	server.happened = make(chan toastEvent)
	if server.removed == nil {
		server.removed = func(context.Context, uint32) error { return nil }
	}
	var log bytes.Buffer
	n := newNotifier(server, slog.New(slog.NewTextHandler(&log, nil)), make(chan Click, 8))
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { n.run(ctx); close(over) }()
	test(n)
	cancel()
	<-over
	return log.String()
}

// XD2: at the end, a server that does not answer is waited for as long as Quit has.
func TestXD2_AServerThatTakesNothingAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &fakeServer{toastFunc: func(context.Context, Toast) error { return nil }}
		server.removed = func(ctx context.Context, _ uint32) error { <-ctx.Done(); return ctx.Err() }
		var began time.Time
		notifying(t, server, func(n *notifier) {
			n.post(gatewaySlot, &Toast{Title: "Trouble"})
			n.post(askSlot, &Toast{Title: "A question"})
			synctest.Wait()
			began = time.Now()
		})
		if took := time.Since(began); took != toastCloseTime {
			t.Errorf("the end took %v", took)
		}
	})
}

// XD2: the connection to the server is given back when nothing is shown, and only then;
// the end of another notification is not that of ours.
func TestXD2_TheConnectionIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &fakeServer{toastFunc: func(context.Context, Toast) error { return nil }}
		notifying(t, server, func(n *notifier) {
			n.post(gatewaySlot, &Toast{Title: "Trouble"})
			synctest.Wait()
			before := server.releases
			server.happened <- toastEvent{id: 77}
			synctest.Wait()
			if server.releases != before || len(n.ends) != 0 {
				t.Error("another program's notification was closed, and ours counts as closed")
			}
			server.happened <- toastEvent{id: 1}
			synctest.Wait()
			if server.releases != before+1 || len(n.ends) != 1 {
				t.Errorf("given back %d times, told of %d ends", server.releases-before, len(n.ends))
			}
		})
	})
}

// XD2: the log has one line about a row of failures. After a success the next one counts.
func TestXD2_ADeafServerIsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := errors.New("nobody shows notifications")
		var answer error
		server := &fakeServer{toastFunc: func(context.Context, Toast) error { return answer }}
		log := notifying(t, server, func(n *notifier) {
			for _, answer = range []error{deaf, deaf, deaf, nil, deaf, deaf} {
				n.post(gatewaySlot, &Toast{Title: "Trouble"})
				<-n.delivered
				synctest.Wait()
			}
		})
		if n := strings.Count(log, "notification not shown"); n != 2 {
			t.Errorf("%d lines:\n%s", n, log)
		}
	})
}

// L3: a slow server is not sent anything twice, and then the newest of what waits.
func TestL3_ASlowServerIsSentTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var titles []string
		server := &fakeServer{toastFunc: func(_ context.Context, toast Toast) error {
			titles = append(titles, toast.Title)
			time.Sleep(10 * toastTimeout)
			return nil
		}}
		notifying(t, server, func(n *notifier) {
			for _, title := range []string{"1", "2", "3"} {
				n.post(gatewaySlot, &Toast{Title: title})
				synctest.Wait()
			}
			for range 2 {
				if d := <-n.delivered; d.err != nil {
					t.Errorf("%s: %v", d.toast.Title, d.err)
				}
			}
		})
		if got := strings.Join(titles, ","); got != "1,3" {
			t.Errorf("shown: %s", got)
		}
	})
}
