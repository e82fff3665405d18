package tray

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clawtray/packaging/needs"
	"clawtray/packaging/outside"
	"clawtray/supervisor"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

// patience is how long a test waits for something. It only matters when the test fails.
const patience = time.Minute

// wait receives from c, and fails the test when nothing arrives.
func wait[T any](t testing.TB, c <-chan T, what string, output func() string) T {
	t.Helper()
	select {
	case v, ok := <-c:
		if !ok {
			t.Fatalf("ended without %s\n%s", what, output())
		}
		return v
	case <-time.After(patience):
		t.Fatalf("no %s\n%s", what, output())
	}
	panic("unreachable")
}

// bus is a private session bus that does not start services.
type bus struct {
	t    testing.TB
	dir  string
	addr string
	bus  *outside.Bus
	env  []string // when set, services are started with this environment
}

func startBus(t testing.TB) *bus { return startBusWith(t, nil) }

// startBusWith starts a bus that starts services in an environment.
func startBusWith(t testing.TB, env []string) *bus {
	needs.Tools(t, "dbus-daemon")
	b := &bus{t: t, dir: t.TempDir(), env: env}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *bus) start() {
	var err error
	if b.bus, err = outside.StartBus(b.dir, b.env); err != nil {
		b.t.Fatal(err)
	}
	b.addr = b.bus.Address
}

func (b *bus) stop() {
	if b.bus != nil {
		b.bus.Stop()
		b.bus = nil
	}
}

func (b *bus) connect() *dbus.Conn {
	c, err := dbus.Connect(b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	return c
}

func (b *bus) own(c *dbus.Conn, name string) {
	if r, err := c.RequestName(name, dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		b.t.Fatal("cannot own ", name, r, err)
	}
}

// watcher acts as a panel's StatusNotifierWatcher.
type watcher struct {
	conn       *dbus.Conn
	registered chan string // bus names of items
	props      *prop.Properties
}

func (w *watcher) RegisterStatusNotifierItem(path string, from dbus.Sender) *dbus.Error {
	w.props.SetMust(trayWatcher, "RegisteredStatusNotifierItems", []string{string(from) + path})
	w.registered <- string(from)
	return nil
}

func (b *bus) startWatcher() *watcher {
	w := &watcher{conn: b.connect(), registered: make(chan string, 100)}
	var err error
	if w.props, err = prop.Export(w.conn, trayWatcherPath, prop.Map{trayWatcher: {
		"IsStatusNotifierHostRegistered": {Value: true},
		"RegisteredStatusNotifierItems":  {Value: []string{"org.kde.StatusNotifierItem-1-1/StatusNotifierItem"}}, // somebody else's
	}}); err != nil {
		b.t.Fatal(err)
	}
	if err := w.conn.Export(w, trayWatcherPath, trayWatcher); err != nil {
		b.t.Fatal(err)
	}
	b.own(w.conn, trayWatcher)
	return w
}

// toasts acts as a notification server.
type toasts struct {
	conn *dbus.Conn
	caps []string
	keep bool // the server cannot replace a notification
	mute chan struct{}
	got  chan Toast
	raw  chan map[string]dbus.Variant // hints
	ids  chan [2]uint32               // the id to replace, and the new id
	gone chan uint32                  // ids of removed notifications
	last uint32
}

func (n *toasts) GetCapabilities() ([]string, *dbus.Error) { return n.caps, nil }

func (n *toasts) CloseNotification(id uint32) *dbus.Error {
	n.gone <- id
	n.emit("NotificationClosed", id, uint32(3))
	return nil
}

func (n *toasts) emit(signal string, args ...any) {
	n.conn.Emit("/org/freedesktop/Notifications", "org.freedesktop.Notifications."+signal, args...)
}

func (n *toasts) Notify(_ string, replaces uint32, _, summary, body string, buttons []string, hints map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	if n.mute != nil {
		<-n.mute
	}
	// At the same time, a notification of another program is closed. Its signal would end
	// systray's watch if it arrived on systray's connection.
	n.emit("NotificationClosed", uint32(3), uint32(1))
	toast := Toast{Title: summary, Body: body, Urgent: hints["urgency"].Value() == byte(2)}
	for ; len(buttons) > 1; buttons = buttons[2:] {
		toast.Buttons = append(toast.Buttons, Click{ID: ID(buttons[0]), Title: buttons[1]})
	}
	id := replaces
	if id == 0 || n.keep {
		n.last++
		id = 100 + n.last
	}
	n.raw <- hints
	n.ids <- [2]uint32{replaces, id}
	n.got <- toast
	return id, nil
}

func (b *bus) startNotifications(change ...func(*toasts)) *toasts {
	n := &toasts{
		conn: b.connect(), caps: []string{"actions", "body"}, got: make(chan Toast, 100),
		raw: make(chan map[string]dbus.Variant, 100), ids: make(chan [2]uint32, 100), gone: make(chan uint32, 100),
	}
	for _, f := range change {
		f(n)
	}
	if err := n.conn.Export(n, "/org/freedesktop/Notifications", "org.freedesktop.Notifications"); err != nil {
		b.t.Fatal(err)
	}
	b.own(n.conn, "org.freedesktop.Notifications")
	return n
}

// child is this test binary as a tray program (TestMain). The test sends statuses to it and
// receives its requests. It is another process, because a process can have only one
// systray.
type child struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.Closer
	in     *json.Encoder
	lines  chan string // its output, line by line
	log    lockedLog
	exited chan error
}

func (b *bus) runTray(first supervisor.Status, env ...string) *child {
	b.t.Helper()
	return runTray(b.t, first, append(env, "DBUS_SESSION_BUS_ADDRESS="+b.addr)...)
}

