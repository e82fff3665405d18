//go:build desktops

package tray

import (
	"context"
	"image"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// The names of the bus on which programs tell screen readers what they show (AT-SPI).
const (
	accessible   = "org.a11y.atspi.Accessible"
	component    = "org.a11y.atspi.Component"
	stateShowing = 25
)

// screenReader reads what is on the screen of a desktop.
type screenReader struct {
	d    *desktop
	conn *dbus.Conn
}

// sight is one thing on the screen, with its text.
type sight struct {
	Dest string
	Path dbus.ObjectPath
	text string
}

// startScreenReader makes programs that start after it tell what they show.
func startScreenReader(d *desktop) reader {
	d.t.Helper()
	session := d.bus.connect().Object("org.a11y.Bus", "/org/a11y/bus")
	var address string
	if err := session.Call("org.a11y.Bus.GetAddress", 0).Store(&address); err != nil {
		d.t.Fatal(err)
	}
	if err := session.SetProperty("org.a11y.Status.IsEnabled", dbus.MakeVariant(true)); err != nil {
		d.t.Fatal(err)
	}
	conn, err := dbus.Connect(address)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	return &screenReader{d, conn}
}

// look returns all that is on the screen. What goes away meanwhile is left out.
func (r *screenReader) look() (all []sight) {
	ctx, cancel := context.WithTimeout(r.d.t.Context(), patience)
	defer cancel()
	var walk func(s sight, depth int)
	walk = func(s sight, depth int) {
		o := r.conn.Object(s.Dest, s.Path)
		var states []uint32
		if depth > 1 && (o.CallWithContext(ctx, accessible+".GetState", 0).Store(&states) != nil || len(states) == 0 || states[0]>>stateShowing&1 == 0) {
			return
		}
		var v dbus.Variant
		if o.CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, accessible, "Name").Store(&v) == nil {
			s.text, _ = v.Value().(string)
		}
		if s.text != "" {
			all = append(all, s)
		}
		var below []sight
		if depth < 40 && o.CallWithContext(ctx, accessible+".GetChildren", 0).Store(&below) == nil {
			for _, kid := range below {
				walk(kid, depth+1)
			}
		}
	}
	walk(sight{Dest: "org.a11y.atspi.Registry", Path: "/org/a11y/atspi/accessible/root"}, 0)
	return all
}

// oneSpace takes away how a text is broken into lines.
func oneSpace(text string) string { return strings.Join(strings.Fields(text), " ") }

// until waits until all of the texts are on the screen, and returns the last place of each.
func (r *screenReader) until(texts ...string) []sight {
	r.d.t.Helper()
	var all []sight
	var missing []string
	for deadline := time.Now().Add(3 * patience); time.Now().Before(deadline); {
		all, missing = r.look(), nil
		found := make([]sight, len(texts))
		for i, text := range texts {
			at := slices.IndexFunc(all, func(s sight) bool { return strings.Contains(oneSpace(s.text), oneSpace(text)) })
			if at < 0 {
				missing = append(missing, text)
				continue
			}
			found[i] = all[at]
		}
		if missing == nil {
			return found
		}
	}
	r.d.save("failed", r.d.shot())
	var seen []string
	for _, s := range all {
		seen = append(seen, s.text)
	}
	r.d.t.Fatalf("not on the screen (see failed.png): %q\nwhat is there: %q", missing, seen)
	return nil
}

func (r *screenReader) untilMenu(entries []string) { r.d.t.Helper(); r.until(entries...) }

func (r *screenReader) untilToast(toast Toast) {
	r.d.t.Helper()
	texts := toast.lines()
	for _, b := range toast.Buttons {
		texts = append(texts, b.Title)
	}
	r.until(texts...)
}

func (r *screenReader) button(toast Toast, n int) image.Point {
	r.d.t.Helper()
	return r.middle(r.until(toast.Buttons[n].Title)[0])
}

// middle is where a thing is on the screen.
func (r *screenReader) middle(s sight) image.Point {
	r.d.t.Helper()
	var at struct{ X, Y, Width, Height int32 }
	if err := r.conn.Object(s.Dest, s.Path).Call(component+".GetExtents", 0, uint32(0)).Store(&at); err != nil {
		r.d.t.Fatalf("where is %q: %v", s.text, err)
	}
	return image.Pt(int(at.X+at.Width/2), int(at.Y+at.Height/2))
}
