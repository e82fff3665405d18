// Command bench measures what supervision costs in time: how long a gateway is
// away with clawtray, divided by how long the bare gateway takes from spawn to
// hello-ok, in the same run. It prints a table.
//
//	NODE=/path/node OPENCLAW=/path/openclaw.mjs go run ./supervisor/bench build/clawtray
//
// Both sides run in turn in one home with default settings, so that what a gateway
// finds there counts for both. Each measurement is divided by the one of the bare
// gateway next to it, because machines get faster and slower by the minute, and the
// median of these ratios counts. A round takes three minutes, because a gateway has
// to have been ready for a minute before its crash is recovered without any delay
// (BEHAVIOUR H1).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"clawtray/rpc"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/openclaw"
)

const (
	token = "bench-token"
	// readyForLong is supervisor.Policy.ReadyForLong and a second.
	readyForLong = 61 * time.Second
	// poll is the distance between two looks at something that comes up.
	poll = 10 * time.Millisecond
	// limit bounds one step.
	limit = 5 * time.Minute
)

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 9, "how often each measurement is made")
	warm := flag.Bool("warm", false, "leave out the starts with an emptied TMPDIR")
	flag.Parse()
	b := bench{warm: *warm, node: os.Getenv("NODE"), entry: os.Getenv("OPENCLAW"), clawtray: flag.Arg(0)}
	if b.node == "" || b.entry == "" || b.clawtray == "" {
		log.Fatal("bench: NODE and OPENCLAW name a runtime, the argument the program to measure")
	}
	if err := b.run(context.Background(), *rounds); err != nil {
		log.Fatal("bench: ", err)
	}
}

// bench measures in one home, so that both sides find the same state.
type bench struct {
	node, entry, clawtray string
	warm                  bool
	home                  home
	bareWarm, bareCold    samples
	start, cold           samples
	restart, crash        samples
	bareAfter             samples // the one after each crash
}

type samples []time.Duration

func (s samples) median() time.Duration {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}

// by is the median of the ratios of s to other, pair by pair.
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

func newHome(dir string) (home, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return home{}, err
	}
	defer l.Close()
	return home{dir, l.Addr().(*net.TCPAddr).Port}, errors.Join(os.MkdirAll(filepath.Join(dir, "tmp"), 0o700),
		os.MkdirAll(filepath.Join(dir, ".config", "clawtray"), 0o700))
}

// env is a login's: nothing of whoever runs the benchmark but the PATH. The
// temporary folder is the home's own, so that it can be emptied.
func (h home) env() []string {
	return []string{"HOME=" + h.dir, "TMPDIR=" + h.tmp(), "PATH=" + os.Getenv("PATH"), "OPENCLAW_SKIP_CHANNELS=1"}
}

func (h home) tmp() string { return filepath.Join(h.dir, "tmp") }

// reboot empties the temporary folder.
func (h home) reboot() error {
	return errors.Join(os.RemoveAll(h.tmp()), os.MkdirAll(h.tmp(), 0o700))
}

func (b *bench) run(ctx context.Context, rounds int) error {
	dir, err := os.MkdirTemp("", "clawtray-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if b.home, err = newHome(dir); err != nil {
		return err
	}
	settings := fmt.Sprintf("port = %d\nnode = %q\nopenclaw = %q\ntoken = %q\n", b.home.port, b.node, b.entry, token)
	if err := os.WriteFile(filepath.Join(b.home.dir, ".config/clawtray/clawtray.toml"), []byte(settings), 0o600); err != nil {
		return err
	}
	for i := range rounds + 1 {
		if i == 1 { // the first round has made state, migrations and caches, and does not count
			b.bareWarm, b.start = nil, nil
		}
		if err := b.round(ctx, i == 0); err != nil {
			return err
		}
		log.Printf("round %d of %d: bare %v, start %v, restart %v; crash %v, bare %v; emptied TMPDIR: bare %v, start %v", i, rounds,
			last(b.bareWarm), last(b.start), last(b.restart), last(b.crash), last(b.bareAfter), last(b.bareCold), last(b.cold))
	}
	return b.table()
}

