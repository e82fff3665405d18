package tray

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"clawtray/assets"

	"fyne.io/systray"
	"github.com/godbus/dbus/v5"
)

// mnemonic marks the next letter as a keyboard shortcut in Linux menus.
const mnemonic = "_"

const (
	// hostGrace is how long the panel may start after us at login.
	hostGrace = 10 * time.Second
	// registerGrace is how long systray may take to tell a panel of the icon.
	registerGrace = 2 * time.Second
	// busRetryMin and busRetryMax limit the wait between two attempts to find a session
	// bus.
	busRetryMin = 100 * time.Millisecond
	busRetryMax = 10 * time.Second
)

// init unlocks the main thread, which systray locks because other systems need that. On
// Linux, the lock would cost a switch of threads each time the main goroutine runs.
func init() { runtime.UnlockOSThread() }

// show serves the menu on this goroutine and keeps the icon on another.
//
// It does not use systray's Run, which ends when the bus is lost and cannot start without
// one (fyne.io/systray v1.12.2). Instead, it starts systray's external loop again on each
// new bus; the menu stays the same.
func show(ctx context.Context, l *loop) error {
	ctx, stop := context.WithCancel(ctx)
	w := newWidget(ctx, l.clicks)
	systray.SetTitle(appName) // before the start, because it becomes the item's Id
	if leftClickIsOurs(os.Getenv("XDG_CURRENT_DESKTOP")) {
		systray.SetOnTapped(func() { w.clicked(Icon) })
	}
	l.build(w)
	k := keeper{log: l.options.Log, notifier: l.notifier, texts: textsFor(l.set.Language), quiet: l.set.Notify == NotifyNone, grace: hostGrace, registering: registerGrace}
	var wg sync.WaitGroup
	wg.Go(func() { k.run(ctx) })
	err := l.serve(ctx)
	stop()
	wg.Wait()
	w.wg.Wait()
	return err
}

// leftClickIsOurs reports whether the program should ask for left clicks. On some desktops
// both buttons open the menu unless the program asks; for those it returns false. On all
// others only the right button opens the menu, and a left click does nothing unless the
// program asks for it.
func leftClickIsOurs(desktop string) bool {
	for name := range strings.SplitSeq(strings.ToLower(desktop), ":") {
		if name == "xfce" || name == "kde" || name == "gnome" || name == "unity" {
			return desktopOf(desktop) == "budgie"
		}
	}
	return true
}

// itemTitle is the title of the icon. Screen readers read it.
type itemTitle struct {
	mu       sync.Mutex
	text     string
	starting bool
}

var title itemTitle

func setTitle(text string) {
	title.mu.Lock()
	defer title.mu.Unlock()
	title.text = text
	if !title.starting {
		systray.SetTitle(text)
	}
}

// start registers the icon. systray uses the title at that moment as the item's Id, which
// must always be the same, because desktops recognise icons by it.
func (i *itemTitle) start(register func()) {
	i.mu.Lock()
	i.starting = true
	systray.SetTitle(appName)
	i.mu.Unlock()
	register() // without the lock, because a bus that hangs must not block setTitle
	i.mu.Lock()
	defer i.mu.Unlock()
	i.starting = false
	if i.text != "" {
		systray.SetTitle(i.text)
	}
}

// keeper keeps the icon on the session bus.
type keeper struct {
	log      *slog.Logger
	notifier *notifier
	texts    *texts
	quiet    bool // show no notifications
	grace    time.Duration
	noBus    bool // the log says that there is no bus
	noHost   bool // the user was told that there is no tray host

	registering time.Duration // time between the start of a panel and the look whether it has the icon
}

func (k *keeper) run(ctx context.Context) {
	for wait := busRetryMin; ctx.Err() == nil; wait = min(2*wait, busRetryMax) {
		conn, err := sharedSessionBus(ctx)
		if err != nil {
			if !k.noBus {
				k.noBus = true
				k.log.Info("no session bus: going on without an icon; it appears when there is one (log in to a desktop, or use the commands)", "error", err)
			}
			sleep(ctx, wait)
			continue
		}
		wait, k.noBus = busRetryMin, false
		panels := panelsOf(conn)
		start, _ := systray.RunWithExternalLoop(nil, nil)
		title.start(start)
		k.stay(ctx, conn, panels)
		conn.Close()
	}
}

