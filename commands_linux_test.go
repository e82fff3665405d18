package main

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// browser replaces xdg-open by a script that tells what it is asked to open.
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
	u.env = append(u.env, "PATH="+filepath.Join(u.home, "bin")+":"+os.Getenv("PATH"))
	pipe, err := os.OpenFile(fifo, os.O_RDWR, 0) // for writing, too: no end between two openers
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

// TestL7_CommandsOfTheMenu: what the menu does, the commands do with a real gateway.
func TestL7_CommandsOfTheMenu(t *testing.T) {
	u := withGateway(t)
	asked := u.browser()
	if out, code := u.cli("open"); code != 1 || !strings.Contains(out, "clawtray is not running") {
		t.Errorf("open without clawtray: exit %d, %s", code, out)
	}
	u.run()
	u.until("running", running)
	if out := u.must("status"); !strings.HasPrefix(out, "● Running for less than a minute\n  OpenClaw 2") {
		t.Errorf("status said %q", out)
	}

	// K3: the opener gets an address without a secret, the browser the dashboard.
	for _, args := range [][]string{{"open"}, {"--show"}} {
		ended := make(chan string, 1)
		go func() {
			out, code := u.cli(args...)
			ended <- fmt.Sprint(code, " ", out)
		}()
		target := <-asked
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := client.Get(target)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if to := resp.Header.Get("Location"); !strings.HasPrefix(to, fmt.Sprintf("http://127.0.0.1:%d/#token=", u.port)) || strings.Contains(target, "token") {
			t.Errorf("%v: opened %s, which sends to %s", args, target, to)
		}
		if out := <-ended; !strings.HasPrefix(out, "0 ") {
			t.Errorf("%v: %s", args, out)
		}
	}

	if out := u.must("logs", "-n", "5000"); !strings.HasPrefix(out, "clawtray dev (unknown), linux/") || !strings.Contains(out, "clawtray starts") || !strings.Contains(out, "gateway ready") {
		t.Errorf("logs said %s", out)
	}
	u.followsLogs()

	path := strings.TrimSpace(u.must("diagnostics", "--output", filepath.Join(u.home, "report.zip")))
	report, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer report.Close()
	token, err := os.ReadFile(filepath.Join(u.home, ".local/state/clawtray/gateway-token"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.File {
		m, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(m)
		if err != nil || strings.Contains(string(text), strings.TrimSpace(string(token))) {
			t.Errorf("%s: %v, %s", f.Name, err, text)
		}
	}
	u.must("quit")
	<-u.ended
}

// followsLogs sees what happens while `clawtray logs -f` runs.
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
	lines.Scan() // it has begun
	u.must("stop")
	for lines.Scan() && !strings.Contains(lines.Text(), "state=stopped") {
	}
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		u.t.Errorf("logs -f ended with %v", err)
	}
}

// TestL6_AutostartCommand switches the entry that the menu switches.
func TestL6_AutostartCommand(t *testing.T) {
	u := newUser(t, "")
	entry := filepath.Join(u.home, ".config/autostart/clawtray.desktop")
	for _, step := range []struct{ args, want, has string }{
		{"status", "does not start", ""},
		{"on", "starts at login", "Exec=\"" + binary + "\"\n"},
		{"on --profile work", "starts at login", "\"--profile\" \"work\"\n"},
		{"status", "starts at login", "work"},
		{"off", "does not start", ""},
		{"off", "does not start", ""},
	} {
		out := u.must(append([]string{"autostart"}, strings.Fields(step.args)...)...)
		text, err := os.ReadFile(entry)
		if !strings.Contains(out, step.want) || os.IsNotExist(err) != (step.has == "") || !strings.Contains(string(text), step.has) {
			t.Errorf("autostart %s said %q; entry (%v):\n%s", step.args, out, err, text)
		}
	}
	u.write(".config/systemd/user/openclaw-gateway.service", "")
	if out := u.must("autostart"); !strings.Contains(out, "openclaw-gateway.service") {
		t.Errorf("OpenClaw's service is not named: %s", out)
	}
}
