package commands

import (
	"strings"
	"sync"
	"testing"
	"time"

	"clawtray/packaging/needs"
	"clawtray/packaging/outside"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

// desktop is a separate session bus, with a panel and a notification server.
type desktop struct {
	t     *testing.T
	addr  string
	conn  *dbus.Conn
	icons chan string // bus names of the programs that have shown an icon

	mu    sync.Mutex
	last  uint32
	shown map[uint32]notification
}

// notification is a notification on the screen.
type notification struct {
	title, body string
	buttons     map[string]string // keys by title
}

func newDesktop(t *testing.T) *desktop {
	t.Helper()
	needs.Tools(t, "dbus-daemon")
	bus, err := outside.StartBus(shortFolder(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Stop)
	d := &desktop{t: t, addr: bus.Address, icons: make(chan string, 10), shown: map[uint32]notification{}}
	if d.conn, err = dbus.Connect(d.addr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.conn.Close() })
	const watcher = "org.kde.StatusNotifierWatcher"
	if _, err := prop.Export(d.conn, "/StatusNotifierWatcher", prop.Map{watcher: {"IsStatusNotifierHostRegistered": {Value: true}}}); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]dbus.ObjectPath{watcher: "/StatusNotifierWatcher", "org.freedesktop.Notifications": "/org/freedesktop/Notifications"} {
		if err := d.conn.Export(d, path, name); err != nil {
			t.Fatal(err)
		}
		if got, err := d.conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil || got != dbus.RequestNameReplyPrimaryOwner {
			t.Fatal(name, got, err)
		}
	}
	return d
}

// RegisterStatusNotifierItem is a method of the panel.
func (d *desktop) RegisterStatusNotifierItem(_ string, from dbus.Sender) *dbus.Error {
	d.icons <- string(from)
	return nil
}

// GetCapabilities is a method of the notification server, like Notify and
// CloseNotification.
func (d *desktop) GetCapabilities() ([]string, *dbus.Error) {
	return []string{"actions", "body", "body-markup"}, nil
}

func (d *desktop) Notify(_ string, replaces uint32, _, title, body string, actions []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	n := notification{title, body, map[string]string{}}
	for ; len(actions) > 1; actions = actions[2:] {
		n.buttons[actions[1]] = actions[0]
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if replaces == 0 {
		d.last++
		replaces = d.last
	}
	d.shown[replaces] = n
	return replaces, nil
}

func (d *desktop) CloseNotification(id uint32) *dbus.Error {
	d.gone(id, 3)
	return nil
}

// gone removes a notification. why is 2 when the person closes it, and 3 when its program
// does.
func (d *desktop) gone(id, why uint32) {
	d.mu.Lock()
	delete(d.shown, id)
	d.mu.Unlock()
	d.conn.Emit("/org/freedesktop/Notifications", "org.freedesktop.Notifications.NotificationClosed", id, why)
}

// find returns the notification that contains text; 0 when there is none.
func (d *desktop) find(text string) (uint32, notification) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, n := range d.shown {
		if strings.Contains(n.title+"\n"+n.body, text) {
			return id, n
		}
	}
	return 0, notification{}
}

// sees waits until a notification that contains text is on the screen.
func (d *desktop) sees(text string) (id uint32, n notification) {
	d.t.Helper()
	eventually(d.t, "a notification with "+text, func() bool {
		id, n = d.find(text)
		return id != 0
	})
	return id, n
}

// loses waits until no such notification is on the screen.
func (d *desktop) loses(text string) {
	d.t.Helper()
	eventually(d.t, "the end of the notification with "+text, func() bool {
		id, _ := d.find(text)
		return id == 0
	})
}

// press presses a button, even when the notification is no longer there.
func (d *desktop) press(id uint32, key string) {
	d.conn.Emit("/org/freedesktop/Notifications", "org.freedesktop.Notifications.ActionInvoked", id, key)
}

// entry is an entry of a menu, as a panel reads it.
type entry struct {
	ID    int32
	Props map[string]dbus.Variant
	Below []dbus.Variant
}

// chooses opens the menu of a program and clicks on entries, named by the beginnings of
// their titles.
func (d *desktop) chooses(program string, titles ...string) {
	d.t.Helper()
	menu := d.conn.Object(program, "/StatusNotifierItem/menu")
	var path string
	eventually(d.t, "the entry "+strings.Join(titles, ", "), func() bool {
		var revision uint32
		var root entry
		if err := menu.Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root); err != nil {
			d.t.Fatal(err)
		}
		at, ok := root, true
		for _, title := range titles {
			if at, ok = at.below(title); !ok {
				return false
			}
		}
		path = at.Props["label"].String()
		err := menu.Call("com.canonical.dbusmenu.Event", 0, at.ID, "clicked", dbus.MakeVariant(int32(0)), uint32(time.Now().Unix())).Err
		return err == nil
	})
	d.t.Logf("clicked %s", path)
}

func (e entry) below(title string) (entry, bool) {
	for _, raw := range e.Below {
		var one entry
		if dbus.Store(raw.Value().([]any), &one.ID, &one.Props, &one.Below) != nil {
			continue
		}
		label, _ := one.Props["label"].Value().(string)
		if visible, there := one.Props["visible"]; strings.HasPrefix(label, title) && (!there || visible.Value() == true) {
			return one, true
		}
	}
	return entry{}, false
}
