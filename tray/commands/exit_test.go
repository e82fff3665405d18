package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"clawtray/supervisor/control"
	"clawtray/supervisor/supervisortest"
	"clawtray/supervisor/words"
)

func TestXN11_EachHelpNamesTheExitCodes(t *testing.T) {
	names := map[string]bool{}
	var look func(*cobra.Command)
	look = func(c *cobra.Command) {
		names[c.Name()] = true
		if c.DisableFlagParsing { // --help is for another program
			return
		}
		path := c.CommandPath()
		_, section, found := strings.Cut(help(t, strings.Fields(path)[1:]), "\nExit status:\n")
		for _, code := range []string{"  0    ", "  1    ", "  2    ", "  130  "} {
			if wanted := path != "clawtray" || code != "  130  "; !found || strings.Contains(section, code) != wanted {
				t.Errorf("%s: the code %s should be told: %t\n%s", path, code, wanted, section)
			}
		}
		for _, verb := range c.Commands() {
			look(verb)
		}
	}
	look(root(Program{}))
	if text := help(t, []string{"doctor"}); !strings.Contains(text, "  0    nothing needs you\n  1    something needs you") {
		t.Errorf("doctor's help is\n%s", text)
	}
	for _, e := range words.English.Exit {
		for name := range e.Exactly {
			if !names[name] {
				t.Errorf("there are words for a command %q, which is none", name)
			}
		}
	}
}

// help returns what a command prints with --help.
func help(t *testing.T, args []string) string {
	t.Helper()
	var out bytes.Buffer
	c := root(Program{})
	c.SetOut(&out)
	c.SetArgs(append(args, "--help"))
	if err := c.Execute(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestExitCode(t *testing.T) {
	endedBy := func(s syscall.Signal) context.Context {
		over, end := context.WithCancelCause(t.Context())
		end(&interruptedError{s})
		return over
	}
	canceled := fmt.Errorf("a request: %w", context.Canceled)
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		code int
		says string
	}{
		"done":                          {t.Context(), nil, exitDone, ""},
		"done when it was interrupted":  {endedBy(syscall.SIGINT), nil, exitDone, ""},
		"failed":                        {t.Context(), errors.New("no"), exitFailed, "clawtray: no\n"},
		"failed, in a sentence":         {t.Context(), errors.New("clawtray is not running"), exitFailed, "clawtray is not running\n"},
		"a request that was called off": {t.Context(), canceled, exitFailed, "clawtray: a request: context canceled\n"},
		"usage":                         {t.Context(), &usageError{errors.New("no")}, exitUsage, "clawtray: no\n"},
		"interrupted":                   {endedBy(syscall.SIGINT), canceled, exitInterrupted, ""},
		"a child was interrupted, too":  {endedBy(syscall.SIGINT), errors.New("signal: interrupt"), exitInterrupted, ""},
		"terminated":                    {endedBy(syscall.SIGTERM), canceled, 143, ""},
	} {
		var out bytes.Buffer
		if code := exitCode(c.ctx, c.err, &out); code != c.code || out.String() != c.says {
			t.Errorf("%s: %d, %q; want %d, %q", name, code, out.String(), c.code, c.says)
		}
	}
}

// XP5: an interrupted quit does not say that clawtray has ended, because it still runs.
func TestXP5_InterruptedQuit(t *testing.T) {
	l := supervisortest.Listen()
	defer l.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "{}")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("POST /v1/do", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprintln(w, "{}")
		interrupt()
	})
	server := &http.Server{Handler: mux}
	defer server.Close()
	go server.Serve(l)

	client := control.Dialing(l.Dial)
	defer client.Close()
	var out bytes.Buffer
	c := quit(&app{client: func() *control.Client { return client }})
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetOut(&out)
	c.SetArgs([]string{})
	if err := c.ExecuteContext(ctx); !errors.Is(err, context.Canceled) || strings.Contains(out.String(), "has ended") {
		t.Errorf("%v, %q", err, out.String())
	}
}

// TestXP5_QuitWaitsForTheProcess: clawtray has answered and closed its socket, but its
// process has not ended. So quit does not say that it has.
func TestXP5_QuitWaitsForTheProcess(t *testing.T) {
	dir, err := os.MkdirTemp("", "ct-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	i, err := control.Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	quitting := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "{}")
		_ = http.NewResponseController(w).Flush()
		<-quitting
	})
	mux.HandleFunc("POST /v1/do", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "{}")
		close(quitting)
	})
	server := &http.Server{Handler: mux}
	go server.Serve(i)
	defer server.Close()
	defer i.Close()
	var out bytes.Buffer
	c := quit(&app{client: func() *control.Client { return control.NewClient(dir) }})
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetOut(&out)
	c.SetArgs([]string{})
	if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "has not ended") || out.Len() > 0 {
		t.Errorf("%v, %q", err, out.String())
	}
}
