//go:build desktops

package tray

import (
	"fmt"
	"image"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clawtray/supervisor"
	"clawtray/supervisor/requests"

	"github.com/godbus/dbus/v5"
)

// desktopsEnv names the whole desktops that TestL1_Desktops finds on this machine.
// packaging/desktops.sh sets it in the Debian that it makes for this.
const desktopsEnv = "CLAWTRAY_TEST_DESKTOPS"

const wholeWidth, wholeHeight = 1280, 960

// shown is where menus and notifications are, without the panel and its clock.
var shown = image.Rect(0, 40, wholeWidth, wholeHeight-60)

// wholeDesktop is what differs between whole desktops.
type wholeDesktop struct {
	current string                     // XDG_CURRENT_DESKTOP
	button  string                     // of the mouse, for the menu
	reader  func(*desktop) reader      // starts before the desktop
	started func(*testing.T, *desktop) // waits for what the tray does not wait for
}

// reader reads what a desktop shows. It fails the test when something does not appear.
type reader interface {
	untilMenu(entries []string)
	untilToast(Toast)
	button(toast Toast, n int) image.Point // where one clicks
}

// whole is a whole desktop that somebody reads.
type whole struct {
	*desktop
	reader reader
}

var wholeDesktops = map[string]wholeDesktop{
	"gnome": {current: "GNOME", button: "1", reader: startScreenReader, started: leaveOverview},
	"kde":   {current: "KDE", button: "1", reader: readBus(0xfc), started: untilReady},
	"sway":  {current: "sway", button: "3", reader: readBus(0x30), started: untilReady},
}

// Whole desktops show the menu after a click on the icon, the notification of a request and
// that of an error, in both languages, and a click on the button Deny answers the request.
// All clicks are real ones, of a mouse. The pictures go to build/screenshots, and the test
// checks that menu and notifications change the screen and go away again.
//
// In GNOME a screen reader finds all texts on the screen, and the button. KDE's panel tells
// screen readers nothing, and in sway they do not learn where something is. There the test
// reads on the bus what the menu says when the desktop opens it, and which notifications the
// desktop has accepted. It finds the button by its colour. Only the pictures tell whether
// the texts are drawn well.
func TestL1_Desktops(t *testing.T) {
	names := strings.Fields(os.Getenv(desktopsEnv))
	if len(names) == 0 {
		t.Fatal("run make desktops, which makes a Debian with these desktops")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			w, known := wholeDesktops[name]
			if !known {
				t.Fatal("there is no such desktop here")
			}
			d := startWhole(t, name, w)
			for _, language := range []string{"en", "zh"} {
				d.scenes(name+"-"+language, w, language)
			}
		})
	}
}

// startWhole starts a desktop that somebody reads.
func startWhole(t *testing.T, name string, w wholeDesktop) *whole {
	d := &desktop{t: t}
	d.startX(wholeWidth, wholeHeight)
	home, runtime := t.TempDir(), t.TempDir()
	if err := os.Chmod(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	session := []string{"DISPLAY=" + d.display, "PATH=" + os.Getenv("PATH"), "HOME=" + home, "LANG=C.UTF-8", "XDG_RUNTIME_DIR=" + runtime}
	d.bus = startBusWith(t, session)
	reader := w.reader(d)
	appears := d.bus.watchName("org.kde.StatusNotifierWatcher")
	cmd := exec.Command(filepath.Join("..", "packaging", "linux", "hosts", name+".sh"), home)
	cmd.Env = append(session, "DBUS_SESSION_BUS_ADDRESS="+d.bus.addr)
	startForTest(t, cmd)
	wait(t, appears, "tray in "+name, func() string { return fmt.Sprint(cmd.Stderr) })
	if w.started != nil {
		w.started(t, d)
	}
	return &whole{d, reader}
}

// leaveOverview waits for the overview that GNOME starts with, and leaves it.
func leaveOverview(t *testing.T, d *desktop) {
	shell := d.bus.connect().Object("org.gnome.Shell", "/org/gnome/Shell")
	for _, want := range []bool{true, false} {
		for deadline := time.Now().Add(3 * patience); ; {
			v, err := shell.GetProperty("org.gnome.Shell.OverviewActive")
			if err == nil && v.Value() == want {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the overview is %v (%v), want %v", v, err, want)
			}
			if err == nil && !want {
				_ = shell.SetProperty("org.gnome.Shell.OverviewActive", dbus.MakeVariant(false))
			}
		}
	}
}

// untilReady waits until the panel shows icons and somebody shows notifications.
func untilReady(_ *testing.T, d *desktop) {
	conn := d.bus.connect()
	watcher := conn.Object("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher")
	d.seen("a desktop that is ready", func(im *image.RGBA) bool {
		icons, err := watcher.GetProperty("org.kde.StatusNotifierWatcher.IsStatusNotifierHostRegistered")
		var toasts bool
		return bare(im) && err == nil && icons.Value() == true &&
			conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, notificationsName).Store(&toasts) == nil && toasts
	})
}

