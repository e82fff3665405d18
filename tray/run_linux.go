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
	"strings"
	"sync"
	"time"

	"clawtray/assets"

	"fyne.io/systray"
	"github.com/godbus/dbus/v5"
)

// Linux trays take an underscore for the mark of a mnemonic.
const mnemonic = "_"

const (
	// hostGrace is how long the panel may take to come up after us at login.
	hostGrace = 10 * time.Second
	// busRetryMin and busRetryMax bound the wait between two looks for a session bus.
	busRetryMin = 100 * time.Millisecond
	busRetryMax = 10 * time.Second
)

// init undoes systray's hold on the main thread, which other systems' trays need.
// Here it would make every turn of the main goroutine a switch of threads.
func init() { runtime.UnlockOSThread() }

// show serves the menu on this goroutine and keeps the icon on another.
//
// systray's own Run cannot be used: it neither survives the loss of the bus nor
// a start without one (fyne.io/systray v1.12.2). Its external-loop form is
// started again on each new bus and finds its menu as it was.
func show(ctx context.Context, l *loop) error {
	ctx, stop := context.WithCancel(ctx)
	w := newWidget(ctx)
	systray.SetTitle(appName) // before the start: it becomes the item's Id
	if leftClickIsOurs(os.Getenv("XDG_CURRENT_DESKTOP")) {
		systray.SetOnTapped(func() { w.clicked(OpenDashboard) })
	}
	l.build(w)
	k := keeper{log: l.Log, notifier: l.notifier, texts: textsFor(l.set.Language), quiet: l.set.Notify == NotifyNone, grace: hostGrace}
	var wg sync.WaitGroup
	wg.Go(func() { k.run(ctx) })
	err := l.serve(ctx)
	stop()
	wg.Wait()
	w.wg.Wait()
	return err
}

// leftClickIsOurs is true on desktops that open the menu with the right button
// only, and would answer the left one with nothing. The others open the menu
// with either, unless somebody asks for the left one.
func leftClickIsOurs(desktop string) bool {
	for name := range strings.SplitSeq(strings.ToLower(desktop), ":") {
		if name == "lxqt" || name == "mate" {
			return true
		}
	}
	return false
}

// keeper keeps the icon on the session bus.
type keeper struct {
	log      *slog.Logger
	notifier *notifier
	texts    *texts
	quiet    bool // no notifications
	grace    time.Duration
	noBus    bool // was said
	noHost   bool // was said
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
		start, _ := systray.RunWithExternalLoop(nil, nil)
		start()
		k.stay(ctx, conn)
		conn.Close()
	}
}

// sharedSessionBus is the connection that systray will use: one is enough, and a
// second handshake would delay the icon by two milliseconds.
func sharedSessionBus(ctx context.Context) (*dbus.Conn, error) {
	// Finds the bus. The library would start one where there is none, and it would outlive us.
	found, err := dbus.SessionBusPrivateNoAutoStartup()
	if err != nil {
		return nil, err
	}
	found.Close()
	var conn *dbus.Conn
	done := make(chan struct{})
	go func() { // has no deadline, and a bus may hang
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

// stay returns when the bus is lost. Panels that come later or restart need no
// care: systray registers with each.
func (k *keeper) stay(ctx context.Context, conn *dbus.Conn) {
	grace := time.NewTimer(k.grace)
	defer grace.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-conn.Context().Done():
			if ctx.Err() == nil {
				k.log.Info("the session bus is gone: the icon comes back when the bus does")
			}
			return
		case <-grace.C:
			k.lookForHost(ctx, conn)
		}
	}
}

// lookForHost says once how to get an icon when nothing shows it.
func (k *keeper) lookForHost(ctx context.Context, conn *dbus.Conn) {
	const watcher = "org.kde.StatusNotifierWatcher"
	ctx, cancel := context.WithTimeout(ctx, toastTimeout)
	defer cancel()
	var there dbus.Variant
	err := conn.Object(watcher, "/StatusNotifierWatcher").
		CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, watcher, "IsStatusNotifierHostRegistered").Store(&there)
	if shown, ok := there.Value().(bool); err == nil && (shown || !ok) || k.noHost || ctx.Err() != nil {
		return
	}
	k.noHost = true
	toast := noHostToast(k.texts, os.Getenv("XDG_CURRENT_DESKTOP"))
	k.log.Info("no tray host: "+toast.Body, "desktop", os.Getenv("XDG_CURRENT_DESKTOP"))
	if !k.quiet {
		k.notifier.post(toast)
	}
}

// noHostToast names the remedy for a desktop, as XDG_CURRENT_DESKTOP names it:
// "ubuntu:GNOME".
func noHostToast(t *texts, desktop string) Toast {
	toast := Toast{Title: t.NoHostTitle, Body: t.NoHostBody}
	for name := range strings.SplitSeq(strings.ToLower(desktop), ":") {
		if body, ok := map[string]string{
			"gnome": t.NoHostGNOME, "xfce": t.NoHostXfce, "mate": t.NoHostMATE, "lxqt": t.NoHostLXQt,
			"sway": t.NoHostBar, "i3": t.NoHostBar, "hyprland": t.NoHostBar,
		}[name]; ok {
			toast.Body = body
		}
	}
	return toast
}

// setIcon shows an icon. systray panics when the bus is gone, but remembers the
// icon first and shows it on the next bus.
func setIcon(i assets.Icon) {
	defer func() { _ = recover() }()
	systray.SetIcon(rawIcon(i))
}

// rawMagic begins our own image format: width and height as two bytes each,
// then straight-alpha RGBA.
const rawMagic = "CLAWRAW1"

// rawIcon is an icon in a format whose soft edges systray gets right. It sends
// the low byte of a colour's sixteen bits, which is noise where the colour is
// premultiplied (fyne.io/systray v1.12.2); our format's colours are eight bits
// all along.
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

// rawColor hands out eight-bit values where image/color wants sixteen.
type rawColor []byte

func (c rawColor) RGBA() (r, g, b, a uint32) {
	return uint32(c[0]), uint32(c[1]), uint32(c[2]), uint32(c[3])
}

func systemLanguage() string { return localeFromEnv() }
