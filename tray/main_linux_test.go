package tray

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"clawtray/supervisor"

	"go.uber.org/goleak"
)

// childEnv holds the first status for the test binary when it is run as a tray program.
const childEnv = "CLAWTRAY_TEST_TRAY"

// staysEnv keeps the tray program alive when it is told to quit.
const staysEnv = "CLAWTRAY_TEST_TRAY_STAYS"

func TestMain(m *testing.M) {
	if first := os.Getenv(childEnv); first != "" {
		os.Exit(trayProgram(first))
	}
	goleak.VerifyTestMain(m)
}

// trayProgram is a tray whose gateway is the test: statuses come as JSON lines
// on stdin, requests go to stdout. Its dashboard and files are told too.
func trayProgram(first string) int {
	var s supervisor.Status
	if err := json.Unmarshal([]byte(first), &s); err != nil {
		log.Print(err)
		return 2
	}
	g := newGateway(s)
	tell := teller()
	stays := os.Getenv(staysEnv) != ""
	g.answer = func(_ context.Context, r supervisor.Request) (supervisor.Answer, error) {
		if r.Now {
			tell("%s now", r.Intent)
		} else {
			tell("%s", r.Intent)
		}
		if r.Intent == supervisor.Quit && stays {
			return supervisor.Answer{Result: supervisor.ResultSuperseded, Message: "Done."}, nil
		}
		return supervisor.Answer{Message: "Done."}, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for range g.requests { // the answers tell
		}
	}()
	go func() {
		for in := json.NewDecoder(os.Stdin); ; {
			var s supervisor.Status
			if in.Decode(&s) != nil {
				cancel() // the test closed stdin
				return
			}
			g.send(s)
		}
	}()
	err := Run(ctx, Options{
		Gateway: g, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		LogFile: "the log", OpenClawConfig: "openclaw.json", ConfigFile: "config.toml",
		Open: func(target string) error {
			if !strings.HasPrefix(target, "http://") {
				tell("open %s", target)
				return nil
			}
			go func() { // as a browser does
				resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get(target)
				if err == nil {
					resp.Body.Close()
					tell("browse %s", resp.Header.Get("Location"))
				}
			}()
			return nil
		},
		Dashboard:    func() (string, error) { return "http://the-dashboard/", nil },
		Copy:         func(text string) error { tell("copy %s", text); return nil },
		SaveSettings: func(s Settings) error { tell("notify %s", s.Notify); return nil },
		Autostart:    &fakeAutostart{},
		Diagnostics:  func(context.Context) (string, error) { return "diagnostics", nil },
		SaveReport:   func(context.Context) (string, error) { tell("report"); return "/reports/report.zip", nil },
		UsePort:      func(_ context.Context, port int) (string, error) { tell("use %d", port); return "", nil },
	})
	if err != nil {
		log.Print(err)
		return 1
	}
	return 0
}

func teller() func(format string, args ...any) {
	var mu sync.Mutex
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
}
