package tray

import (
	"context"

	"github.com/godbus/dbus/v5"
)

// sendToast asks the notification server over a connection of its own. The
// library for the other systems shares one with systray, and any of its signals
// ends systray's watch over the tray host (fyne.io/systray v1.12.2); it has no
// deadline either.
func sendToast(ctx context.Context, t Toast) error {
	conn, err := dialSessionBus(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	const expire = int32(-1) // as the server likes
	urgency := byte(1)       // normal
	if t.Urgent {
		urgency = 2 // critical: stays until it was seen
	}
	hints := map[string]dbus.Variant{"urgency": dbus.MakeVariant(urgency), "desktop-entry": dbus.MakeVariant("clawtray")}
	return conn.Object("org.freedesktop.Notifications", "/org/freedesktop/Notifications").
		CallWithContext(ctx, "org.freedesktop.Notifications.Notify", 0,
			"clawtray", uint32(0), "clawtray", t.Title, t.Body, []string{}, hints, expire).Err
}

// dialSessionBus connects to the session bus that is there. Other ways would
// start a bus that outlives us.
func dialSessionBus(ctx context.Context) (*dbus.Conn, error) {
	conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if err = conn.Auth(nil); err == nil {
		err = conn.Hello()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
