//go:build windows || (darwin && cgo)

package tray

import (
	"context"
	"sync"
	"time"

	"clawtray/supervisor"

	"fyne.io/systray"
)

// sessionEndTime is how long the gateway may take to stop when the session
// ends: Windows waits 5 s before it kills us.
const sessionEndTime = 4 * time.Second

// show runs systray's message loop on this goroutine, which must be the main
// one, and serves the menu on another.
func show(ctx context.Context, l *loop) error {
	if !waitForTaskbar(ctx) {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	w := newWidget(ctx)
	result := make(chan error, 1)
	var wg sync.WaitGroup
	ready := func() {
		systray.SetTitle("") // macOS: the icon alone
		l.build(w)
		wg.Go(func() {
			result <- l.serve(ctx)
			stop()
			systray.Quit()
		})
	}
	// Without our Quit it is the session that ends; systray calls exit for both, maybe twice.
	exit := sync.OnceFunc(func() {
		if ctx.Err() != nil {
			return
		}
		limit, cancel := context.WithTimeout(ctx, sessionEndTime)
		defer cancel()
		_, err := l.Gateway.Do(limit, supervisor.Request{Intent: supervisor.Quit, Now: true, Cause: supervisor.Cause{Code: supervisor.SessionEnd}})
		l.Log.Info("the session ends", "error", err)
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
