package commands

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"clawtray/supervisor"
)

// TestXN6_WhatSignalsMean: the first Ctrl-C means Quit, the second Quit now. The other
// signals mean the end of the session, also between two Ctrl-C.
func TestXN6_WhatSignalsMean(t *testing.T) {
	quit, now := supervisor.Request{Intent: supervisor.Quit}, supervisor.Request{Intent: supervisor.Quit, Now: true}
	logout := supervisor.Request{Intent: supervisor.Quit, Cause: supervisor.Cause{Code: supervisor.SessionEnd}}
	for name, c := range map[string]struct {
		signals []os.Signal
		orders  []supervisor.Request
	}{
		"Ctrl-C":               {[]os.Signal{os.Interrupt}, []supervisor.Request{quit}},
		"three times":          {[]os.Signal{os.Interrupt, os.Interrupt, os.Interrupt}, []supervisor.Request{quit, now, now}},
		"kill":                 {[]os.Signal{syscall.SIGTERM}, []supervisor.Request{logout}},
		"the terminal is gone": {[]os.Signal{syscall.SIGHUP}, []supervisor.Request{logout}},
		"logout during a quit": {[]os.Signal{os.Interrupt, syscall.SIGTERM}, []supervisor.Request{quit, logout}},
		"Ctrl-C, then logout":  {[]os.Signal{syscall.SIGTERM, os.Interrupt}, []supervisor.Request{logout, quit}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var got []supervisor.Request
				do := func(ctx context.Context, r supervisor.Request) (supervisor.Answer, error) {
					mu.Lock()
					got = append(got, r)
					mu.Unlock()
					<-ctx.Done() // a quit takes long, and the next signal does not wait for it
					return supervisor.Answer{}, ctx.Err()
				}
				ctx, end := context.WithCancel(t.Context())
				signals := make(chan os.Signal)
				over := make(chan struct{})
				go func() {
					defer close(over)
					Orders(ctx, signals, slog.New(slog.DiscardHandler), do)
				}()
				for _, s := range c.signals {
					signals <- s
					synctest.Wait()
				}
				end()
				<-over
				if !slices.EqualFunc(got, c.orders, func(a, b supervisor.Request) bool {
					return a.Intent == b.Intent && a.Now == b.Now && a.Cause.Code == b.Cause.Code
				}) {
					t.Errorf("got %+v, want %+v", got, c.orders)
				}
			})
		})
	}
}
