// Command soak runs a real clawtray through a simulated day with a fake gateway, as fast as
// possible, and checks whether it grows. `make soak` runs it.
//
//	go run ./packaging/soak [-hours 24] build/clawtray
//
// Five minutes of the day are 300 events, ten ticks and one look at the status. Every half
// hour the connection is lost, and every two hours the gateway restarts in place. After
// each five minutes, soak measures memory, file descriptors and threads in /proc, and
// goroutines in the trace of Go's scheduler. The median of the last quarter of the day must
// not be above that of the second quarter. The first quarter does not count, because
// clawtray's limited records are still filling.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"clawtray/packaging/outside"
	"clawtray/rpc/gatewaytest"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
)

const (
	token    = "soak-token"
	patience = 5 * time.Minute // limit for one step; not an expectation
	anHour   = 12              // steps of five minutes
	events   = 300             // per step
)

func main() {
	log.SetFlags(log.Ltime)
	hours := flag.Int("hours", 24, "how long the day is")
	flag.Parse()
	if flag.NArg() != 1 || *hours < 4 {
		log.Fatal("soak: the argument is the program to look at; a day has at least 4 hours")
	}
	flat, err := soak(flag.Arg(0), *hours*anHour)
	if err != nil {
		log.Fatal("soak: ", err)
	}
	if !flat {
		os.Exit(1)
	}
}

// day is a clawtray with its fake gateway.
type day struct {
	gateway    *gatewaytest.Gateway
	client     *control.Client
	process    *exec.Cmd
	facts      *process.Process // measures the same process
	goroutines atomic.Int64     // the newest number of goroutines
}

func soak(program string, steps int) (flat bool, err error) {
	home, err := os.MkdirTemp("", "clawtray-soak-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(home)
	d := &day{gateway: gatewaytest.New(gatewaytest.Config{Token: token}), client: control.NewClient(filepath.Join(home, ".local/state/clawtray"))}
	defer d.gateway.Close()
	d.gateway.Keep(1) // nobody reads the recorded requests
	if err := d.begin(program, home); err != nil {
		return false, err
	}
	defer d.process.Wait()
	defer d.process.Process.Signal(syscall.SIGTERM)
	var samples []sample
	for step := range steps {
		s, err := d.step(step)
		if err != nil {
			return false, fmt.Errorf("after %d steps: %w", step, err)
		}
		samples = append(samples, s)
		if step%(2*anHour) == 0 {
			log.Printf("hour %d: %.1f MB, %.0f descriptors, %.0f threads, %.0f goroutines", step/anHour, s[memory], s[descriptors], s[threads], s[goroutines])
		}
	}
	return table(samples), nil
}

// begin starts the gateway and clawtray, and waits until the gateway is connected.
func (d *day) begin(program, home string) error {
	port, err := outside.FreePort()
	if err != nil {
		return err
	}
	listener, err := d.gateway.ListenOn(outside.Address(port))
	if err != nil {
		return err
	}
	go d.gateway.Serve(listener)
	if err := outside.WriteHome(home, map[string]string{
		".config/clawtray/clawtray.toml": fmt.Sprintf("port = %d\ntoken = %q\n", port, token),
		".openclaw/openclaw.json":        fmt.Sprintf(`{"gateway": {"mode": "local", "auth": {"token": %q}}}`, token),
	}); err != nil {
		return err
	}
	d.process = exec.Command(program, "--headless")
	d.process.Env = append(outside.Env(os.Environ(), home), "GODEBUG=scheddetail=1,schedtrace=1000")
	trace, err := d.process.StderrPipe()
	if err != nil {
		return err
	}
	if err := d.process.Start(); err != nil {
		return err
	}
	go d.count(trace)
	if d.facts, err = process.NewProcess(int32(d.process.Process.Pid)); err != nil {
		return err
	}
	return d.runs(0)
}

// count reads the trace of Go's scheduler, which lists every goroutine. Status 6 is a
// goroutine that has ended and can be used again.
func (d *day) count(trace io.Reader) {
	n := int64(0)
	for lines := bufio.NewScanner(trace); lines.Scan(); {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "SCHED "):
			d.goroutines.Store(n)
			n = 0
		case strings.HasPrefix(line, "  G") && !strings.Contains(line, "status=6("):
			n++
		}
	}
}

// runs waits until clawtray has connected more than connects times and the gateway runs.
func (d *day) runs(connects int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for ctx.Err() == nil {
		for s, err := range d.client.Watch(ctx) {
			if err == nil && s.State == supervisor.Running && d.gateway.Connects() > connects {
				return nil
			}
		}
		time.Sleep(50 * time.Millisecond) // clawtray does not listen yet
	}
	return fmt.Errorf("clawtray did not run in %v", patience)
}

// step simulates five minutes of the day.
func (d *day) step(n int) (sample, error) {
	for i := range events {
		d.gateway.Emit("agent", map[string]any{"runId": fmt.Sprint(n, "-", i), "stream": "assistant", "data": map[string]any{"text": strings.Repeat("x", 200)}})
		if i%(events/10) == 0 {
			d.gateway.Emit("tick", map[string]any{"ts": time.Now().UnixMilli()})
		}
	}
	if _, _, err := d.client.Report(context.Background()); err != nil {
		return sample{}, err
	}
	connects := d.gateway.Connects()
	switch {
	case n%(2*anHour) == anHour:
		d.gateway.Restart()
	case n%(anHour/2) == anHour/4:
		d.gateway.CloseAll(1006, "")
	default:
		return d.sample()
	}
	// A start by a person makes clawtray forget earlier losses, as hours without a loss
	// would do.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := d.runs(connects); err != nil {
		return sample{}, err
	}
	if _, err := d.client.Do(ctx, supervisor.Request{Intent: supervisor.Start}); err != nil {
		return sample{}, err
	}
	return d.sample()
}

// The figures of a sample.
const (
	memory = iota // MB in RAM
	descriptors
	threads
	goroutines
	figures
)

type sample [figures]float64

func (d *day) sample() (s sample, err error) {
	m, err := d.facts.MemoryInfo()
	if err != nil {
		return s, err
	}
	fds, err := d.facts.NumFDs()
	if err != nil {
		return s, err
	}
	t, err := d.facts.NumThreads()
	return sample{float64(m.RSS) / (1 << 20), float64(fds), float64(t), float64(d.goroutines.Load())}, err
}

// table prints the medians of two quarters, and reports whether all are flat.
func table(samples []sample) (flat bool) {
	flat = true
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "median of\tsecond quarter\tlast quarter\tmay grow by\t\t")
	quarter := len(samples) / 4
	for f, row := range []struct {
		name string
		may  float64 // how much one moment may add, for example a connection or a garbage collection
	}{{"memory, MB", 2}, {"descriptors", 1}, {"threads", 1}, {"goroutines", 2}} {
		before, after := median(samples[quarter:2*quarter], f), median(samples[len(samples)-quarter:], f)
		verdict := "flat"
		if after > before+row.may {
			verdict, flat = "GROWS", false
		}
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.0f\t%s\t\n", row.name, before, after, row.may, verdict)
	}
	t.Flush()
	return flat
}

func median(samples []sample, figure int) float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, s[figure])
	}
	slices.Sort(values)
	return values[len(values)/2]
}
