package tray

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"clawtray/packaging/needs"
)

// openVar makes the test binary open an address with the system's opener and end.
const openVar = "CLAWTRAY_TEST_OPEN"

func init() {
	target := os.Getenv(openVar)
	if target == "" {
		return
	}
	o := systemOpener
	o.limit = time.Second // short, for an opener that keeps running
	if err := o.open(target); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// desktopEnv is a desktop of Debian's own parts without a browser. GNOME opens with gio,
// other desktops with xdg-open itself.
type desktopEnv struct {
	t    *testing.T
	home string
	env  map[string]string
}

func newDesktopEnv(t *testing.T, name string) *desktopEnv {
	needs.Tools(t, "xdg-open", "gio")
	home, err := os.MkdirTemp("", "") // a short name: the path of Chromium's socket, below it, has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	d := &desktopEnv{t: t, home: home, env: map[string]string{}}
	for _, unset := range []string{"DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "KDE_FULL_SESSION", "GNOME_DESKTOP_SESSION_ID", "DESKTOP_SESSION"} {
		d.env[unset] = ""
	}
	d.env["HOME"], d.env["XDG_CURRENT_DESKTOP"], d.env["BROWSER"] = d.home, name, filepath.Join(d.home, "no-browser")
	for v, dir := range map[string]string{"XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "cache", "XDG_DATA_DIRS": "none", "XDG_CONFIG_DIRS": "none"} {
		d.env[v] = filepath.Join(d.home, dir)
	}
	return d
}

// use makes this the desktop of this process and of its children.
func (d *desktopEnv) use() {
	for name, value := range d.env {
		d.t.Setenv(name, value)
	}
}

func (d *desktopEnv) write(path, text string, mode os.FileMode) string {
	d.t.Helper()
	path = filepath.Join(d.home, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// browser makes a script the desktop's browser.
func (d *desktopEnv) browser(script string) {
	path := d.write("browser", script, 0o700)
	d.env["BROWSER"] = path
	d.write("data/applications/browser.desktop", "[Desktop Entry]\nType=Application\nName=Browser\nMimeType=x-scheme-handler/http;\nExec="+path+" %u\n", 0o600)
	d.write("config/mimeapps.list", "[Default Applications]\nx-scheme-handler/http=browser.desktop\n", 0o600)
}

// pipe creates a named pipe whose reader never sees an end and whose writers never block.
func (d *desktopEnv) pipe(name string) *os.File {
	d.t.Helper()
	path := filepath.Join(d.home, name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		d.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := f.SetReadDeadline(time.Now().Add(3 * patience)); err != nil { // in case the test fails
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { f.Close() })
	return f
}

// slow is a browser that has started but does nothing until it is told to.
type slow struct {
	t    *testing.T
	pid  string
	goOn *os.File
	said *bufio.Reader
}

func (d *desktopEnv) slowBrowser() *slow {
	s := &slow{t: d.t, goOn: d.pipe("go"), said: bufio.NewReader(d.pipe("said"))}
	d.browser(fmt.Sprintf(`#!/bin/sh
cd '%s'
echo "$$ $(readlink /proc/$$/fd/0) $(readlink /proc/$$/fd/1) $(readlink /proc/$$/fd/2) $1" >said
read x <go
echo noise
echo noise >&2
echo survived >said
exec sleep 0
`, d.home))
	d.t.Cleanup(func() {
		s.end()
		if s.pid != "" {
			await(s.t, "the end of the browser", func() bool { return gone(s.pid) })
		}
	})
	return s
}

// started waits for the browser and returns its standard streams and its link.
func (s *slow) started() (streams []string, link string) {
	s.t.Helper()
	f := strings.Fields(s.line())
	if len(f) != 5 {
		s.t.Fatalf("the browser said %q", f)
	}
	s.pid = f[0]
	return f[1:4], f[4]
}

func (s *slow) end() { fmt.Fprintln(s.goOn) }

// line returns the next line that the browser prints.
func (s *slow) line() string {
	s.t.Helper()
	line, err := s.said.ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// opens runs a process that opens a link and then ends.
func opens(t *testing.T, link string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), openVar+"="+link)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out)
}

const anyLink = "http://127.0.0.1:9/link"

// XT1: the opener ends while the browser is still starting. The browser writes to its
// standard error later, after we have ended. That must not count as a failure, and the
// browser must not die of SIGPIPE. "generic" is an opener that keeps running, because it
// runs the browser itself.
func TestXT1_TheBrowserOutlivesOpenerAndUs(t *testing.T) {
	for _, desktop := range []string{"GNOME", "generic"} {
		t.Run(desktop, func(t *testing.T) {
			d := newDesktopEnv(t, desktop)
			s := d.slowBrowser()
			d.use()
			if out := opens(t, anyLink); out != "" {
				t.Errorf("opening said %q", out)
			}
			streams, link := s.started()
			if link != anyLink {
				t.Errorf("the browser got %q", link)
			}
			for _, stream := range streams {
				if stream != os.DevNull {
					t.Errorf("a standard stream of the browser is %s", stream)
				}
			}
			pid, err := strconv.Atoi(s.pid)
			if err != nil {
				t.Fatal(err)
			}
			if session, err := getsid(pid); err != nil || session == mySession(t) {
				t.Errorf("the browser is in our session %d: %v", session, err)
			}
			s.end()
			if said := s.line(); said != "survived" {
				t.Errorf("the browser said %q", said)
			}
		})
	}
}

func getsid(pid int) (int, error) {
	id, _, errno := syscall.Syscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(id), nil
}

func mySession(t *testing.T) int {
	t.Helper()
	id, err := getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// XT1: a browser that requests the page long after the opener has ended still gets the
// address.
func TestXT1_AColdBrowserThroughXdgOpen(t *testing.T) {
	d := newDesktopEnv(t, "GNOME")
	s := d.slowBrowser()
	d.use()
	arrived := make(chan string, 1)
	l, logged := tells(Options{System: System{Open: func(link string) error {
		err := openWithSystem(link)
		_, link = s.started()
		address, failed := arrive(link) // the opener has ended by now
		arrived <- fmt.Sprint(address, " ", failed)
		return err
	}}})
	if note := clickOn(t.Context(), l, OpenDashboard); note != "Opening Dashboard" {
		t.Errorf("the menu says %q, the log %s", note, logged)
	}
	if got := <-arrived; got != canaryAddress+" <nil>" {
		t.Errorf("the browser got %q", got)
	}
}

// patient returns the system's opener with a longer limit, for a busy machine.
func patient() opener {
	o := systemOpener
	o.limit = time.Hour
	return o
}

// XT1: the error when Debian's own opener finds no browser, and when the opener is missing.
func TestXT1_NoBrowser(t *testing.T) {
	for desktop, want := range map[string]string{
		"GNOME":   "xdg-open found no program that opens it (exit code 4)",
		"generic": "xdg-open found no program that opens it (exit code 3)",
	} {
		t.Run(desktop, func(t *testing.T) {
			newDesktopEnv(t, desktop).use()
			if err := patient().open(anyLink); err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
	t.Run("no opener", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		const want = "there is no xdg-open, which opens pages and files (package xdg-utils)"
		if err := openWithSystem(anyLink); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	})
	t.Run("no file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "clawtray.log")
		if err := openWithSystem(path); err == nil || err.Error() != "there is no "+path+" yet" {
			t.Error(err)
		}
	})
}

// XT1: other exit codes come from the browser and are not failures to open.
func TestXT1_ExitCodesOfOpeners(t *testing.T) {
	for code, fails := range map[int]bool{0: false, 1: false, 3: true, 4: true, 127: false} {
		o := patient()
		o.name = script(t, fmt.Sprintf("exit %d", code))
		if err := o.open(anyLink); (err != nil) != fails {
			t.Errorf("exit code %d: %v", code, err)
		}
		o.failed = nil // as on macOS
		if err := o.open(anyLink); (err != nil) != (code != 0) {
			t.Errorf("exit code %d where all but 0 are failures: %v", code, err)
		}
	}
}

func script(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// XT1, XT5: an opener that keeps running blocks nobody, and leaves no zombie when it ends.
func TestXT5_AnOpenerThatStays(t *testing.T) {
	d := &desktopEnv{t: t, home: t.TempDir()}
	goOn, said := d.pipe("go"), bufio.NewReader(d.pipe("said"))
	o := systemOpener
	o.name, o.limit = script(t, fmt.Sprintf("cd '%s'; echo $$ >said; read x <go; exit 4", d.home)), time.Millisecond
	if err := o.open(anyLink); err != nil {
		t.Error(err)
	}
	line, err := said.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(goOn)
	pid := strings.TrimSpace(line)
	await(t, "the end of the opener", func() bool { return reaped(pid) })
}

// reaped reports whether a process no longer exists, not even as a zombie.
func reaped(pid string) bool {
	_, err := os.Stat("/proc/" + pid)
	return errors.Is(err, os.ErrNotExist)
}

// gone reports whether a process has ended. It may still be a zombie.
func gone(pid string) bool {
	line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
	return len(line) == 0
}

// await checks other processes again and again until ok returns true.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	giveUp := time.After(3 * patience)
	for !ok() {
		select {
		case <-look.C:
		case <-giveUp:
			t.Fatalf("never came: %s", what)
		}
	}
}

// XT5: a clipboard program that hangs is ended, together with its children.
func TestXT5_AClipboardThatHangs(t *testing.T) {
	d := &desktopEnv{t: t, home: t.TempDir()}
	d.pipe("never")
	said := bufio.NewReader(d.pipe("said"))
	d.write("bin/xclip", fmt.Sprintf("#!/bin/sh\ncd '%s'\n(read x <never) &\necho $$ $! >said\nread x <never\n", d.home), 0o700)
	t.Setenv("PATH", filepath.Join(d.home, "bin"))
	t.Setenv("WAYLAND_DISPLAY", "")
	ctx, over := context.WithCancel(t.Context())
	defer over()
	ended := make(chan error, 1)
	go func() { ended <- copyUntil(ctx, "text") }()
	pids, err := said.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	over()
	if err := <-ended; err == nil || err.Error() != "xclip does not answer" {
		t.Error(err)
	}
	for _, pid := range strings.Fields(pids) {
		await(t, "the end of the clipboard program", func() bool { return gone(pid) })
	}
}

// XT5: a session bus that accepts connections and never answers does not block --show.
func TestXT5_AMuteSessionBus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	bus, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
	ended := make(chan error, 1)
	go func() { ended <- Summary{Status: "Running"}.Notify(context.Background()) }()
	if err := wait(t, ended, "end of the notification", func() string { return "" }); err == nil {
		t.Error("delivered to nobody")
	}
}

// TestCopyToClipboard: the complete text arrives in the program that fits the session.
func TestCopyToClipboard(t *testing.T) {
	d := &desktopEnv{t: t, home: t.TempDir()}
	for _, name := range []string{"xclip", "wl-copy"} {
		d.write("bin/"+name, fmt.Sprintf("#!/bin/sh\ncat >'%s/%s'\n", d.home, name), 0o700)
	}
	t.Setenv("PATH", filepath.Join(d.home, "bin")+":"+os.Getenv("PATH"))
	text := strings.Repeat("diagnostics\n", 100_000) // more than the buffer of a pipe
	for display, program := range map[string]string{"": "xclip", "wayland-0": "wl-copy"} {
		t.Setenv("WAYLAND_DISPLAY", display)
		if err := copyToClipboard(text); err != nil {
			t.Error(err)
		}
		if got, err := os.ReadFile(filepath.Join(d.home, program)); err != nil || string(got) != text {
			t.Errorf("%s got %d bytes of %d: %v", program, len(got), len(text), err)
		}
	}
	t.Setenv("PATH", filepath.Join(d.home, "nothing"))
	if err := copyToClipboard(text); err == nil {
		t.Error("no error without a program")
	}
}
