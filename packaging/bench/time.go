//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"clawtray/packaging/figures"
	"clawtray/packaging/outside"
	"clawtray/rpc"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/openclaw"
)

// clock measures how long a gateway is away with clawtray, in one home, so that both
// sides find the same state. Each measurement is divided by the one of the bare gateway
// next to it, because machines get faster and slower by the minute, and the median of
// these ratios counts. A round takes eight minutes, because a gateway has to have been
// ready for a minute before its crash is recovered without any delay (BEHAVIOUR H1).
type clock struct {
	node, entry, clawtray string
	home                  home
	bareWarm, bareCold    samples
	start, cold           samples
	restart, crash        samples
	bareAfter             samples // the start after each crash
	noticed, logout       samples
	peers                 []peer
	away                  map[string]samples // by peer: how long after a kill the gateway is away
}

type samples []time.Duration

func (s samples) median() time.Duration {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}

// by returns the median of the ratios of s to other, pair by pair.
func (s samples) by(other samples) float64 {
	var ratios []float64
	for i := range s {
		ratios = append(ratios, s[i].Seconds()/other[i].Seconds())
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// home is a user with a gateway port.
type home struct {
	dir  string
	port int
}

// env returns the environment of a login: only the PATH comes from the person who runs the
// benchmark. The temporary folder is in the home, so that it can be emptied.
func (h home) env() []string {
	return []string{"HOME=" + h.dir, "TMPDIR=" + h.tmp(), "PATH=" + os.Getenv("PATH"), "OPENCLAW_SKIP_CHANNELS=1"}
}

func (h home) tmp() string { return filepath.Join(h.dir, "tmp") }

// reboot empties the temporary folder.
func (h home) reboot() error {
	return errors.Join(os.RemoveAll(h.tmp()), os.MkdirAll(h.tmp(), 0o700))
}

// measure makes all rounds. The first makes state, migrations and caches, and does not count.
func (b *clock) measure(ctx context.Context, rounds int) ([]figures.Row, error) {
	dir, err := os.MkdirTemp("", "clawtray-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	port, err := outside.FreePort()
	if err != nil {
		return nil, err
	}
	b.home = home{dir, port}
	settings := fmt.Sprintf("port = %d\nnode = %q\nopenclaw = %q\ntoken = %q\n", port, b.node, b.entry, token)
	if err := errors.Join(b.home.reboot(), outside.WriteHome(dir, map[string]string{".config/clawtray/clawtray.toml": settings})); err != nil {
		return nil, err
	}
	b.away = map[string]samples{}
	for i := range rounds + 1 {
		if i == 1 {
			b.bareWarm, b.start = nil, nil
		}
		if err := b.round(ctx, i == 0); err != nil {
			return nil, err
		}
		log.Printf("round %d of %d: bare %v, start %v, restart %v; crash %v, bare %v; emptied TMPDIR: bare %v, start %v; hang noticed %v; logout %v", i, rounds,
			last(b.bareWarm), last(b.start), last(b.restart), last(b.crash), last(b.bareAfter), last(b.bareCold), last(b.cold), last(b.noticed), last(b.logout))
	}
	return b.rows(), nil
}

func last(s samples) time.Duration {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].Round(time.Millisecond)
}

// round makes each measurement once; a warm-up only starts.
func (b *clock) round(ctx context.Context, warmUp bool) error {
	if err := b.bareStart(ctx, &b.bareWarm); err != nil {
		return err
	}
	t, err := b.launch(ctx, &b.start)
	if err != nil {
		return err
	}
	if warmUp {
		return t.quit(ctx)
	}
	if err := errors.Join(t.disturb(ctx, b), t.quit(ctx)); err != nil {
		return err
	}
	if err := b.bareStart(ctx, &b.bareAfter); err != nil {
		return err
	}
	for _, p := range b.peers {
		if err := b.crashUnder(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if err := b.home.reboot(); err != nil {
		return err
	}
	if err := b.bareStart(ctx, &b.bareCold); err != nil {
		return err
	}
	if t, err = b.launch(ctx, &b.cold); err != nil {
		return err
	}
	return errors.Join(t.hang(ctx, b), t.logsOut(b))
}

// gateway is the command of a bare gateway, with the environment that OpenClaw's own
// documentation gives for embedding.
func (b *clock) gateway() openclaw.Command {
	return openclaw.Runtime{Node: b.node, Entry: b.entry}.Gateway(openclaw.Launch{Env: b.home.env(),
		Child:    openclaw.Child{Args: []string{"--port", strconv.Itoa(b.home.port), "--bind", "loopback", "--allow-unconfigured"}, Set: []string{openclaw.TokenVar + "=" + token}},
		CacheDir: filepath.Join(b.home.tmp(), "node-compile-cache")}) // where it would be without us
}

// bareStart measures the gateway by itself, from spawn to hello-ok.
func (b *clock) bareStart(ctx context.Context, to *samples) error {
	cmd := b.gateway().Exec(ctx)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGTERM)
	return b.answers(ctx, began, to)
}

// answers waits until the home's gateway says hello-ok.
func (b *clock) answers(ctx context.Context, began time.Time, to *samples) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		s, err := rpc.Dial(ctx, rpc.Options{Gateway: rpc.Gateway{URL: fmt.Sprintf("ws://127.0.0.1:%d", b.home.port), Trusted: true}, Credentials: rpc.Credentials{Token: token}})
		if err == nil {
			*to = append(*to, time.Since(began))
			return s.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the gateway did not start: %w", err)
		case <-time.After(poll):
		}
	}
}

// tray is a running clawtray.
type tray struct {
	cmd    *exec.Cmd
	client *control.Client
	home   home
}

// launch measures from the exec of clawtray to a gateway that runs.
func (b *clock) launch(ctx context.Context, to *samples) (*tray, error) {
	cmd := exec.Command(b.clawtray, "--headless")
	cmd.Env = b.home.env()
	out, err := os.Create(filepath.Join(b.home.dir, "output"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	t := &tray{cmd, control.NewClient(filepath.Join(b.home.dir, ".local/state/clawtray")), b.home}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	_, err = t.running(ctx, began, 0, to)
	return t, err
}

// running measures until a gateway runs, after more launches than before.
func (t *tray) running(ctx context.Context, began time.Time, before int, to *samples) (supervisor.Status, error) {
	status, err := untilRunning(ctx, t.client, before)
	if err == nil {
		*to = append(*to, time.Since(began))
	}
	return status, err
}

// disturb restarts the gateway by command, then kills it.
func (t *tray) disturb(ctx context.Context, b *clock) error {
	report, _, err := t.client.Report(ctx)
	if err != nil {
		return err
	}
	time.Sleep(10 * time.Second) // wait until the gateway's work after the start has ended, as a person would
	began := time.Now()
	if _, err := t.client.Do(ctx, supervisor.Request{Intent: supervisor.Restart}); err != nil {
		return err
	}
	status, err := t.running(ctx, began, report.Launches, &b.restart)
	if err != nil {
		return err
	}
	time.Sleep(readyForLong)
	gateway, err := os.FindProcess(status.PID)
	if err != nil {
		return err
	}
	began = time.Now()
	if err := gateway.Kill(); err != nil {
		return err
	}
	_, err = t.running(ctx, began, status.Launches, &b.crash)
	return err
}

func (t *tray) quit(ctx context.Context) error {
	_, err := t.client.Do(ctx, supervisor.Request{Intent: supervisor.Quit})
	return errors.Join(err, t.cmd.Wait())
}

// hang stops the gateway's process and waits until clawtray has noticed.
func (t *tray) hang(ctx context.Context, b *clock) error {
	report, _, err := t.client.Report(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := syscall.Kill(report.PID, syscall.SIGSTOP); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for status, err := range t.client.Watch(ctx) {
		if err != nil {
			return err
		}
		if status.State != supervisor.Running {
			b.noticed = append(b.noticed, time.Since(began))
			_, err := untilRunning(ctx, t.client, report.Launches)
			return err
		}
	}
	return errors.New("the hang was not noticed")
}

// logsOut ends clawtray as the end of a session does.
func (t *tray) logsOut(b *clock) error {
	began := time.Now()
	if err := t.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := t.cmd.Wait()
	b.logout = append(b.logout, time.Since(began))
	return err
}

func (b *clock) rows() []figures.Row {
	const part = "Time until the gateway answers"
	pair := func(name string, ours samples, peer string, its samples, goal float64) figures.Row {
		return figures.Row{Part: part, Name: name, Unit: "s", Ours: ours.median().Seconds(), Peer: peer, Its: its.median().Seconds(), Ratio: ours.by(its), Goal: goal}
	}
	rows := []figures.Row{
		pair("start of clawtray", b.start, "bare gateway", b.bareWarm, 1.05),
		pair("restart by command", b.restart, "bare gateway", b.bareWarm, 1.10),
		pair("start with an emptied TMPDIR", b.cold, "bare gateway", b.bareCold, 1.05),
		pair("crash (kill -9)", b.crash, "bare gateway", b.bareAfter, 1.05),
	}
	for _, p := range b.peers {
		rows = append(rows, pair("crash (kill -9), beside "+p.name, b.crash, p.name, b.away[p.name], 0))
	}
	return append(rows,
		figures.Row{Part: part, Name: "hang (SIGSTOP) noticed; no peer does", Unit: "s", Ours: b.noticed.median().Seconds(), Goal: 75},
		figures.Row{Part: part, Name: "logout, all of it", Unit: "s", Ours: b.logout.median().Seconds(), Goal: 4})
}
