package commands

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"clawtray/supervisor"
)

// endings returns the signals that end a program. A signal that was ignored when clawtray
// started stays ignored: nohup does that with SIGHUP, and a shell without job control with
// the SIGINT of its background processes.
func endings() []os.Signal {
	signals := []os.Signal{syscall.SIGTERM}
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signals = append(signals, s)
		}
	}
	return signals
}

// outlivePipes keeps the program running when the reader of its output has ended, as in
// `clawtray --headless 2>&1 | head -1`. Without a handler, Go ends a program that writes to
// a closed standard stream.
func outlivePipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// interruptedError says that a signal ended a command. It is not printed.
type interruptedError struct{ signal os.Signal }

func (e *interruptedError) Error() string { return fmt.Sprintf("ended by a signal: %v", e.signal) }

// code returns the exit code that shells use for this signal.
func (e *interruptedError) code() int {
	if s, ok := e.signal.(syscall.Signal); ok {
		return 128 + int(s)
	}
	return exitInterrupted
}

// interruption returns the signal that ended ctx, if there is one.
func interruption(ctx context.Context) (*interruptedError, bool) {
	return errors.AsType[*interruptedError](context.Cause(ctx))
}

// Orders sends the requests that signals mean to a supervisor (BEHAVIOUR C4), until ctx
// ends. Ctrl-C means Quit, and a second one means Quit now. SIGTERM and SIGHUP mean the end
// of the session, when little time is left.
func Orders(ctx context.Context, signals <-chan os.Signal, log *slog.Logger, do func(context.Context, supervisor.Request) (supervisor.Answer, error)) {
	var asked sync.WaitGroup
	defer asked.Wait()
	again := false
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			order := supervisor.Request{Intent: supervisor.Quit, Now: again}
			switch {
			case s != os.Interrupt:
				log.Info("clawtray is told to end", "signal", s.String())
				order = supervisor.Request{Intent: supervisor.Quit, Cause: supervisor.Cause{Code: supervisor.SessionEnd}}
			case again:
				log.Info("quitting at once")
			default:
				log.Info("quitting; press Ctrl-C again to end active work at once")
				again = true
			}
			asked.Go(func() { _, _ = do(ctx, order) }) // the status shows the progress
		}
	}
}