// sharedSessionBus returns the connection that systray will use, too. One connection is
// enough, and a second handshake would delay the icon by two milliseconds.
func sharedSessionBus(ctx context.Context) (*dbus.Conn, error) {
	// Look for a bus first. dbus.SessionBus starts one where there is none, and that
	// bus would outlive clawtray.
	found, err := dbus.SessionBusPrivateNoAutoStartup()
	if err != nil {
		return nil, err
	}
	found.Close()
	var conn *dbus.Conn
	done := make(chan struct{})
	go func() { // SessionBus has no deadline, and a bus may hang
		defer close(done)
		conn, err = dbus.SessionBus()
	}()
	select {
	case <-done:
		return conn, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// trayWatcher is the bus name of the program that knows all icons: the panel, or a service
// of the desktop.
const trayWatcher, trayWatcherPath = "org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher"

// itemPath is where systray exports the icon.
const itemPath = "/StatusNotifierItem"

// panelsOf returns a channel that receives a signal when a panel starts or ends.
func panelsOf(conn *dbus.Conn) <-chan *dbus.Signal {
	c := make(chan *dbus.Signal, 10)
	conn.Signal(c)
	// If this fails, systray alone watches the panels.
	_ = conn.AddMatchSignal(dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchInterface("org.freedesktop.DBus"),
		dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, trayWatcher))
	return c
}

// stay returns when the bus is lost. systray registers the icon with each panel, but it
// misses one that starts while systray itself starts (v1.12.2 asks for the panel first, and
// for news of panels after that). So stay looks again, a moment after each.
func (k *keeper) stay(ctx context.Context, conn *dbus.Conn, panels <-chan *dbus.Signal) {
	grace, registered := time.NewTimer(k.grace), time.NewTimer(k.registering)
	defer grace.Stop()
	defer registered.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-conn.Context().Done():
			if ctx.Err() == nil {
				k.log.Info("the session bus is gone: the icon comes back when the bus does")
			}
			return
		case _, open := <-panels:
			if !open { // the bus is gone
				panels = nil
				continue
			}
			registered.Reset(k.registering)
		case <-registered.C:
			k.register(ctx, conn)
		case <-grace.C:
			k.lookForHost(ctx, conn)
		}
	}
}

const unknownIcon = "the panel does not know the icon: registering it once more"

// register tells the panel of the icon, unless the panel knows it.
func (k *keeper) register(ctx context.Context, conn *dbus.Conn) {
	ctx, cancel := context.WithTimeout(ctx, toastTimeout)
	defer cancel()
	var items []string
	if trayProperty(ctx, conn, "RegisteredStatusNotifierItems", &items) != nil {
		return // there is no panel, or it does not say
	}
	ours := func(item string) bool { // such as ":1.42/StatusNotifierItem" or ":1.42@/StatusNotifierItem"
		return slices.ContainsFunc(conn.Names(), func(name string) bool {
			rest, found := strings.CutPrefix(item, name)
			return found && (rest == "" || strings.ContainsAny(rest[:1], "/@"))
		})
	}
	if slices.ContainsFunc(items, ours) {
		return
	}
	k.log.Info(unknownIcon)
	err := conn.Object(trayWatcher, trayWatcherPath).CallWithContext(ctx, trayWatcher+".RegisterStatusNotifierItem", dbus.FlagNoAutoStart, itemPath).Err
	if err != nil {
		k.log.Info("the panel does not take the icon", "error", err)
	}
}

// trayProperty reads a property of the program that knows all icons. It does not start one.
func trayProperty(ctx context.Context, conn *dbus.Conn, name string, into any) error {
	return conn.Object(trayWatcher, trayWatcherPath).
		CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, trayWatcher, name).Store(into)
}

// lookForHost tells the user once how to get an icon when no program shows it.
func (k *keeper) lookForHost(ctx context.Context, conn *dbus.Conn) {
	ctx, cancel := context.WithTimeout(ctx, toastTimeout)
	defer cancel()
	var there dbus.Variant
	err := trayProperty(ctx, conn, "IsStatusNotifierHostRegistered", &there)
	if shown, ok := there.Value().(bool); err == nil && (shown || !ok) || k.noHost || ctx.Err() != nil {
		return
	}
	k.noHost = true
	body := noHostAdvice(ctx, conn, k.texts, os.Getenv("XDG_CURRENT_DESKTOP"))
	toast := Toast{Title: k.texts.toast.NoHostTitle, Body: body, Icon: assets.Running}
	k.log.Info("no tray host: "+toast.Body, "desktop", os.Getenv("XDG_CURRENT_DESKTOP"))
	if !k.quiet {
		k.notifier.post(hostSlot, &toast)
	}
}

