// Command bench measures this repository's gateway client beside OpenClaw's
// reference client for Node, against the same fake gateway on loopback, and
// prints a table.
//
//	go run ./rpc/bench
//
// It needs npm and a Node that the reference client accepts (22.19 or later),
// from $NODE or PATH. The reference client is installed into the user's cache
// directory at the first run.
package main

import (
	"bufio"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/process"
)

const (
	referencePackage = "@openclaw/gateway-client"
	referenceVersion = "2026.9.1"

	token = "bench-token"

	// rounds is how often each measurement is made, ours and the reference in
	// turn; the median counts.
	rounds = 3
)

//go:embed reference.mjs
var referenceScript []byte

func main() {
	log.SetFlags(0)
	role := flag.String("role", "", "internal: server or client")
	asJSON := flag.Bool("json", false, "print the rows for packaging/bench")
	flag.Parse()
	if err := run(context.Background(), *role, *asJSON, flag.Args()); err != nil {
		log.Fatal("bench: ", err)
	}
}

func run(ctx context.Context, role string, asJSON bool, args []string) error {
	switch role {
	case "server":
		runtime.GOMAXPROCS(1) // leaves one of two processors to the client
		return serve()
	case "client":
		runtime.GOMAXPROCS(1) // as clawtray runs: see main.go
		count, _ := strconv.Atoi(args[2])
		flight, _ := strconv.Atoi(args[3])
		return measure(ctx, args[0], token, args[1], count, flight)
	}
	return compare(ctx, asJSON)
}

// The measurements.
const (
	modeCalls   = "calls"
	modeConnect = "connect"
	modeEvents  = "events"
)

type measurement struct {
	mode   string
	count  int
	flight int
}

var measurements = []measurement{
	{modeCalls, 100000, 1},
	{modeCalls, 100000, 64},
	{modeConnect, 100, 1},
	{modeEvents, 200000, 1},
}

// measured are what one measurement of one client gave.
type measured struct {
	result
	cpu float64 // seconds
	rss float64 // MiB
}

// client starts one of the two clients.
type client func(ctx context.Context, url string, m measurement) *exec.Cmd

func compare(ctx context.Context, asJSON bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	reference, err := prepareReference(ctx)
	if err != nil {
		return err
	}
	ours := func(ctx context.Context, url string, m measurement) *exec.Cmd {
		return exec.CommandContext(ctx, self, "-role=client", url, m.mode, strconv.Itoa(m.count), strconv.Itoa(m.flight))
	}
	server, url, err := startServer(ctx, self)
	if err != nil {
		return err
	}
	defer server()
	all := map[measurement][2]measured{}
	for _, m := range measurements {
		var samples [2][]measured
		for round := range rounds {
			for i, c := range []client{ours, reference} {
				log.Printf("%s, %d in flight, round %d of %d, %s", m.mode, m.flight, round+1, rounds, []string{"ours", "reference"}[i])
				f, err := sample(c(ctx, url, m))
				if err != nil {
					return fmt.Errorf("%s: %w", m.mode, err)
				}
				samples[i] = append(samples[i], f)
			}
		}
		all[m] = [2]measured{median(samples[0]), median(samples[1])}
	}
	return show(os.Stdout, rows(all), asJSON)
}

// median takes the median of each figure by itself.
func median(samples []measured) measured {
	of := func(field func(measured) float64) float64 {
		slices.SortFunc(samples, func(a, b measured) int { return cmp.Compare(field(a), field(b)) })
		return field(samples[len(samples)/2])
	}
	return measured{
		result: result{
			P50: of(func(f measured) float64 { return f.P50 }), P99: of(func(f measured) float64 { return f.P99 }),
			Total: of(func(f measured) float64 { return f.Total }), Allocs: of(func(f measured) float64 { return f.Allocs }),
		},
		cpu: of(func(f measured) float64 { return f.cpu }), rss: of(func(f measured) float64 { return f.rss }),
	}
}

// sample runs a client and reads its processor time and memory from outside,
// the same way for both.
func sample(cmd *exec.Cmd) (f measured, err error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return f, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return f, err
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return f, err
	}
	defer func() {
		_ = in.Close()
		if waited := cmd.Wait(); err == nil && waited != nil {
			err = waited
		}
		if err != nil {
			err = fmt.Errorf("%w: %s", err, stderr.String())
		}
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return f, errors.New("the client did not get ready")
	}
	before, _, err := usage(cmd.Process.Pid)
	if err != nil {
		return f, err
	}
	if _, err := io.WriteString(in, "go\n"); err != nil {
		return f, err
	}
	if !lines.Scan() {
		return f, errors.New("the client gave no result")
	}
	after, rss, err := usage(cmd.Process.Pid)
	if err != nil {
		return f, err
	}
	f.cpu, f.rss = after-before, rss
	return f, json.Unmarshal(lines.Bytes(), &f.result)
}

// usage returns a process's processor time in seconds and resident memory in MiB.
func usage(pid int) (cpu, rss float64, err error) {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return 0, 0, err
	}
	times, err := p.Times()
	if err != nil {
		return 0, 0, err
	}
	memory, err := p.MemoryInfo()
	if err != nil {
		return 0, 0, err
	}
	return times.User + times.System, float64(memory.RSS) / (1 << 20), nil
}

// prepareReference installs the reference client, once, and returns how to start it.
func prepareReference(ctx context.Context) (client, error) {
	node := os.Getenv("NODE")
	if node == "" {
		var err error
		if node, err = exec.LookPath("node"); err != nil {
			return nil, errors.New("no Node found: set NODE to a node binary, 22.19 or later")
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "clawtray", "bench", referenceVersion)
	entry := filepath.Join(dir, "node_modules", filepath.FromSlash(referencePackage), "dist", "index.mjs")
	if _, err := os.Stat(entry); err != nil {
		install := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--no-audit", "--no-fund", referencePackage+"@"+referenceVersion)
		if out, err := install.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("npm install %s: %w: %s", referencePackage, err, out)
		}
	}
	script := filepath.Join(dir, "reference.mjs")
	if err := os.WriteFile(script, referenceScript, 0o600); err != nil {
		return nil, err
	}
	return func(ctx context.Context, url string, m measurement) *exec.Cmd {
		return exec.CommandContext(ctx, node, script, entry, url, token, m.mode, strconv.Itoa(m.count), strconv.Itoa(m.flight))
	}, nil
}
