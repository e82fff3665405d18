//go:build desktops

package tray

import (
	"fmt"
	"image"
	"image/color"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// busReader reads what a desktop shows on the bus, because some desktops tell screen readers
// nothing. So it knows the texts, but not where they are on the screen.
type busReader struct {
	d      *desktop
	calls  chan call
	colour color.RGBA // of buttons
}

// call is a call on the bus, with its answer if it wants one.
type call struct {
	to, name     string
	args, answer []any
}

// readBus is for a desktop whose buttons have a shade of grey.
func readBus(shade uint8) func(*desktop) reader {
	return func(d *desktop) reader {
		r := &busReader{d, make(chan call, 1000), color.RGBA{shade, shade, shade, 0xff}}
		r.start()
		return r
	}
}

// start makes it a monitor of the bus before there is any call that it has to hear.
func (r *busReader) start() {
	r.d.t.Helper()
	conn := r.d.bus.connect()
	heard := []string{
		"type='method_call',interface='" + notificationsName + "',member='Notify'",
		"type='method_call',interface='com.canonical.dbusmenu',member='AboutToShow'",
		"type='method_return'",
	}
	if err := conn.BusObject().Call("org.freedesktop.DBus.Monitoring.BecomeMonitor", 0, heard, uint32(0)).Err; err != nil {
		r.d.t.Fatal(err)
	}
	messages := make(chan *dbus.Message, 100000)
	conn.Eavesdrop(messages)
	go r.pair(messages)
}

// pair finds the answers of calls. It ends with the connection.
func (r *busReader) pair(messages <-chan *dbus.Message) {
	text := func(m *dbus.Message, field dbus.HeaderField) string { return fmt.Sprint(m.Headers[field].Value()) }
	waiting := map[string]call{}
	for m := range messages {
		switch m.Type {
		case dbus.TypeMethodCall:
			c := call{to: text(m, dbus.FieldDestination), name: text(m, dbus.FieldMember), args: m.Body}
			if m.Flags&dbus.FlagNoReplyExpected != 0 {
				r.calls <- c
				continue
			}
			waiting[text(m, dbus.FieldSender)+fmt.Sprint(m.Serial())] = c
		case dbus.TypeMethodReply:
			key := text(m, dbus.FieldDestination) + text(m, dbus.FieldReplySerial)
			if c, ok := waiting[key]; ok {
				delete(waiting, key)
				c.answer = m.Body
				r.calls <- c
			}
		}
	}
}

// until waits for a call, and returns it.
func (r *busReader) until(what string, ok func(call) bool) call {
	r.d.t.Helper()
	var heard []call
	for deadline := time.After(3 * patience); ; {
		select {
		case c := <-r.calls:
			if ok(c) {
				return c
			}
			heard = append(heard, c)
		case <-deadline:
			r.d.save("failed", r.d.shot())
			r.d.t.Fatalf("not heard on the bus (see failed.png): %s\nwhat was there: %v", what, heard)
		}
	}
}

// untilMenu waits until the desktop says that it opens the menu, and reads the menu as any
// program on the bus can.
func (r *busReader) untilMenu(entries []string) {
	r.d.t.Helper()
	opened := r.until("an open menu", func(c call) bool {
		return c.name == "AboutToShow" && c.args[0] == int32(0)
	})
	text := r.d.bus.item(opened.to).text()
	for _, entry := range entries {
		if !strings.Contains(text, entry) {
			r.d.t.Errorf("no %q in the menu:\n%s", entry, text)
		}
	}
}

// untilToast waits until the desktop has accepted a notification, that is, given it an id.
func (r *busReader) untilToast(toast Toast) {
	r.d.t.Helper()
	var buttons []string
	for _, b := range toast.Buttons {
		buttons = append(buttons, b.Title)
	}
	r.until(fmt.Sprint(toast), func(c call) bool {
		if c.name != "Notify" || len(c.answer) != 1 || c.answer[0] == uint32(0) {
			return false
		}
		var got []string // without the ids of the buttons
		for pair := range slices.Chunk(c.args[5].([]string), 2) {
			got = append(got, pair[1])
		}
		return c.args[3] == toast.Title && c.args[4] == strings.Join(toast.lines()[1:], "") && slices.Equal(got, buttons)
	})
}

// button finds the buttons, which are beside each other, by their colour.
func (r *busReader) button(toast Toast, n int) (at image.Point) {
	r.d.t.Helper()
	const narrow = 20
	r.d.seen("the buttons", func(im *image.RGBA) bool {
		for y := shown.Max.Y - 1; y >= shown.Min.Y; y-- { // the buttons are at the lower end
			var buttons []image.Point
			start := shown.Min.X
			for x := shown.Min.X; x <= shown.Max.X; x++ {
				if im.RGBAAt(x, y) == r.colour {
					continue
				}
				if x-start > narrow {
					buttons = append(buttons, image.Pt((start+x)/2, y))
				}
				start = x + 1
			}
			if len(buttons) == len(toast.Buttons) {
				at = buttons[n]
				return true
			}
		}
		return false
	})
	return at
}