// scenes shows the tray in one language, from running to its end.
func (d *whole) scenes(name string, w wholeDesktop, language string) {
	d.t.Helper()
	set := Settings{Language: language, Buttons: true}
	s := running()
	s.Since, s.GatewayVersion, s.Port = time.Now().Add(-3*time.Hour), "2026.9.6", 18789
	c := d.bus.runTray(s, requestsEnv+"=1", languageEnv+"="+language, "XDG_CURRENT_DESKTOP="+w.current)
	for line := ""; line != "can show true"; {
		line = wait(d.t, c.lines, "notifications with buttons", c.output)
	}

	menu := View(s, set, time.Now())
	icon := greenIcon(d.seen("the green icon", func(im *image.RGBA) bool { return bare(im) && greenIcon(im) != image.Rectangle{} }))
	d.click(middle(icon), w.button)
	var entries []string
	for _, it := range menu.Items {
		if !it.Hidden && it.Title != "" {
			entries = append(entries, it.Title)
		}
	}
	d.reader.untilMenu(entries)
	d.save(name+"-1-running", d.seen("the menu", covered))
	d.click(image.Pt(wholeWidth/4, wholeHeight/2), "1") // sway gives the menu no keys
	d.seen("the end of the menu", bare)

	asked := requests.Request{ID: "id-1", Kind: requests.Exec, Text: "npm install --save-dev typescript", Facts: []requests.Fact{{Name: requests.Folder, Value: "~/projects/website"}}}
	c.ask(asked)
	toast := askToast(asked, 0, set)
	d.reader.untilToast(toast)
	now := d.seen("the request", covered)
	d.save(name+"-2-request", now)
	deny := d.reader.button(toast, 1)
	d.point(deny)
	d.settled(now, &image.Rectangle{deny.Sub(image.Pt(9, 9)), deny.Add(image.Pt(9, 9))}) // the button shows that the mouse is there
	d.x("click", "1")
	c.expect("deny id-1")
	d.point(image.Pt(wholeWidth/4, wholeHeight/2))
	c.ask()
	d.seen("the end of the request", bare)

	broken := supervisor.Status{State: supervisor.Failed, Since: time.Now(), Port: 18789,
		Cause: supervisor.Cause{Code: supervisor.KeepsCrashing, Detail: "5 times in 10 min", LastLine: "Error: Cannot find module '@openclaw/telegram'"}}
	c.send(broken)
	d.reader.untilToast(troubleToast(broken, set, time.Now(), nowWrong{cause: broken.Cause, stage: forPerson}))
	d.save(name+"-3-error", d.seen("the red icon and the error", func(im *image.RGBA) bool { return count(im, icon, red) > 20 && !bare(im) }))

	c.closeInput()
	d.seen("the end of the icon", func(im *image.RGBA) bool { return count(im, im.Bounds(), red) == 0 })
	if err := wait(d.t, c.exited, "end", c.output); err != nil {
		d.t.Errorf("the tray program ended with %v\n%s", err, c.output())
	}
	if strings.Contains(c.output(), unknownIcon) {
		d.t.Errorf("the icon was registered twice:\n%s", c.output())
	}
}

// bare reports whether there is nothing but the background.
func bare(im *image.RGBA) bool {
	return count(im, shown, func(c color.RGBA) bool { return c != color.RGBA{0x3a, 0x5a, 0x78, 0xff} }) == 0
}

func covered(im *image.RGBA) bool { return !bare(im) }

// greenIcon is where the icon of a running gateway is, the only green on the screen.
func greenIcon(im *image.RGBA) (at image.Rectangle) {
	for y := range wholeHeight {
		for x := range wholeWidth {
			if c := im.RGBAAt(x, y); int(c.G) > int(c.R)+80 && int(c.G) > int(c.B)+40 {
				at = at.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return at
}

func middle(r image.Rectangle) image.Point { return r.Min.Add(r.Max).Div(2) }

// lines are the texts of a notification above its buttons.
func (t Toast) lines() []string {
	return slices.AppendSeq([]string{t.Title}, strings.Lines(strings.Trim(t.Asked+"\n"+t.Body, "\n")))
}
