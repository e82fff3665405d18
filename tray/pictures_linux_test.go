package tray

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clawtray/packaging/needs"
	"clawtray/supervisor"

	"github.com/godbus/dbus/v5"
)

const (
	screenWidth, screenHeight = 800, 560
	panelHeight               = 32 // the panel is at the bottom, and the only icon is at its right end
	screenshots               = "../build/screenshots"
)

// panels are the tray hosts of the pictures, and what they need.
var panels = []struct {
	name, script string
	env, tools   []string
	button       string // mouse button that opens the menu
}{
	{"xfce-light", "xfce.sh", nil, []string{"xfce4-panel"}, "1"},
	{"xfce-dark", "xfce.sh", []string{"DARK=true"}, []string{"xfce4-panel"}, "1"},
	{"lxqt", "lxqt.sh", nil, []string{"lxqt-panel"}, "3"},
}

// TestL1_Pictures takes pictures of the icon in each state, its tooltip, the open menu, a
// submenu and a notification, in real panels under Xvfb. They are stored in
// build/screenshots for people to look at. The test itself only checks that something was
// drawn.
func TestL1_Pictures(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three panels and looks at them for a minute; make check runs it")
	}
	for _, panel := range panels {
		t.Run(panel.name, func(t *testing.T) {
			needs.Tools(t, append([]string{"Xvfb", "xdotool", "import", "dunst", "dbus-update-activation-environment"}, panel.tools...)...)
			d := startDesktop(t, panel.script, panel.env...)
			empty := d.settled(nil, nil)

			busy := running()
			busy.Since = time.Now().Add(-3 * time.Hour)
			busy.GatewayVersion, busy.Port = "2026.9.6", 18789
			busy.Incidents = []supervisor.Incident{{ID: 1, Began: time.Now().Add(-5 * time.Hour), Ended: time.Now().Add(-5*time.Hour + 4*time.Second),
				Cause: supervisor.Cause{Code: supervisor.Killed, Detail: "signal 9"}}}
			desktop, _, _ := strings.Cut(panel.name, "-")
			c := d.bus.runTray(busy, "DISPLAY="+d.display, "XDG_CURRENT_DESKTOP="+desktop)
			now := d.settled(empty, d.iconArea())
			d.save(panel.name+"-1-icon", now)

			d.point(image.Pt(screenWidth-20, screenHeight-panelHeight/2))
			tip := d.settled(now, d.aboveArea())
			d.save(panel.name+"-2-tooltip", tip)
			d.x("click", panel.button)
			menu := d.settled(tip, d.aboveArea())
			d.save(panel.name+"-3-menu", menu)
			for _, key := range []string{"Up", "Up", "Up", "Up", "Right"} {
				d.x("key", key)
			}
			d.save(panel.name+"-4-submenu", d.settled(menu, d.aboveArea()))
			d.x("key", "Escape")
			d.x("key", "Escape")
			d.point(image.Pt(10, 10))
			now = d.settled(menu, d.aboveArea())

			var strip []image.Image
			for _, s := range []supervisor.Status{
				{State: supervisor.Starting}, {State: supervisor.Reconnecting}, {State: supervisor.Stopped},
				{State: supervisor.Running, Health: supervisor.Health{Level: supervisor.Degraded}},
				{State: supervisor.Failed, Cause: supervisor.Cause{Code: supervisor.KeepsCrashing, Detail: "5 times in 10 min"}},
			} {
				s.Since = time.Now()
				c.send(s)
				now = d.settled(now, d.iconArea())
				strip = append(strip, crop(now, *d.iconArea()))
			}
			d.save(panel.name+"-5-icons", besideEachOther(strip))
			d.save(panel.name+"-6-notification", d.settled(nil, nil)) // dunst draws at the top
		})
	}
}

// desktop is a private X server with a bus, a panel and a notification server.
type desktop struct {
	t       testing.TB
	display string
	bus     *bus
}

