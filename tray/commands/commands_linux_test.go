package commands

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// browser replaces xdg-open by a script that reports what it is asked to open.
func (u *user) browser() (asked <-chan string) {
	u.t.Helper()
	fifo := filepath.Join(u.home, "browser")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		u.t.Fatal(err)
	}
	u.write("bin/xdg-open", fmt.Sprintf("#!/bin/sh\necho \"$1\" >'%s'\n", fifo))
	if err := os.Chmod(filepath.Join(u.home, "bin/xdg-open"), 0o700); err != nil {
		u.t.Fatal(err)
	}
	pipe, err := os.OpenFile(fifo, os.O_RDWR, 0) // also open it for writing, so that the pipe does not end between two openers
	if err != nil {
		u.t.Fatal(err)
	}
	lines := make(chan string, 10)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(pipe); s.Scan(); {
			lines <- s.Text()
		}
	}()
	u.t.Cleanup(func() { pipe.Close() })
	return lines
}

// TestL7_CommandsOfTheMenu: the commands do the same as the entries of the menu, with a
// real gateway.
func TestL7_CommandsOfTheMenu(t *testing.T) {
	long(t)
	u := withAnyGateway(t)
	u.write(".openclaw/openclaw.json", `{gateway: {mode: "local"}}`) // with the dashboard
	asked := u.browser()
	if out, code := u.cli("open"); code != 1 || !strings.Contains(out, "clawtray is not running") {
		t.Errorf("open without clawtray: exit %d, %s", code, out)
	}
	u.run()
	u.until("running", running)
	if out := u.must("status"); !strings.HasPrefix(out, "● Running for less than a minute\n  OpenClaw 2") {
		t.Errorf("status said %q", out)
	}

	u.opensTheDashboard(asked)
	if out := u.must("logs", "-n", "5000"); !strings.HasPrefix(out, "clawtray dev (unknown), linux/") || !strings.Contains(out, "clawtray starts") || !strings.Contains(out, "gateway ready") {
		t.Errorf("logs said %s", out)
	}
	u.followsLogs()

	u.reportHoldsNoToken()
	u.quit()
}

// opensTheDashboard checks `open` and a second clawtray. asked receives the address that is
// opened: it contains no secret and leads the browser to the dashboard (K3).
func (u *user) opensTheDashboard(asked <-chan string) {
	u.t.Helper()
	for _, args := range [][]string{{"open"}, {"--show"}} {
		ended := make(chan string, 1)
		go func() {
			out, code := u.cli(args...)
			ended <- fmt.Sprint(code, " ", out)
		}()
		target := <-asked
		page := get(u.t, target)
		claim := regexp.MustCompile(`fetch\("(/\w+)"`).FindStringSubmatch(page)
		if claim == nil {
			u.t.Fatalf("the page is %q", page)
		}
		to := get(u.t, target[:strings.LastIndex(target, "/")]+claim[1]) // the script of the page does this
		if !strings.HasPrefix(to, fmt.Sprintf("http://127.0.0.1:%d/#token=", u.port)) || strings.Contains(target, "token") {
			u.t.Errorf("%v: opened %s, which sends to %s", args, target, to)
		}
		if out := <-ended; !strings.HasPrefix(out, "0 ") {
			u.t.Errorf("%v: %s", args, out)
		}
	}
}

// reportHoldsNoToken searches each part of a report for the gateway's token (K3).
func (u *user) reportHoldsNoToken() {
	u.t.Helper()
	path := strings.TrimSpace(u.must("diagnostics", "--output", filepath.Join(u.home, "report.zip")))
	report, err := zip.OpenReader(path)
	if err != nil {
		u.t.Fatal(err)
	}
	defer report.Close()
	token := u.token()
	for _, f := range report.File {
		m, err := f.Open()
		if err != nil {
			u.t.Fatal(err)
		}
		text, err := io.ReadAll(m)
		if err != nil || strings.Contains(string(text), token) {
			u.t.Errorf("%s: %v, %s", f.Name, err, text)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// followsLogs checks that `clawtray logs -f` prints what happens.
func (u *user) followsLogs() {
	u.t.Helper()
	cmd := exec.Command(binary, "logs", "-f", "-n", "1")
	cmd.Env = u.env
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		u.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan() // the command has started
	u.must("stop")
	for lines.Scan() && !strings.Contains(lines.Text(), "state=stopped") {
	}
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		u.t.Errorf("logs -f ended with %v", err)
	}
}

// TestXN10_AutostartFromACheckout: the entry for a program that make clean would delete is
// created, with a warning.
func TestXN10_AutostartFromACheckout(t *testing.T) {
	u := newUser(t, "")
	u.write("src/go.mod", "module clawtray\n")
	u.write("other/go.mod", "module other\n")
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	for place, said := range map[string]bool{"src/build/clawtray": true, "other/build/clawtray": false, "src/clawtray": false} {
		u.write(place, string(program))
		path := filepath.Join(u.home, place)
		if err := os.Chmod(path, 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(path, "autostart", "on")
		cmd.Env = u.env
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "make install") != said {
			t.Errorf("%s: %v, %s", place, err, out)
		}
	}
}

// TestL6_AutostartCommand: the command changes the same entry as the menu.
func TestL6_AutostartCommand(t *testing.T) {
	u := newUser(t, "")
	const entry, ofWork = "clawtray.desktop", "clawtray-work.desktop" // each profile has its own
	for _, step := range []struct{ args, want, entry, has string }{
		{"status", "does not start", entry, ""},
		{"on --profile work", "starts at login", ofWork, "\"--profile\" \"work\"\n"},
		{"status", "does not start", entry, ""},
		{"on", "starts at login", entry, "Exec=\"" + binary + "\"\n"},
		{"off --profile work", "does not start", ofWork, ""},
		{"status", "starts at login", entry, "Exec"},
		{"off", "does not start", entry, ""},
		{"off", "does not start", entry, ""},
	} {
		out := u.must(append([]string{"autostart"}, strings.Fields(step.args)...)...)
		text, err := os.ReadFile(filepath.Join(u.home, ".config/autostart", step.entry))
		if !strings.Contains(out, step.want) || os.IsNotExist(err) != (step.has == "") || !strings.Contains(string(text), step.has) {
			t.Errorf("autostart %s said %q; entry (%v):\n%s", step.args, out, err, text)
		}
	}
	u.write(".config/systemd/user/openclaw-gateway.service", "")
	if out := u.must("autostart"); !strings.Contains(out, "openclaw-gateway.service") {
		t.Errorf("OpenClaw's service is not named: %s", out)
	}
}
