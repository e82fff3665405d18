//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"clawtray/packaging/figures"
	"clawtray/packaging/outside"
	"clawtray/rpc/gatewaytest"
	"clawtray/supervisor"
)

const (
	scaleTime  = 10 * time.Second
	observers  = 64
	changes    = 500
	floodLines = 200_000
)

// cpuDuring is the processor time that a process uses while f runs.
func cpuDuring(pid int, f func() error) (time.Duration, error) {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return 0, err
	}
	before, err := cpuOf(p)
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := cpuOf(p)
	return time.Duration((after - before) * float64(time.Second)), err
}

// atScale measures what a lot of something costs.
func atScale(_ context.Context, program string) ([]figures.Row, error) {
	const part = "At scale: processor time of clawtray"
	return inWorld(program, func(dir string, w *world) (rows []figures.Row, err error) {
		for _, perSecond := range []int{1, 100, 10_000} {
			used, err := cpuDuring(w.pid(), func() error { w.emit(perSecond); return nil })
			if err != nil {
				return nil, err
			}
			rows = append(rows, figures.Row{Part: part, Name: fmt.Sprintf("%d events a second, for each second", perSecond), Unit: "ms", Ours: ms(used) / scaleTime.Seconds()})
		}
		for _, n := range []int{0, observers} {
			used, err := w.changesSeenBy(n)
			if err != nil {
				return nil, err
			}
			rows = append(rows, figures.Row{Part: part, Name: fmt.Sprintf("a change of the status, with %d observers", n), Unit: "ms", Ours: ms(used) / changes})
		}
		used, err := flood(program, filepath.Join(dir, "flood"))
		return append(rows, figures.Row{Part: part, Name: fmt.Sprintf("%d lines of the gateway's output", floodLines), Unit: "ms", Ours: ms(used)}), err
	})
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// emit sends events of a running chat at an even pace.
func (w *world) emit(perSecond int) {
	const batch = 10 * time.Millisecond // no timer is more exact
	began, sent := time.Now(), 0
	for passed := time.Duration(0); passed < scaleTime; passed = time.Since(began) {
		for ; sent < int(passed.Seconds()*float64(perSecond)); sent++ {
			w.gateway.Emit("agent", map[string]any{"runId": "run-1", "stream": "assistant", "data": map[string]any{"text": strings.Repeat("x", 200)}})
		}
		time.Sleep(batch)
	}
}

// changesSeenBy changes the status again and again, one change after the other, while
// so many programs and one more of ours follow it.
func (w *world) changesSeenBy(n int) (used time.Duration, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var following, ready sync.WaitGroup
	defer following.Wait()
	defer cancel()
	for range n {
		ready.Add(1)
		following.Go(func() {
			first := sync.OnceFunc(ready.Done)
			for range w.client.Watch(ctx) {
				first()
			}
			first()
		})
	}
	seen := make(chan bool)
	following.Go(func() {
		for s := range w.client.Watch(ctx) {
			select {
			case seen <- s.Health.Level == supervisor.Degraded:
			case <-ctx.Done():
			}
		}
	})
	ready.Wait()
	<-seen
	return cpuDuring(w.pid(), func() error {
		for i := range changes {
			broken := i%2 == 0
			w.gateway.Emit("health", map[string]any{"ok": true, "channels": map[string]any{"telegram": map[string]any{"lastError": map[bool]string{true: "no network"}[broken]}}})
			for now := range seen {
				if now == broken {
					break
				}
			}
		}
		return nil
	})
}

// floodRole is what this program is called when it plays a gateway that talks a lot.
const floodRole = "flooding-gateway"

// flood is the cost of a gateway of clawtray's own that writes many lines.
func flood(program, dir string) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	port, err := outside.FreePort()
	if err != nil {
		return 0, err
	}
	if err := outside.WriteHome(dir, map[string]string{
		"node":                               fmt.Sprintf("#!/bin/sh\n[ \"$1\" = -p ] && { echo \"v24.21.0 $0\"; exit; }\nexec %q %s %d %q\n", self, floodRole, port, dir),
		"node_modules/openclaw/openclaw.mjs": "// " + floodRole,
		"node_modules/openclaw/package.json": `{"name": "openclaw", "version": "2026.9.6"}`,
	}); err != nil {
		return 0, err
	}
	node := filepath.Join(dir, "node")
	if err := os.Chmod(node, 0o700); err != nil { // #nosec G302 -- a program
		return 0, err
	}
	w := &world{}
	if err := w.launch(program, filepath.Join(dir, "home"), port, fmt.Sprintf("node = %q\nopenclaw = %q\n", node, filepath.Join(dir, "node_modules/openclaw/openclaw.mjs"))); err != nil {
		return 0, err
	}
	defer w.end()
	return cpuDuring(w.pid(), func() error {
		if err := os.WriteFile(filepath.Join(dir, "begin"), nil, 0o600); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		for s, err := range w.client.Watch(ctx) {
			if err != nil {
				return err
			}
			if s.State != supervisor.Running { // the gateway ends after its last line
				return nil
			}
		}
		return ctx.Err()
	})
}

// playFlood is the gateway: it answers on the port, and writes when the file is there.
func playFlood(port, dir string) error {
	gw := gatewaytest.New(gatewaytest.Config{Token: token, Quirks: gatewaytest.Quirks{Quiet: true}})
	listener, err := gw.ListenOn("127.0.0.1:" + port)
	if err != nil {
		return err
	}
	go func() { _ = gw.Serve(listener) }()
	for {
		if _, err := os.Stat(filepath.Join(dir, "begin")); err == nil {
			break
		}
		time.Sleep(poll)
	}
	out := bufio.NewWriter(os.Stdout)
	for i := range floodLines {
		fmt.Fprintf(out, "2026-11-26T00:45:34.069Z info [gateway] agent:main:main embedded run %d done: model=claude-x durationMs=1234 status=ok queue=0\n", i)
	}
	return out.Flush()
}
