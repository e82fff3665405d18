package machine

import (
	"context"

	"github.com/godbus/dbus/v5"
)

// watchSleep returns a channel that receives a value when logind says that the machine has
// woken up. Without a system bus the channel is closed.
func watchSleep(ctx context.Context) <-chan struct{} {
	woke := make(chan struct{}, 1)
	go func() {
		defer close(woke)
		tellWakes(ctx, woke, func() {})
	}()
	return woke
}

// tellWakes sends to woke each time the machine wakes up, until ctx or the bus ends. It
// calls ready when it is connected. It runs on a goroutine of its own, because a bus may
// exist and not answer.
func tellWakes(ctx context.Context, woke chan<- struct{}, ready func()) {
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return
	}
	defer conn.Close()
	err = conn.AddMatchSignal(dbus.WithMatchSender("org.freedesktop.login1"), dbus.WithMatchInterface("org.freedesktop.login1.Manager"), dbus.WithMatchMember("PrepareForSleep"))
	if err != nil {
		return
	}
	signals := make(chan *dbus.Signal, 4)
	conn.Signal(signals)
	ready()
	for {
		select {
		case <-ctx.Done():
			return
		case s, ok := <-signals:
			if !ok {
				return
			}
			if before, is := firstBool(s); is && !before {
				select {
				case woke <- struct{}{}:
				default: // a value that is not taken yet is enough
				}
			}
		}
	}
}

// firstBool is the argument of the signal PrepareForSleep: true before sleep, false after.
func firstBool(s *dbus.Signal) (value, ok bool) {
	if len(s.Body) == 0 {
		return false, false
	}
	value, ok = s.Body[0].(bool)
	return value, ok
}