func runTray(t testing.TB, first supervisor.Status, env ...string) *child {
	t.Helper()
	status, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: exec.Command(os.Args[0]), lines: make(chan string, 1000), exited: make(chan error, 1)}
	c.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "DBUS_") || strings.HasPrefix(name, "LC_") || name == "LANG" || name == "XDG_CURRENT_DESKTOP"
	})
	// A data race in our code ends the program, and its report is in the output. Known
	// races of systray are suppressed by name.
	c.cmd.Env = append(c.cmd.Env, childEnv+"="+string(status), "GORACE=halt_on_error=1 suppressions=testdata/systray-races.txt")
	c.cmd.Env = append(c.cmd.Env, env...)
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.cmd.Stderr = &c.log
	c.stdin, c.in = stdin, json.NewEncoder(stdin)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(stdout); s.Scan(); {
			c.lines <- s.Text()
		}
		close(c.lines)
		c.exited <- c.cmd.Wait()
	}()
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		for range c.lines {
		}
	})
	return c
}

func (c *child) send(s supervisor.Status) {
	if err := c.in.Encode(s); err != nil {
		c.t.Fatalf("the tray program is gone: %v", err)
	}
}

// closeInput tells the tray program to end.
func (c *child) closeInput() { c.stdin.Close() }

// expect waits for a line.
func (c *child) expect(want string) {
	c.t.Helper()
	if got := wait(c.t, c.lines, want, c.output); got != want {
		c.t.Fatalf("the tray program said %q, want %q", got, want)
	}
}

// output returns what the child logged so far. It is for messages after a failure.
func (c *child) output() string { return c.log.String() }

// lockedLog is a log that can be read while the program still writes.
type lockedLog struct {
	mu   sync.Mutex
	text []byte
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// item is the icon as a panel sees it.
type item struct {
	t    testing.TB
	conn *dbus.Conn
	dest string
	sigs chan *dbus.Signal
}

func (b *bus) item(dest string) *item {
	i := &item{t: b.t, conn: b.connect(), dest: dest, sigs: make(chan *dbus.Signal, 10000)}
	i.conn.Signal(i.sigs)
	if err := i.conn.AddMatchSignal(dbus.WithMatchSender(dest)); err != nil {
		b.t.Fatal(err)
	}
	return i
}

func (i *item) prop(name string) any {
	v, err := i.conn.Object(i.dest, "/StatusNotifierItem").GetProperty("org.kde.StatusNotifierItem." + name)
	if err != nil {
		i.t.Fatal(name, ": ", err)
	}
	return v.Value()
}

// node is one entry as a panel reads it.
type node struct {
	ID    int32
	Props map[string]dbus.Variant
	Raw   []dbus.Variant
	kids  []node
}

func (n *node) load() {
	for _, raw := range n.Raw {
		var kid node
		if dbus.Store(raw.Value().([]any), &kid.ID, &kid.Props, &kid.Raw) == nil {
			kid.load()
			n.kids = append(n.kids, kid)
		}
	}
}

func (n node) label() string { s, _ := n.Props["label"].Value().(string); return s }
func (n node) is(name string) bool {
	v, ok := n.Props[name]
	return !ok || v.Value() == true
}

// mnemonics changes a label as panels do: an underscore marks the next letter, and two
// underscores are one.
var mnemonics = strings.NewReplacer("__", "_", "_", "")

// dump writes the menu in the form of Menu.String.
func (n node) dump(b *strings.Builder, indent string) {
	for _, kid := range n.kids {
		if !kid.is("visible") {
			continue
		}
		if s, _ := kid.Props["type"].Value().(string); s == "separator" {
			fmt.Fprintf(b, "%s----\n", indent)
			continue
		}
		mark := ""
		if kid.Props["toggle-type"].Value() == "checkmark" {
			mark = map[any]string{int32(0): "[ ] ", int32(1): "[x] "}[kid.Props["toggle-state"].Value()]
		}
		fmt.Fprintf(b, "%s%s%s", indent, mark, mnemonics.Replace(kid.label()))
		if !kid.is("enabled") {
			b.WriteString("  (disabled)")
		}
		b.WriteString("\n")
		kid.dump(b, indent+"    ")
	}
}

// menu reads the menu twice, because the first answer after the start lacks the submenus
// (fyne.io/systray v1.12.2).
func (i *item) menu() node {
	var root node
	for range 2 {
		var revision uint32
		root = node{}
		err := i.conn.Object(i.dest, "/StatusNotifierItem/menu").
			Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root)
		if err != nil {
			i.t.Fatal(err)
		}
	}
	root.load()
	return root
}

func (i *item) text() string {
	var b strings.Builder
	i.menu().dump(&b, "")
	return b.String()
}

// until reads the menu at each update until ok returns true.
func (i *item) until(what string, ok func(text string) bool) {
	i.t.Helper()
	deadline := time.After(patience)
	for {
		text := i.text()
		if ok(text) {
			return
		}
		select {
		case <-i.sigs:
		case <-deadline:
			i.t.Fatalf("the menu does not show %s:\n%s", what, text)
		}
	}
}

func (i *item) click(label string) {
	i.t.Helper()
	id, ok := i.menu().find(label)
	if !ok {
		i.t.Fatalf("no entry %q in\n%s", label, i.text())
	}
	err := i.conn.Object(i.dest, "/StatusNotifierItem/menu").
		Call("com.canonical.dbusmenu.Event", 0, id, "clicked", dbus.MakeVariant(int32(0)), uint32(0)).Err
	if err != nil {
		i.t.Fatal(err)
	}
}

func (n node) find(label string) (int32, bool) {
	for _, kid := range n.kids {
		if kid.label() == label && kid.is("visible") {
			return kid.ID, true
		}
		if id, ok := kid.find(label); ok {
			return id, true
		}
	}
	return 0, false
}
