package tray

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const canaryAddress = "http://127.0.0.1:18789/claw/#token=canary"

// arrive does what a browser and the script of the page do with the link to the dashboard.
func arrive(link string) (address string, err error) {
	page, err := fetch(link)
	if err != nil {
		return "", err
	}
	claim := regexp.MustCompile(`fetch\("(/\w+)"`).FindStringSubmatch(page)
	if claim == nil {
		return "", fmt.Errorf("the page is %q", page)
	}
	return fetch(link[:strings.LastIndex(link, "/")] + claim[1])
}

func fetch(url string) (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(body), err
}

// tells returns a loop outside of a bubble, whose dashboard has a secret, and its log.
func tells(o Options) (l *loop, logged *strings.Builder) {
	logged = new(strings.Builder)
	o.Log = slog.New(slog.NewTextHandler(logged, nil))
	o.Gateway = newGateway(running())
	o.Actions.Dashboard = func() (string, error) { return canaryAddress, nil }
	l = newLoop(o.withDefaults())
	l.build(newSurface())
	return l, logged
}

// clickOn carries out an entry and returns the note that the menu shows then.
func clickOn(ctx context.Context, l *loop, id ID) string {
	r, _ := rowOf(id)
	d := &deed{options: l.options, t: textsFor(""), item: Item{Does: id, Title: string(id)}, post: l.answer}
	answer, err := d.do(ctx, r)
	l.done(d, answer, err)
	return l.set.Note
}

// K3: the program that opens the dashboard never sees the secret; only the browser gets it.
func TestK3_DashboardSecretIsHandedOver(t *testing.T) {
	arrived := make(chan string, 1)
	l, logged := tells(Options{System: System{Open: func(link string) error {
		if strings.Contains(link, "canary") || strings.Contains(link, "token") {
			t.Errorf("the opener got %s", link)
		}
		address, err := arrive(link)
		arrived <- address
		return err
	}}})
	if note := clickOn(t.Context(), l, OpenDashboard); note != "Opening Dashboard" {
		t.Errorf("the menu says %q", note)
	}
	if got := <-arrived; got != canaryAddress {
		t.Errorf("the browser got %q", got)
	}
	if strings.Contains(logged.String(), "canary") {
		t.Errorf("logged: %s", logged)
	}
}

// XT1, XT13: without a browser, the menu says so and shows the address of the dashboard
// without the secret, so that a person can copy it.
func TestXT1_WithoutABrowserTheAddressIsShown(t *testing.T) {
	const shown = "http://127.0.0.1:18789/claw/"
	broken := func(string) error { return errors.New("xdg-open found no program that opens it (exit code 3)") }
	var copied []string
	for _, c := range []struct {
		copy func(string) error
		want string
	}{
		{func(s string) error { copied = append(copied, s); return nil }, "No browser opened; copied: " + shown},
		{broken, "No browser opened: " + shown},
	} {
		l, logged := tells(Options{System: System{Open: broken, Copy: c.copy}})
		note := clickOn(t.Context(), l, OpenDashboard)
		if note != c.want || len([]rune(note)) > maxLabel {
			t.Errorf("the menu says %q, want %q", note, c.want)
		}
		if !strings.Contains(logged.String(), "exit code 3") || strings.Contains(logged.String(), "canary") {
			t.Errorf("logged: %s", logged)
		}
	}
	if !slices.Equal(copied, []string{shown}) {
		t.Errorf("copied %q", copied)
	}
	// A command says it as a sentence.
	err := openSecret(t.Context(), canaryAddress, &english, broken)
	if err == nil || err.Error() != "xdg-open found no program that opens it (exit code 3); the dashboard is at "+shown {
		t.Error(err)
	}
}

// XT13: an error while a file is opened is shown, too.
func TestXT13_OpenerErrorsAreTold(t *testing.T) {
	l, _ := tells(Options{Files: Files{Log: "the log"}, System: System{Open: func(string) error { return errors.New("no editor") }}})
	if note := clickOn(t.Context(), l, ViewLogs); note != "logs failed: no editor" {
		t.Errorf("the menu says %q", note)
	}
}

// XT5: programs that hang block neither the click nor Quit.
func TestXT5_ProgramsThatHangHoldNobodyUp(t *testing.T) {
	hangs := func(hung chan struct{}) func(string) error {
		return func(string) error { <-hung; return nil }
	}
	for _, id := range []ID{ViewLogs, CopyDiagnostics, SaveReport} {
		synctest.Test(t, func(t *testing.T) {
			hung := make(chan struct{})
			defer close(hung)
			g := newGateway(running())
			o := Options{Files: Files{Log: "the log"}, System: System{Open: hangs(hung), Copy: hangs(hung)}, Actions: Actions{
				Diagnostics: func(context.Context) (string, error) { return "diagnostics", nil },
				SaveReport:  func(context.Context) (string, error) { return "/reports/r.zip", nil },
			}}
			inBubble(t, g, o, func(f *fakeSurface, _ *loop) {
				f.clicks <- Click{ID: id}
				synctest.Wait()
			}) // this returns when the loop has ended
		})
	}
	t.Run("clipboard", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hung := make(chan struct{})
			defer close(hung)
			var opened []string
			o := Options{
				System:  System{Copy: hangs(hung), Open: func(path string) error { opened = append(opened, path); return nil }},
				Actions: Actions{Diagnostics: func(context.Context) (string, error) { return "diagnostics", nil }},
			}
			inBubble(t, newGateway(running()), o, func(f *fakeSurface, l *loop) {
				f.clicks <- Click{ID: CopyDiagnostics}
				pass(time.Minute - time.Second)
				if len(opened) != 1 || l.set.Note != english.answer.NoClipboard {
					t.Errorf("opened %q, the menu says %q", opened, l.set.Note)
				}
			})
			for _, path := range opened {
				os.RemoveAll(path[:strings.LastIndex(path, string(os.PathSeparator))])
			}
		})
	})
}
