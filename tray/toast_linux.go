package tray

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"slices"
	"strings"
	"time"

	"clawtray/assets"

	"github.com/godbus/dbus/v5"
)

const (
	notificationsName = "org.freedesktop.Notifications"
	notificationsPath = "/org/freedesktop/Notifications"
)

// busToasts uses the notification server of the session bus, over a connection of its own.
// clawtray does not use beeep here, as on the other systems. beeep would share systray's
// connection, and its signals would end systray's observation of the tray host
// (fyne.io/systray v1.12.2). Also, beeep has no deadline and no buttons, cannot replace or
// remove a notification, and falls back only to programs that use the same server.
type busToasts struct {
	conn    *dbus.Conn
	bus     string // the bus's id
	owner   string // the server's name on the bus, which no other server there ever has
	actions bool
	markup  bool
	changes chan toastEvent
}

func newToastServer() toastServer { return &busToasts{} }

func (b *busToasts) events() <-chan toastEvent { return b.changes }

func (b *busToasts) release() {
	if b.conn != nil {
		b.conn.Close()
		b.conn, b.changes = nil, nil
	}
}

func (b *busToasts) connect(ctx context.Context) error {
	if b.conn != nil && b.conn.Connected() {
		return nil
	}
	b.release()
	conn, err := dialSessionBus(context.WithoutCancel(ctx)) // release closes it
	if err != nil {
		return err
	}
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(notificationsName), dbus.WithMatchInterface(notificationsName)},
		{dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, notificationsName)},
	} {
		if err := conn.AddMatchSignalContext(ctx, match...); err != nil {
			conn.Close()
			return err
		}
	}
	b.conn, b.changes = conn, make(chan toastEvent, 64)
	go translate(signals, b.changes)
	limit, cancel := context.WithTimeout(ctx, toastTimeout)
	defer cancel()
	var can []string
	err = b.call(limit, "GetCapabilities").Store(&can)
	b.actions = err == nil && slices.Contains(can, "actions")
	b.markup = err == nil && slices.Contains(can, "body-markup")
	b.bus, b.owner = busID(limit, conn), b.nowAt(limit)
	return nil
}

func busID(ctx context.Context, conn *dbus.Conn) (id string) {
	_ = conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetId", 0).Store(&id)
	return id
}

// name has the bus, too, because the next bus gives the same names again.
func (b *busToasts) name() string {
	if b.bus == "" || b.owner == "" {
		return ""
	}
	return b.bus + " " + b.owner
}

func (b *busToasts) removeLeft(ctx context.Context, name string, id uint32) error {
	conn, err := dialSessionBus(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	bus, owner, _ := strings.Cut(name, " ")
	if busID(ctx, conn) != bus {
		return nil // gone with its bus
	}
	return conn.Object(owner, notificationsPath).CallWithContext(ctx, notificationsName+".CloseNotification", dbus.FlagNoAutoStart, id).Err
}

// nowAt is the name of the server that is there now; empty if there is none.
func (b *busToasts) nowAt(ctx context.Context) (owner string) {
	_ = b.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetNameOwner", 0, notificationsName).Store(&owner)
	return owner
}

func (b *busToasts) changed(ctx context.Context) bool {
	if b.conn == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, toastTimeout)
	defer cancel()
	return b.nowAt(ctx) != b.owner
}

// translate turns signals of the bus into events, until the connection ends. It drops
// events that nobody receives.
func translate(signals <-chan *dbus.Signal, out chan<- toastEvent) {
	defer close(out)
	for s := range signals {
		var e toastEvent
		var key, owner string
		var reason uint32
		switch s.Name {
		case notificationsName + ".ActionInvoked":
			if dbus.Store(s.Body, &e.id, &key) != nil || key == "" {
				continue
			}
			e.button = key
		case notificationsName + ".NotificationClosed":
			if dbus.Store(s.Body, &e.id, &reason) != nil {
				continue
			}
		case "org.freedesktop.DBus.NameOwnerChanged":
			if dbus.Store(s.Body, &key, &owner, &key) != nil || owner == "" {
				continue // a new server means no loss
			}
			e.all = true
		default:
			continue
		}
		select {
		case out <- e:
		default:
		}
	}
}

func (b *busToasts) call(ctx context.Context, method string, args ...any) *dbus.Call {
	return b.conn.Object(notificationsName, notificationsPath).CallWithContext(ctx, notificationsName+"."+method, 0, args...)
}

