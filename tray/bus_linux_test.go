package tray

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clawtray/supervisor"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

// patience is how long a test waits for what must happen; it only matters when it does not.
const patience = 20 * time.Second

// needTool fails in CI without the tool, and says elsewhere how to get it.
func needTool(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: install the packages of packaging/linux/test-packages.txt", name)
		}
		t.Skipf("needs %s: install the packages of packaging/linux/test-packages.txt", name)
	}
}

// wait fails the test when c stays silent.
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

const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>%s
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`

// bus is a private session bus that starts nothing by itself.
type bus struct {
	t    testing.TB
	dir  string
	addr string
	cmd  *exec.Cmd
	env  []string // set: services are started, with this environment
}

func startBus(t testing.TB) *bus { return startBusWith(t, nil) }

// startBusWith starts a bus that starts services in an environment.
func startBusWith(t testing.TB, env []string) *bus {
	needTool(t, "dbus-daemon")
	b := &bus{t: t, dir: t.TempDir(), env: env}
	b.addr = "unix:path=" + filepath.Join(b.dir, "bus")
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *bus) start() {
	socket, config := filepath.Join(b.dir, "bus"), filepath.Join(b.dir, "bus.conf")
	os.Remove(socket)
	services := ""
	if b.env != nil {
		services = "<standard_session_servicedirs/>"
	}
	if err := os.WriteFile(config, fmt.Appendf(nil, busConfig, socket, services), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.cmd = exec.Command("dbus-daemon", "--config-file="+config, "--nofork", "--nopidfile", "--print-address")
	b.cmd.Env = b.env
	out, err := b.cmd.StdoutPipe()
	if err == nil {
		err = b.cmd.Start()
	}
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		b.t.Fatal("dbus-daemon does not come up: ", err)
	}
}

func (b *bus) stop() {
	if b.cmd != nil {
		b.cmd.Process.Kill()
		b.cmd.Wait()
		b.cmd = nil
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

// watcher plays a panel's StatusNotifierWatcher.
type watcher struct {
	conn       *dbus.Conn
	registered chan string // bus names of items
}

func (w *watcher) RegisterStatusNotifierItem(_ string, from dbus.Sender) *dbus.Error {
	w.registered <- string(from)
	return nil
}

func (b *bus) startWatcher() *watcher {
	const path, name = "/StatusNotifierWatcher", "org.kde.StatusNotifierWatcher"
	w := &watcher{conn: b.connect(), registered: make(chan string, 100)}
	if err := w.conn.Export(w, path, name); err != nil {
		b.t.Fatal(err)
	}
	if _, err := prop.Export(w.conn, path, prop.Map{name: {"IsStatusNotifierHostRegistered": {Value: true}}}); err != nil {
		b.t.Fatal(err)
	}
	b.own(w.conn, name)
	return w
}

// toasts plays a notification server.
type toasts struct {
	conn *dbus.Conn
	got  chan Toast
}

func (n *toasts) Notify(_ string, _ uint32, _, summary, body string, _ []string, hints map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	// Another program's notification closes meanwhile: a signal that would end
	// systray's watch if it arrived on systray's connection.
	n.conn.Emit("/org/freedesktop/Notifications", "org.freedesktop.Notifications.NotificationClosed", uint32(3), uint32(1))
	n.got <- Toast{summary, body, hints["urgency"].Value() == byte(2)}
	return 1, nil
}

func (b *bus) startNotifications() *toasts {
	n := &toasts{conn: b.connect(), got: make(chan Toast, 100)}
	if err := n.conn.Export(n, "/org/freedesktop/Notifications", "org.freedesktop.Notifications"); err != nil {
		b.t.Fatal(err)
	}
	b.own(n.conn, "org.freedesktop.Notifications")
	return n
}

// child is this test binary run again as a tray program (TestMain). It is told
// statuses and tells requests. It is a program of its own because systray is
// one per process.
type child struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.Closer
	in     *json.Encoder
	lines  chan string // what it says, line by line
	log    strings.Builder
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
	// systray's own races (menuVersion, the icon's connection) are not ours to fail on.
	c.cmd.Env = append(c.cmd.Env, childEnv+"="+string(status), "GORACE=exitcode=0 log_path=/dev/null")
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

// output is what the child logged; to be read when it is too late anyway.
func (c *child) output() string { return c.log.String() }

// item is a panel's view of the icon.
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

// mnemonics reads a label as panels do: an underscore marks the next letter,
// two are one.
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

// menu reads the menu. The first answer after the start lacks the submenus
// (fyne.io/systray v1.12.2), so it asks twice.
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

// until waits for the menu to satisfy ok, looking again at each update.
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