func last(s samples) time.Duration {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].Round(time.Millisecond)
}

// round makes each measurement once; a warm-up only starts.
func (b *bench) round(ctx context.Context, warmUp bool) error {
	if err := b.bareStart(ctx, &b.bareWarm); err != nil {
		return err
	}
	t, err := b.launch(ctx, &b.start)
	if err != nil {
		return err
	}
	if !warmUp {
		err = t.disturb(ctx, b)
	}
	if err = errors.Join(err, t.quit(ctx)); err != nil || warmUp {
		return err
	}
	if err = b.bareStart(ctx, &b.bareAfter); err != nil || b.warm {
		return err
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
	return t.quit(ctx)
}

// bareStart measures the gateway by itself, from spawn to hello-ok, with the
// environment that OpenClaw's own documentation gives for embedding.
func (b *bench) bareStart(ctx context.Context, to *samples) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	command := openclaw.Runtime{Node: b.node, Entry: b.entry}.Gateway(openclaw.Launch{Port: b.home.port, Token: token, Env: b.home.env()})
	cmd := command.Exec(ctx)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGTERM)
	for {
		s, err := rpc.Dial(ctx, rpc.Options{URL: fmt.Sprintf("ws://127.0.0.1:%d", b.home.port), Token: token, TrustPeer: true})
		if err == nil {
			*to = append(*to, time.Since(began))
			return s.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the bare gateway did not start: %w", err)
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
func (b *bench) launch(ctx context.Context, to *samples) (*tray, error) {
	cmd := exec.Command(b.clawtray, "--headless")
	cmd.Env = b.home.env()
	out, err := os.Create(filepath.Join(b.home.dir, "output"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	t := &tray{cmd, control.NewClient(filepath.Join(b.home.dir, ".local/state/clawtray/run")), b.home}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	_, err = t.running(ctx, began, 0, to)
	return t, err
}

// running waits for a gateway that runs, with more launches than before.
func (t *tray) running(ctx context.Context, began time.Time, before int, to *samples) (supervisor.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for ctx.Err() == nil {
		for status, err := range t.client.Watch(ctx) {
			switch {
			case errors.Is(err, control.ErrNotRunning): // not yet
			case err != nil:
				return status, err
			case status.State == supervisor.Running && status.Launches > before:
				*to = append(*to, time.Since(began))
				return status, nil
			case status.State == supervisor.Failed:
				return status, fmt.Errorf("clawtray gave up: %s", status.Error)
			}
		}
		time.Sleep(poll)
	}
	return supervisor.Status{}, errors.New("the gateway did not run in time")
}

// disturb restarts the gateway by command, then kills it.
func (t *tray) disturb(ctx context.Context, b *bench) error {
	report, _, err := t.client.Report(ctx)
	if err != nil {
		return err
	}
	time.Sleep(10 * time.Second) // let its work after the start end, as a person would
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

func (b *bench) table() error {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "medians of %d\tclawtray\tbare\tratio\tgoal\t\n", len(b.bareWarm))
	for _, r := range []struct {
		name        string
		ours, other samples
		goal        float64
	}{
		{"exec of clawtray to running", b.start, b.bareWarm, 1.05},
		{"restart by command to running", b.restart, b.bareWarm, 1.10},
		{"crash (kill -9) to running", b.crash, b.bareAfter, 1.05},
		{"start with an emptied TMPDIR, by a warm one", b.cold, b.start, 1.05},
		{"the same of the bare gateway", b.bareCold, b.bareWarm, 0},
	} {
		if len(r.ours) == 0 {
			continue
		}
		ratio := r.ours.by(r.other)
		goal := ""
		if r.goal > 0 {
			goal = fmt.Sprintf("<= %.2f %s", r.goal, map[bool]string{true: "met", false: "MISSED"}[ratio <= r.goal])
		}
		fmt.Fprintf(t, "%s\t%.2f s\t%.2f s\t%.2f\t%s\t\n", r.name, r.ours.median().Seconds(), r.other.median().Seconds(), ratio, goal)
	}
	return t.Flush()
}
