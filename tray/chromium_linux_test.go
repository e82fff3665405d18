package tray

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"clawtray/packaging/needs"
)

// controlUI acts as the gateway's page. Its script removes the fragment from its address,
// as the real page does, and reports the fragment.
func controlUI(t *testing.T) (address string, fragments <-chan string) {
	got := make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			body, _ := io.ReadAll(r.Body)
			got <- string(body) + r.Header.Get("Referer")
		case r.URL.Path == "/":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<!doctype html><script>
const told = location.hash + " " + document.referrer;
history.replaceState(null, "", "/");
fetch("/told", {method: "POST", body: told, referrerPolicy: "no-referrer"});
</script>`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/", got
}

// chromium makes Debian's Chromium the browser of the desktop. quit ends the browser that
// was opened last.
func (d *desktopEnv) chromium() (quit func()) {
	needs.Tools(d.t, "chromium")
	pidFile := filepath.Join(d.home, "pid")
	d.browser(fmt.Sprintf(`#!/bin/sh
echo $$ >'%s'
exec chromium --headless=new --no-sandbox --no-first-run --disable-gpu --no-proxy-server --disable-background-networking \
  --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' --user-data-dir='%s' "$1"
`, pidFile, filepath.Join(d.home, "profile")))
	quit = func() {
		pid, err := os.ReadFile(pidFile)
		if err != nil {
			return
		}
		if id, err := strconv.Atoi(strings.TrimSpace(string(pid))); err == nil && syscall.Kill(id, syscall.SIGTERM) == nil {
			await(d.t, "the end of Chromium", d.deserted)
		}
		os.Remove(pidFile)
	}
	d.t.Cleanup(quit)
	return quit
}

// deserted reports whether this process is the only one of the desktop. Each of Chromium's
// processes writes to the profile until it ends.
func (d *desktopEnv) deserted() bool {
	me := fmt.Sprintf("/proc/%d", os.Getpid())
	for _, what := range []string{"environ", "cmdline"} {
		files, _ := filepath.Glob("/proc/[0-9]*/" + what)
		for _, path := range files {
			if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(d.home)) && filepath.Dir(path) != me {
				return false
			}
		}
	}
	return true
}

// holds lists the processes with the secret in their arguments, and the files below dir
// that contain it, without the browser's own files.
func holds(t *testing.T, secret, dir string) (places []string) {
	t.Helper()
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(secret)) {
			places = append(places, fmt.Sprintf("%s: %q", path, data))
		}
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() == "profile" && e.IsDir() {
			return fs.SkipDir
		}
		if !e.Type().IsRegular() {
			return nil
		}
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(secret)) {
			places = append(places, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return places
}

// XS1, XT1: a real browser that was not running is signed in, without and with a profile,
// through xdg-open and gio. The secret is in no argument and in no file of ours.
func TestXS1_AChromiumIsSignedIn(t *testing.T) {
	d := newDesktopEnv(t, "GNOME")
	quit := d.chromium()
	d.use()
	t.Setenv("TMPDIR", filepath.Dir(d.write("tmp/ours", "", 0o600)))
	address, fragments := controlUI(t)
	token := "canary-" + rand.Text()
	l, logged := tells(Options{System: System{Open: func(link string) error {
		err := openWithSystem(link)
		if found := holds(t, token, d.home); len(found) > 0 {
			t.Errorf("while the browser starts, the secret is in %q", found)
		}
		return err
	}}})
	l.options.Actions.Dashboard = func() (string, error) { return address + "#token=" + token, nil }
	for _, profile := range []string{"none", "there"} {
		if note := clickOn(t.Context(), l, OpenDashboard); note != "Opening Dashboard" {
			t.Fatalf("profile %s: the menu says %q, the log %s", profile, note, logged)
		}
		select {
		case got := <-fragments:
			if got != "#token="+token+" " {
				t.Errorf("profile %s: the page was told %q", profile, got)
			}
		case <-time.After(6 * patience): // Chromium has to load a second page
			t.Fatalf("profile %s: the page was never opened", profile)
		}
		if found := holds(t, token, d.home); len(found) > 0 {
			t.Errorf("profile %s: the secret is in %q", profile, found)
		}
		quit()
		if _, err := os.Stat(filepath.Join(d.home, "profile", "Local State")); err != nil {
			t.Errorf("no profile afterwards: the test proves nothing about the second start: %v", err)
		}
	}
}
