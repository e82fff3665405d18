package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"clawtray/supervisor"
	"clawtray/supervisor/supervisortest"
)

// serve runs a supervisor with its API until the test ends.
func serve(t *testing.T) (client *Client, dir string) {
	t.Helper()
	dir = short(t)
	instance, err := Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := supervisor.New(supervisor.Config{Port: 1}, supervisortest.Bare{})
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { s.Run(ctx) })
	all.Go(func() { Serve(ctx, instance, s) })
	t.Cleanup(func() {
		stop()
		all.Wait()
		instance.Close()
	})
	return NewClient(dir), dir
}

// short is a folder with a path that is short enough for a socket, which that of
// t.TempDir need not be.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ct-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestL5_OneInstance(t *testing.T) {
	_, dir := serve(t)
	if _, err := Claim(dir); !errors.Is(err, ErrRunning) {
		t.Errorf("got %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, socketName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info, err)
	}
}

func TestL5_TheSocketOfADeadOneIsReplaced(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, socketName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	i, err := Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	if i, err = Claim(dir); err != nil {
		t.Errorf("after Close: %v", err)
	} else {
		i.Close()
	}
}

func TestNobodyIsRunning(t *testing.T) {
	c := NewClient(t.TempDir())
	if _, _, err := c.Report(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("report: %v", err)
	}
	if _, err := c.Do(t.Context(), supervisor.Request{Intent: supervisor.Start}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("start: %v", err)
	}
	for _, err := range c.Watch(t.Context()) {
		if !errors.Is(err, ErrNotRunning) {
			t.Errorf("watch: %v", err)
		}
	}
}

func TestAFailureIsACauseOnTheOtherSide(t *testing.T) {
	c, _ := serve(t)
	_, err := c.Do(t.Context(), supervisor.Request{Intent: supervisor.Start})
	var cause supervisor.Cause
	if !errors.As(err, &cause) || cause.Code != supervisor.NodeMissing || cause.Remedy() == "" {
		t.Errorf("got %v", err)
	}
	report, raw, err := c.Report(t.Context())
	if err != nil || report.State != supervisor.Failed || !strings.Contains(string(raw), `"state":"error"`) {
		t.Errorf("got %+v, %v", report.Status, err)
	}
}

func TestL7_NoDashboardWithoutAGateway(t *testing.T) {
	c, _ := serve(t)
	if url, err := c.Dashboard(t.Context()); err == nil || url != "" || err.Error() != "the gateway is not running" {
		t.Errorf("got %q, %v", url, err)
	}
}

func TestWatchSeesEveryTransition(t *testing.T) {
	c, _ := serve(t)
	var states []supervisor.State
	for s, err := range c.Watch(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if len(states) == 0 {
			go c.Do(t.Context(), supervisor.Request{Intent: supervisor.Start})
		}
		if len(states) == 0 || states[len(states)-1] != s.State {
			states = append(states, s.State)
		}
		if s.State == supervisor.Failed {
			break
		}
	}
	if len(states) != 3 || states[1] != supervisor.Starting {
		t.Errorf("saw %v", states)
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	c, _ := serve(t)
	if _, err := c.Do(t.Context(), supervisor.Request{Intent: "explode"}); err == nil || !strings.Contains(err.Error(), "explode") {
		t.Errorf("got %v", err)
	}
	for _, body := range []string{"", "{", `"start"`, strings.Repeat("[", maxRequest+1),
		`{"x": "` + strings.Repeat("x", maxRequest) + `", "intent": "start"}`} {
		resp, err := c.http.Post("http://clawtray/v1/do", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%.20q: status %d", body, resp.StatusCode)
		}
	}
}

// TestManyIdleConnections: connections that other programs leave open do not keep a client
// from getting an answer.
func TestManyIdleConnections(t *testing.T) {
	c, dir := serve(t)
	for range 900 {
		conn, err := net.Dial("unix", filepath.Join(dir, socketName))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	watchers, stop := context.WithCancel(t.Context())
	defer stop()
	for range 50 {
		watching := make(chan struct{})
		go func() {
			first := sync.OnceFunc(func() { close(watching) })
			for range c.Watch(watchers) {
				first()
			}
		}()
		<-watching
	}
	if _, _, err := c.Report(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestQuitIsAnsweredByAClawtrayThatEndsAtOnce: without a gateway, the API is told to end at
// the moment at which the answer to quit is ready.
func TestQuitIsAnsweredByAClawtrayThatEndsAtOnce(t *testing.T) {
	for range 50 {
		l := supervisortest.Listen()
		s := supervisor.New(supervisor.Config{Port: 1}, supervisortest.Bare{})
		ctx, end := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- Serve(ctx, l, s) }()
		go func() {
			s.Run(t.Context())
			end()
		}()
		c := Dialing(l.Dial)
		if _, err := c.Do(t.Context(), supervisor.Request{Intent: supervisor.Quit}); err != nil {
			t.Fatal(err)
		}
		c.Close()
		if err := <-served; err != nil {
			t.Fatal(err)
		}
	}
}
