package supervisor

import (
	"context"

	"github.com/godbus/dbus/v5"
)

// watchSleep receives when logind says that the machine woke up. Without a system
// bus the channel is closed at once.
func watchSleep(ctx context.Context) <-chan struct{} {
	woke := make(chan struct{}, 1)
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		close(woke)
		return woke
	}
	err = conn.AddMatchSignal(dbus.WithMatchSender("org.freedesktop.login1"), dbus.WithMatchInterface("org.freedesktop.login1.Manager"), dbus.WithMatchMember("PrepareForSleep"))
	if err != nil {
		conn.Close()
		close(woke)
		return woke
	}
	signals := make(chan *dbus.Signal, 4)
	conn.Signal(signals)
	go func() {
		defer close(woke)
		defer conn.Close()
		for {
			select {
			case <-ctx.Done():
				return
			case s, ok := <-signals:
				if !ok {
					return
				}
				if before, is := firstBool(s); is && !before {
					poke(woke)
				}
			}
		}
	}()
	return woke
}

// firstBool is the argument of PrepareForSleep: true before, false after.
func firstBool(s *dbus.Signal) (value, ok bool) {
	if len(s.Body) == 0 {
		return false, false
	}
	value, ok = s.Body[0].(bool)
	return value, ok
}
