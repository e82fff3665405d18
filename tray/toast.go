package tray

import (
	"context"
	"log/slog"
	"time"
)

const (
	// toastQueue is how many notifications may wait for a slow server; more are dropped.
	toastQueue = 4
	// toastTimeout is how long a notification server may take. Some own the
	// name and never answer.
	toastTimeout = 5 * time.Second
)

// notifier delivers toasts, one after the other, on a goroutine of its own.
type notifier struct {
	queue chan Toast
	send  func(context.Context, Toast) error
	log   *slog.Logger
}

func newNotifier(send func(context.Context, Toast) error, log *slog.Logger) *notifier {
	return &notifier{queue: make(chan Toast, toastQueue), send: send, log: log}
}

// post queues a toast and never waits.
func (n *notifier) post(t Toast) {
	select {
	case n.queue <- t:
	default:
		n.log.Warn("notification dropped: the notification server is too slow", "title", t.Title)
	}
}

// run delivers until ctx ends. A send that does not keep its deadline is left
// behind, at most one at a time.
func (n *notifier) run(ctx context.Context) {
	free := make(chan struct{}, 1)
	free <- struct{}{}
	for {
		var t Toast
		select {
		case <-ctx.Done():
			return
		case t = <-n.queue:
		}
		select {
		case <-ctx.Done():
			return
		case <-free:
		}
		n.deliver(ctx, t, free)
	}
}

func (n *notifier) deliver(ctx context.Context, t Toast, free chan<- struct{}) {
	ctx, cancel := context.WithTimeout(ctx, toastTimeout)
	done := make(chan error, 1)
	go func() {
		defer func() { free <- struct{}{} }()
		defer cancel()
		done <- n.send(ctx, t)
	}()
	select {
	case err := <-done:
		if err != nil {
			n.log.Warn("notification not shown", "title", t.Title, "error", err)
		}
	case <-ctx.Done():
		n.log.Warn("notification not shown", "title", t.Title, "error", context.Cause(ctx))
	}
}