func (b *busToasts) show(ctx context.Context, t Toast, replaces uint32) (id uint32, err error) {
	if err := b.connect(ctx); err != nil {
		return 0, err
	}
	const expire = int32(-1) // the server decides
	urgency := byte(1)       // normal
	if t.Urgent {
		urgency = 2 // critical: stays until a person has seen it
	}
	hints := map[string]dbus.Variant{"urgency": dbus.MakeVariant(urgency), "desktop-entry": dbus.MakeVariant(appName)}
	if t.Icon != "" {
		hints["image-data"] = dbus.MakeVariant(imageData(t.Icon))
	}
	buttons := []string{}
	for _, button := range t.Buttons {
		if b.actions {
			buttons = append(buttons, button.key(), button.Title)
		}
	}
	body := t.Body
	if t.Asked != "" {
		body = strings.TrimRight(exactly(t.Asked, b.markup)+"\n"+t.Body, "\n")
	}
	err = b.call(ctx, "Notify", appName, replaces, appName, t.Title, body, buttons, hints, expire).Store(&id)
	return id, err
}

func (b *busToasts) remove(ctx context.Context, id uint32) error {
	if b.conn == nil {
		return nil
	}
	return b.call(ctx, "CloseNotification", id).Err
}

// pixels is a picture in the format of notification servers: RGBA whose alpha is not
// premultiplied.
type pixels struct {
	Width, Height, Stride int32
	Alpha                 bool
	Bits, Channels        int32
	Data                  []byte
}

func imageData(i assets.Icon) pixels {
	im, err := png.Decode(bytes.NewReader(i.PNG()))
	if err != nil {
		return pixels{Bits: 8, Channels: 4}
	}
	straight, ok := im.(*image.NRGBA)
	if !ok {
		return pixels{Bits: 8, Channels: 4}
	}
	size := straight.Bounds().Size()
	return pixels{int32(size.X), int32(size.Y), int32(straight.Stride), true, 8, 4, straight.Pix}
}

// sendToast shows one notification and does nothing about it later.
func sendToast(ctx context.Context, t Toast) error {
	var b busToasts
	defer b.release()
	_, err := b.show(ctx, t, 0)
	return err
}

// dialSessionBus connects to the session bus if there is one. The library's other functions
// would start a bus that runs longer than clawtray.
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

// exactly returns a text in a form that the server shows unchanged. A server that reads
// markup gets escaped text. A server that does not mention markup may still read it, so it
// gets similar characters instead.
func exactly(text string, markup bool) string {
	if markup {
		return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	}
	return strings.NewReplacer("&", "＆", "<", "‹", ">", "›").Replace(text)
}

// watch asks each notification server that appears what it can do, over a connection of its
// own.
func (b *busToasts) watch(ctx context.Context, change func(bool)) {
	for wait := busRetryMin; ctx.Err() == nil; wait = min(2*wait, busRetryMax) {
		if conn, err := dialSessionBus(ctx); err == nil {
			wait = busRetryMin
			watchServer(ctx, conn, change)
			conn.Close()
			change(false)
		}
		sleep(ctx, wait)
	}
}

func watchServer(ctx context.Context, conn *dbus.Conn, change func(bool)) {
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	owners := []dbus.MatchOption{dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, notificationsName)}
	if conn.AddMatchSignalContext(ctx, owners...) != nil {
		return
	}
	change(hasButtons(ctx, conn, 0)) // starts the server if the bus can do that
	for {
		select {
		case <-ctx.Done():
			return
		case s, ok := <-signals:
			var name, old, owner string
			switch {
			case !ok:
				return
			case s.Name != "org.freedesktop.DBus.NameOwnerChanged" || dbus.Store(s.Body, &name, &old, &owner) != nil:
			case owner == "":
				change(false)
				sleep(ctx, time.Second) // wait, because a new server may replace this one by itself
				change(hasButtons(ctx, conn, 0))
			default:
				change(hasButtons(ctx, conn, dbus.FlagNoAutoStart))
			}
		}
	}
}

func hasButtons(ctx context.Context, conn *dbus.Conn, flags dbus.Flags) bool {
	ctx, cancel := context.WithTimeout(ctx, toastTimeout)
	defer cancel()
	var can []string
	err := conn.Object(notificationsName, notificationsPath).CallWithContext(ctx, notificationsName+".GetCapabilities", flags).Store(&can)
	return err == nil && slices.Contains(can, "actions")
}
