//go:build desktops

package tray

import (
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
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

// wholeDesktop is what differs between whole desktops.
type wholeDesktop struct {
	current string                     // XDG_CURRENT_DESKTOP
	button  string                     // of the mouse, for the menu
	started func(*testing.T, *desktop) // waits for what the tray does not wait for
}

// whole is a whole desktop, with somebody who reads its screen.
type whole struct {
	*desktop
	reader *screenReader
}

var wholeDesktops = map[string]wholeDesktop{
	"gnome": {current: "GNOME", button: "1", started: leaveOverview},
}

// In whole desktops a screen reader finds the menu, the notification of an error and that
// of a request, in both languages, and a click on the button of the notification answers
// the request. The pictures go to build/screenshots.
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

// startWhole starts a desktop with a screen reader.
func startWhole(t *testing.T, name string, w wholeDesktop) *whole {
	d := &desktop{t: t}
	d.startX(wholeWidth, wholeHeight)
	home, runtime := t.TempDir(), t.TempDir()
	if err := os.Chmod(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	session := []string{"DISPLAY=" + d.display, "PATH=" + os.Getenv("PATH"), "HOME=" + home, "LANG=C.UTF-8", "XDG_RUNTIME_DIR=" + runtime}
	d.bus = startBusWith(t, session)
	reader := startReader(d)
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
	now := d.seen("the green icon", func(im *image.RGBA) bool { return greenIcon(im) != image.Rectangle{} })
	icon := greenIcon(now)
	d.click(middle(icon), w.button)
	var entries []string
	for _, it := range menu.Items {
		if !it.Hidden && it.Title != "" {
			entries = append(entries, it.Title)
		}
	}
	d.reader.until(entries...)
	d.save(name+"-1-running", d.settled(nil, nil))
	d.click(image.Pt(wholeWidth/4, wholeHeight/2), "1") // sway gives the menu no keys
	d.reader.untilGone(entries[len(entries)-1])

	asked := requests.Request{ID: "id-1", Kind: requests.Exec, Text: "npm install --save-dev typescript", Facts: []requests.Fact{{Name: requests.Folder, Value: "~/projects/website"}}}
	c.ask(asked)
	buttons := d.reader.untilToast(askToast(asked, 0, set))
	d.save(name+"-2-request", d.settled(nil, nil))
	d.click(d.reader.middle(buttons[1]), "1")
	d.x("mousemove", fmt.Sprint(wholeWidth/4), fmt.Sprint(wholeHeight/2))
	c.expect("deny id-1")
	c.ask()

	broken := supervisor.Status{State: supervisor.Failed, Since: time.Now(), Port: 18789,
		Cause: supervisor.Cause{Code: supervisor.KeepsCrashing, Detail: "5 times in 10 min", LastLine: "Error: Cannot find module '@openclaw/telegram'"}}
	c.send(broken)
	d.reader.untilToast(troubleToast(broken, set, time.Now(), nowWrong{cause: broken.Cause, stage: forPerson}))
	d.save(name+"-3-error", d.seen("the red icon", func(im *image.RGBA) bool { return count(im, icon, red) > 20 }))

	c.closeInput()
	d.seen("the end of the icon", func(im *image.RGBA) bool { return count(im, im.Bounds(), red) == 0 })
	if err := wait(d.t, c.exited, "end", c.output); err != nil {
		d.t.Errorf("the tray program ended with %v\n%s", err, c.output())
	}
}

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

// untilToast waits for all texts of a notification, and returns where its buttons are.
func (r *screenReader) untilToast(toast Toast) (buttons []sight) {
	r.d.t.Helper()
	texts := []string{toast.Title}
	for line := range strings.Lines(toast.Asked + "\n" + toast.Body) {
		texts = append(texts, line)
	}
	n := len(texts)
	for _, b := range toast.Buttons {
		texts = append(texts, b.Title)
	}
	return r.until(texts...)[n:]
}

// click clicks with the mouse.
func (d *desktop) click(at image.Point, button string) {
	d.t.Helper()
	d.x("mousemove", fmt.Sprint(at.X), fmt.Sprint(at.Y), "click", button)
}