// noHostAdvice says how to get an icon on a desktop. desktop is a value of
// XDG_CURRENT_DESKTOP, such as "ubuntu:GNOME". The advice begins with what to do, because
// notifications cut long texts.
func noHostAdvice(ctx context.Context, conn *dbus.Conn, t *texts, desktop string) string {
	name := desktopOf(desktop)
	body, ok := t.toast.noHost[name]
	if !ok {
		body = t.toast.NoHostBody
	}
	if name == "gnome" {
		if off := gnomeExtensionOff(ctx, conn); off != "" {
			body = fmt.Sprintf(t.toast.ExtensionOff, off)
		}
	}
	return t.mark.join(body, t.toast.NoHostElse)
}

// desktopOf returns the desktop in a value of XDG_CURRENT_DESKTOP. The first name is the
// desktop itself, later ones are its relatives: "Budgie:GNOME" is Budgie.
func desktopOf(list string) string {
	alike := map[string]string{"x-cinnamon": "cinnamon", "sway": "bar", "hyprland": "bar", "river": "bar"}
	known := map[string]bool{"budgie": true, "cinnamon": true, "bar": true, "i3": true, "gnome": true, "xfce": true, "mate": true, "lxqt": true, "kde": true}
	for name := range strings.SplitSeq(strings.ToLower(list), ":") {
		if kin, ok := alike[name]; ok {
			name = kin
		}
		if known[name] {
			return name
		}
	}
	return ""
}

// setIcon shows an icon. Without a bus, systray panics, but it has already stored the icon
// and shows it on the next bus.
func setIcon(i assets.Icon) {
	defer func() { _ = recover() }()
	systray.SetIcon(rawIcon(i))
}

// rawMagic is the beginning of our own image format. Width and height follow as two bytes
// each, then RGBA pixels whose alpha is not premultiplied.
const rawMagic = "CLAWRAW1"

// rawIcon returns an icon in our format, because systray would spoil soft edges in a PNG:
// it sends the low byte of a colour's sixteen bits, which is wrong where the colour is
// premultiplied (fyne.io/systray v1.12.2). The colours in our format have eight bits only.
func rawIcon(i assets.Icon) []byte {
	im, err := png.Decode(bytes.NewReader(i.PNG()))
	if err != nil {
		panic(fmt.Sprintf("tray: embedded icon %s: %v", i, err))
	}
	b := im.Bounds()
	raw := binary.BigEndian.AppendUint16([]byte(rawMagic), uint16(b.Dx()))
	raw = binary.BigEndian.AppendUint16(raw, uint16(b.Dy()))
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := color.NRGBAModel.Convert(im.At(x, y)).(color.NRGBA)
			raw = append(raw, c.R, c.G, c.B, c.A)
		}
	}
	return raw
}

func init() {
	image.RegisterFormat("clawraw", rawMagic, decodeRaw, func(io.Reader) (image.Config, error) {
		return image.Config{}, errors.ErrUnsupported
	})
}

func decodeRaw(r io.Reader) (image.Image, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	const head = len(rawMagic) + 4
	if len(b) < head {
		return nil, io.ErrUnexpectedEOF
	}
	im := &rawImage{w: int(binary.BigEndian.Uint16(b[head-4:])), h: int(binary.BigEndian.Uint16(b[head-2:])), pix: b[head:]}
	if len(im.pix) != im.w*im.h*4 {
		return nil, io.ErrUnexpectedEOF
	}
	return im, nil
}

type rawImage struct {
	w, h int
	pix  []byte
}

func (m *rawImage) ColorModel() color.Model { return color.NRGBAModel }
func (m *rawImage) Bounds() image.Rectangle { return image.Rect(0, 0, m.w, m.h) }
func (m *rawImage) At(x, y int) color.Color { return rawColor(m.pix[(y*m.w+x)*4:][:4]) }

// rawColor has eight bits per value, although image/color expects sixteen, so that the low
// byte is right.
type rawColor []byte

func (c rawColor) RGBA() (r, g, b, a uint32) {
	return uint32(c[0]), uint32(c[1]), uint32(c[2]), uint32(c[3])
}
