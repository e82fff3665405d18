//go:build linux

// Command bench measures clawtray, beside others that do the same, and prints one table:
// `make bench` runs it.
//
//	NODE=/path/node OPENCLAW=/path/openclaw.mjs go run ./packaging/bench [-rounds 5] [-parts rpc,scale,rest,desktop,time] [-to bench] build/clawtray
//
// Each figure stands beside that of a peer, measured in turn in the same run: the bare
// gateway, the reference client of the protocol, and the supervisors supervisord, runit,
// s6 and PM2 where they are installed. A goal that is missed is shown as missed. With -to
// the table and a chart are also written into that folder.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"clawtray/packaging/figures"
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
	log.SetPrefix("bench: ")
	if len(os.Args) == 4 && os.Args[1] == floodRole {
		if err := playFlood(os.Args[2], os.Args[3]); err != nil {
			log.Fatal(err)
		}
		return
	}
	rounds := flag.Int("rounds", 5, "how often each start and crash is measured")
	names := flag.String("parts", "rpc,scale,rest,desktop,time", "what to measure")
	to := flag.String("to", "", "the folder to write figures.md and chart.svg into")
	flag.Parse()
	c := clock{node: os.Getenv("NODE"), entry: os.Getenv("OPENCLAW"), clawtray: flag.Arg(0), peers: peers(os.Getenv("PM2"))}
	if c.node == "" || c.entry == "" || c.clawtray == "" {
		log.Fatal("NODE and OPENCLAW name a runtime, the argument the program to measure")
	}
	parts := map[string]func(context.Context) ([]figures.Row, error){
		"rpc": func(ctx context.Context) ([]figures.Row, error) {
			return printed(ctx, "go", "run", "./rpc/bench", "-json")
		},
		"scale":   func(ctx context.Context) ([]figures.Row, error) { return atScale(ctx, c.clawtray) },
		"rest":    func(ctx context.Context) ([]figures.Row, error) { return atRest(ctx, c.clawtray, c.peers) },
		"desktop": desktop,
		"time":    func(ctx context.Context) ([]figures.Row, error) { return c.measure(ctx, *rounds) },
	}
	var rows []figures.Row
	for name := range strings.SplitSeq(*names, ",") {
		log.Print("part ", name)
		part, ok := parts[name]
		if !ok {
			log.Fatalf("there is no part %q", name)
		}
		more, err := part(context.Background())
		if err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		rows = figures.Grouped(append(rows, more...))
		if *to != "" {
			if err := write(rows, *to); err != nil { // after each part, because the next may take half an hour
				log.Fatal(err)
			}
		}
	}
	if err := figures.Table(os.Stdout, rows); err != nil {
		log.Fatal(err)
	}
}

// printed runs another benchmark and reads its rows.
func printed(ctx context.Context, argv ...string) ([]figures.Row, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	return figures.Read(bytes.NewReader(out))
}

// write makes figures.md and chart.svg in a folder.
func write(rows []figures.Row, to string) error {
	var page, chart bytes.Buffer
	fmt.Fprintf(&page, "# Figures\n\nMeasured on %s with `make bench`, commit %s, %s.\n\n![chart](chart.svg)\n", time.Now().Format(time.DateOnly), os.Getenv("COMMIT"), machine())
	if err := figures.Markdown(&page, rows); err != nil {
		return err
	}
	if err := figures.Chart(&chart, rows); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil { // #nosec G301 -- a folder of the repository
		return err
	}
	for name, data := range map[string][]byte{"figures.md": page.Bytes(), "chart.svg": chart.Bytes()} {
		if err := os.WriteFile(filepath.Join(to, name), data, 0o644); err != nil { // #nosec G306 -- a file of the repository
			return err
		}
	}
	return nil
}
