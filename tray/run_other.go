//go:build windows || (darwin && cgo)

package tray

import (
	"context"
	"sync"
	"time"

	"clawtray/supervisor"

	"fyne.io/systray"
)

// sessionEndTime is how long the gateway may take to stop at the end of the session,
// because Windows kills us after 5 s.
const sessionEndTime = 4 * time.Second

// show runs systray's message loop on this goroutine, which must be the main one, and
// serves the menu on another.
func show(ctx context.Context, l *loop) error {
	before, end := l.whileServed(ctx)
	there := waitForTaskbar(before)
	end()
	if !there {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	w := newWidget(ctx, l.clicks)
	result := make(chan error, 1)
	var wg sync.WaitGroup
	ready := func() {
		systray.SetTitle("") // on macOS, show the icon without a title
		l.build(w)
		wg.Go(func() {
			result <- l.serve(ctx)
			stop()
			systray.Quit()
		})
	}
	// systray calls exit for our Quit and at the end of the session, possibly twice. If we
	// did not quit, the session is ending.
	exit := sync.OnceFunc(func() {
		if ctx.Err() != nil {
			return
		}
		limit, cancel := context.WithTimeout(ctx, sessionEndTime)
		defer cancel()
		_, err := l.options.Gateway.Do(limit, supervisor.Request{Intent: supervisor.Quit, Now: true, Cause: supervisor.Cause{Code: supervisor.SessionEnd}})
		l.options.Log.Info("the session ends", "error", err)
	})
	systray.Run(ready, exit)
	stop()
	wg.Wait()
	w.wg.Wait()
	select {
	case err := <-result:
		return err
	default:
		return nil
	}
}