func startDesktop(t testing.TB, script string, env ...string) *desktop {
	d := &desktop{t: t}
	d.startX(screenWidth, screenHeight)
	d.bus = startBusWith(t, []string{"DISPLAY=" + d.display, "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()})
	session := append([]string{"DISPLAY=" + d.display, "DBUS_SESSION_BUS_ADDRESS=" + d.bus.addr, "PATH=" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=" + t.TempDir()}, env...)
	for _, program := range []struct{ name, command, arg string }{
		{"org.freedesktop.Notifications", "dunst", "-print"},
		{"org.kde.StatusNotifierWatcher", filepath.Join("..", "packaging", "linux", "hosts", script), t.TempDir()},
	} {
		appears := d.bus.watchName(program.name)
		cmd := exec.Command(program.command, program.arg)
		cmd.Env = append(session, "HOME="+t.TempDir())
		startForTest(t, cmd)
		wait(t, appears, program.name, func() string { return fmt.Sprint(cmd.Stderr) })
	}
	return d
}

// startX starts the X server.
func (d *desktop) startX(width, height int) {
	d.t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		d.t.Fatal(err)
	}
	// Without -noreset, the server starts anew when its last client leaves, and refuses whoever
	// comes at that moment.
	x := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", width, height), "-nolisten", "tcp", "-noreset")
	x.ExtraFiles = []*os.File{write}
	startForTest(d.t, x)
	write.Close()
	number := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(io.LimitReader(read, 16))
		read.Close()
		number <- strings.TrimSpace(string(b))
	}()
	d.display = ":" + wait(d.t, number, "X server", func() string { return "" })
}

// startForTest starts a command that is killed when the test ends.
func startForTest(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	cmd.Stderr = &bytes.Buffer{}
	cmd.WaitDelay = time.Second // what it has started may keep that open
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// watchName returns a channel that gets a value when somebody owns the name.
func (b *bus) watchName(name string) <-chan struct{} {
	c := b.connect()
	sigs := make(chan *dbus.Signal, 100)
	c.Signal(sigs)
	if err := c.AddMatchSignal(dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, name)); err != nil {
		b.t.Fatal(err)
	}
	owned := make(chan struct{}, 1)
	go func() {
		for s := range sigs {
			if len(s.Body) == 3 && s.Body[2] != "" {
				owned <- struct{}{}
				return
			}
		}
	}()
	return owned
}

// x runs xdotool.
func (d *desktop) x(args ...string) {
	d.t.Helper()
	cmd := exec.Command("xdotool", args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+d.display)
	if out, err := cmd.CombinedOutput(); err != nil {
		d.t.Fatalf("xdotool %v: %v\n%s", args, err, out)
	}
}

// point moves the mouse.
func (d *desktop) point(at image.Point) {
	d.t.Helper()
	d.x("mousemove", fmt.Sprint(at.X), fmt.Sprint(at.Y))
}

// click moves the mouse and clicks.
func (d *desktop) click(at image.Point, button string) {
	d.t.Helper()
	d.x("mousemove", fmt.Sprint(at.X), fmt.Sprint(at.Y), "click", button)
}

func (d *desktop) shot() *image.RGBA {
	d.t.Helper()
	cmd := exec.Command("import", "-silent", "-window", "root", "png:-")
	cmd.Env = append(os.Environ(), "DISPLAY="+d.display)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("import: %v\n%s", err, &said)
	}
	im, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		d.t.Fatal(err)
	}
	rgba := image.NewRGBA(im.Bounds())
	draw.Draw(rgba, im.Bounds(), im, im.Bounds().Min, draw.Src)
	return rgba
}

// settled takes pictures until one differs from old within the area and the next one is the
// same.
func (d *desktop) settled(old *image.RGBA, area *image.Rectangle) *image.RGBA {
	d.t.Helper()
	last := d.shot()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		next := d.shot()
		if bytes.Equal(last.Pix, next.Pix) && (old == nil || !bytes.Equal(crop(old, *area).Pix, crop(next, *area).Pix)) {
			return next
		}
		last = next
	}
	d.save("failed", last)
	d.t.Fatal("the screen did not change; see failed.png")
	return nil
}

// iconArea returns the area of the only icon in the panel.
func (d *desktop) iconArea() *image.Rectangle {
	r := image.Rect(screenWidth-36, screenHeight-panelHeight, screenWidth-2, screenHeight)
	return &r
}

// aboveArea returns the area in which menus and tooltips open.
func (d *desktop) aboveArea() *image.Rectangle {
	r := image.Rect(screenWidth/3, screenHeight/6, screenWidth, screenHeight-panelHeight)
	return &r
}

func crop(im *image.RGBA, r image.Rectangle) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, r.Dx(), r.Dy()))
	draw.Draw(out, out.Bounds(), im, r.Min, draw.Src)
	return out
}

func besideEachOther(pictures []image.Image) *image.RGBA {
	width := pictures[0].Bounds().Dx()
	out := image.NewRGBA(image.Rect(0, 0, width*len(pictures), pictures[0].Bounds().Dy()))
	for i, p := range pictures {
		draw.Draw(out, p.Bounds().Add(image.Pt(i*width, 0)), p, image.Point{}, draw.Src)
	}
	return out
}

func (d *desktop) save(name string, im image.Image) {
	d.t.Helper()
	var b bytes.Buffer
	err := png.Encode(&b, im)
	if err == nil {
		err = os.MkdirAll(screenshots, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(screenshots, name+".png"), b.Bytes(), 0o644)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}
