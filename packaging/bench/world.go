//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"clawtray/packaging/figures"
	"clawtray/packaging/outside"
	"clawtray/rpc/gatewaytest"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
)

// world is a clawtray with a fake gateway.
type world struct {
	gateway *gatewaytest.Gateway // nil when clawtray starts one itself
	client  *control.Client
	cmd     *exec.Cmd
}

// inWorld makes a folder and a world in it, measures there, and ends both.
func inWorld(program string, measure func(dir string, w *world) ([]figures.Row, error)) ([]figures.Row, error) {
	dir, err := os.MkdirTemp("", "clawtray-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	port, err := outside.FreePort()
	if err != nil {
		return nil, err
	}
	w := &world{gateway: gatewaytest.New(gatewaytest.Config{Token: token, Quirks: gatewaytest.Quirks{Quiet: true}})}
	defer w.gateway.Close()
	w.gateway.Keep(1)
	listener, err := w.gateway.ListenOn(outside.Address(port))
	if err != nil {
		return nil, err
	}
	go func() { _ = w.gateway.Serve(listener) }()
	if err := w.launch(program, filepath.Join(dir, "home"), port, ""); err != nil {
		return nil, err
	}
	defer w.end()
	return measure(dir, w)
}

// launch starts clawtray in a home with a configuration and more settings, and waits until
// it is connected.
func (w *world) launch(program, home string, port int, settings string) error {
	if err := outside.WriteHome(home, map[string]string{
		".config/clawtray/clawtray.toml": settings,
		".openclaw/openclaw.json":        fmt.Sprintf(`{"gateway": {"mode": "local", "port": %d, "auth": {"token": %q}}}`, port, token),
	}); err != nil {
		return err
	}
	w.client = control.NewClient(filepath.Join(home, ".local/state/clawtray"))
	w.cmd = exec.Command(program, "--headless")
	w.cmd.Env = outside.Env(os.Environ(), home)
	if err := w.cmd.Start(); err != nil {
		return err
	}
	_, err := untilRunning(context.Background(), w.client, 0)
	if err != nil {
		w.end()
	}
	return err
}

func (w *world) pid() int { return w.cmd.Process.Pid }

// untilRunning waits until clawtray says that a gateway runs, after more launches than before.
func untilRunning(ctx context.Context, client *control.Client, before int) (supervisor.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for ctx.Err() == nil {
		for status, err := range client.Watch(ctx) {
			switch {
			case errors.Is(err, control.ErrNotRunning): // clawtray does not listen yet
			case err != nil:
				return status, err
			case status.State == supervisor.Running && status.Launches > before:
				return status, nil
			case status.State == supervisor.Failed:
				return status, fmt.Errorf("clawtray gave up: %s", status.Error)
			}
		}
		time.Sleep(poll)
	}
	return supervisor.Status{}, errors.New("the gateway did not run in time")
}

// tickFor sends ticks for a while, as often as a real gateway does.
func (w *world) tickFor(d time.Duration) {
	ticks := time.NewTicker(30 * time.Second)
	defer ticks.Stop()
	for end := time.After(d); ; {
		select {
		case now := <-ticks.C:
			w.gateway.Emit("tick", map[string]any{"ts": now.UnixMilli()})
		case <-end:
			return
		}
	}
}

func (w *world) end() {
	_ = w.cmd.Process.Signal(syscall.SIGTERM)
	_ = w.cmd.Wait()
}
