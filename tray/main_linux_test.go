package tray

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"clawtray/supervisor"
	"clawtray/supervisor/requests"
	"clawtray/supervisor/words"

	"go.uber.org/goleak"
)

// childEnv has the first status when the test binary runs as a tray program.
const childEnv = "CLAWTRAY_TEST_TRAY"

// staysEnv makes the tray program keep running when it is told to quit.
const staysEnv = "CLAWTRAY_TEST_TRAY_STAYS"

// languageEnv is the language of the tray program; empty: the system's.
const languageEnv = "CLAWTRAY_TEST_LANGUAGE"

// leftEnv names the file in which the tray program notes its notifications.
const leftEnv = "CLAWTRAY_TEST_LEFT"

func TestMain(m *testing.M) {
	if first := os.Getenv(childEnv); first != "" {
		os.Exit(trayProgram(first))
	}
	goleak.VerifyTestMain(m)
}

// trayProgram runs a tray whose gateway is the test: statuses arrive as JSON lines on
// stdin, and requests are printed. It also prints when its dashboard and files are opened.
func trayProgram(first string) int {
	var s supervisor.Status
	if err := json.Unmarshal([]byte(first), &s); err != nil {
		log.Print(err)
		return 2
	}
	words.Speak(os.Getenv(languageEnv))
	g := newGateway(s)
	tell := teller()
	stays := os.Getenv(staysEnv) != ""
	g.answer = func(_ context.Context, r supervisor.Request) (supervisor.Answer, error) {
		tell("%s", asked(r))
		if r.Intent == supervisor.Quit && stays {
			return supervisor.Answer{Result: supervisor.ResultSuperseded, Message: "Done."}, nil
		}
		return supervisor.Answer{Message: "Done."}, nil
	}
	asked := &fakeRequests{tell: tell, news: make(chan []requests.Request, 1000)}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for range g.requests { // the answers are printed
		}
	}()
	go func() {
		for in := json.NewDecoder(os.Stdin); decodeTold(in, g, asked) == nil; {
		}
		cancel() // the test has closed stdin
	}()
	o := options(g, tell)
	o.Left = os.Getenv(leftEnv)
	if os.Getenv(requestsEnv) != "" {
		o.Requests = asked
	}
	err := Run(ctx, o)
	if err != nil {
		log.Print(err)
		return 1
	}
	return 0
}

// options returns the options of a tray that prints what it does.
func options(g Gateway, tell func(format string, args ...any)) Options {
	return Options{
		Gateway: g, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Autostart: &fakeAutostart{},
		Files: Files{Log: "the log", OpenClawConfig: "openclaw.json", Config: "config.toml"},
		System: System{
			Open: func(target string) error { return tellOpened(target, tell) },
			Copy: func(text string) error { tell("copy %s", text); return nil },
		},
		Actions: Actions{
			Dashboard:   func() (string, error) { return "http://the-dashboard/", nil },
			SaveSetting: func(key, value string) error { tell("%s %s", key, value); return nil },
			Diagnostics: func(context.Context) (string, error) { return "diagnostics", nil },
			SaveReport:  func(context.Context) (string, error) { tell("report"); return "/reports/report.zip", nil },
			UsePort:     func(_ context.Context, port int) (string, error) { tell("use %d", port); return "", nil },
		},
	}
}

// tellOpened acts as the program that opens files, and as the browser, which fetches the
// address.
func tellOpened(target string, tell func(format string, args ...any)) error {
	if !strings.HasPrefix(target, "http://") {
		tell("open %s", target)
		return nil
	}
	go func() {
		if address, err := arrive(target); err == nil {
			tell("browse %s", address)
		}
	}()
	return nil
}

func teller() func(format string, args ...any) {
	var mu sync.Mutex
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
}
