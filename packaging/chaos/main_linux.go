// Command chaos lets a real clawtray with a real gateway suffer real faults, in an
// order that a seed gives, and looks from outside what becomes of it: at processes,
// sockets, files and at what clawtray says. `make chaos` runs it.
//
//	CLAWTRAY_TEST_NODE=/path/node CLAWTRAY_TEST_OPENCLAW=/path/openclaw.mjs go run ./packaging/chaos [-minutes 10] [-seed N] [-only REGEXP] build/clawtray
//
// Two users live side by side and suffer at the same time. One has a gateway that
// clawtray started; the other started a gateway, and clawtray reaches it through a
// proxy. Faults are dealt like cards, in rounds: each comes once in a round, and those
// that need no start of the gateway several times. Nothing is judged by a clock,
// because a start takes 5 s on an idle machine and a minute on a busy one; what
// does not come about in patience is a violation.
//
// It ends with a table, and with exit code 1 when there was a violation. The same
// seed gives the same order of faults, not the same moments.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"iter"
	"log"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	log.SetFlags(log.Ltime)
	minutes := flag.Float64("minutes", 10, "how long faults are dealt; the last one is waited for")
	seed := flag.Uint64("seed", uint64(time.Now().Unix()), "the order of the faults")
	only := flag.String("only", "", "only faults whose name matches this regular expression")
	flag.Parse()
	r := runtime{node: os.Getenv("CLAWTRAY_TEST_NODE"), entry: os.Getenv("CLAWTRAY_TEST_OPENCLAW")}
	if r.node == "" || r.entry == "" || flag.NArg() != 1 {
		log.Fatal("chaos: CLAWTRAY_TEST_NODE and CLAWTRAY_TEST_OPENCLAW name a runtime, the argument the program to disturb")
	}
	p := plan{seed: *seed, length: time.Duration(*minutes * float64(time.Minute))}
	var err error
	if p.only, err = regexp.Compile(*only); err != nil {
		log.Fatal("chaos: -only: ", err)
	}
	if len(faults.of(owner, p.only))+len(faults.of(guest, p.only)) == 0 {
		log.Fatalf("chaos: no fault is called %q", *only)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.Printf("seed %d, %v minutes", *seed, *minutes)
	results, err := run(ctx, flag.Arg(0), r, p)
	violations := table(results)
	if err != nil {
		log.Fatal("chaos: ", err)
	}
	if violations > 0 {
		os.Exit(1)
	}
}

// plan says which faults are dealt, in which order and how long.
type plan struct {
	only   *regexp.Regexp
	seed   uint64
	length time.Duration // from the moment on at which both gateways run
}

// run deals faults, then lets both users quit.
func run(ctx context.Context, program string, r runtime, p plan) (results []result, err error) {
	dir, err := os.MkdirTemp("", "clawtray-chaos-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	houses, err := settle(ctx, program, r, dir)
	for _, h := range houses {
		defer h.close()
	}
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	keep := func(r result) {
		mu.Lock()
		defer mu.Unlock()
		results = append(results, r)
		if r.skipped == "" {
			log.Printf("%d: %s", len(results), r)
		}
	}
	until := time.Now().Add(p.length)
	over := func() bool { return ctx.Err() != nil || time.Now().After(until) }
	var lives sync.WaitGroup
	for i, h := range houses {
		lives.Go(func() { h.live(ctx, faults.of(who(i), p.only), p.seed, over, keep) })
	}
	lives.Wait()
	end := result{name: "quit", recovered: true}
	for _, h := range houses {
		end.violations = append(end.violations, h.quit(context.WithoutCancel(ctx))...)
	}
	keep(end)
	return results, nil
}

// live suffers one fault after the other.
func (h *house) live(ctx context.Context, deck []fault, seed uint64, over func() bool, keep func(result)) {
	deck = slices.DeleteFunc(deck, func(f fault) bool {
		why := f.skip(h)
		if why != "" {
			keep(result{name: f.name, skipped: why})
		}
		return why != ""
	})
	for f := range deal(deck, seed) {
		if over() {
			return
		}
		r := h.suffer(ctx, f)
		if ctx.Err() != nil {
			return // Ctrl-C has cut it short
		}
		keep(r)
		if len(r.violations) > 0 {
			log.Printf("the log of clawtray:\n%s", h.lastLog())
		}
	}
}

// deal deals a deck round by round, in an order that the seed gives.
func deal(deck []fault, seed uint64) iter.Seq[fault] {
	dice := rand.New(rand.NewPCG(seed, 0)) // #nosec G404 -- the same seed has to give the same faults again
	return func(yield func(fault) bool) {
		for len(deck) > 0 {
			dice.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
			for _, f := range deck {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// result is what became of one fault.
type result struct {
	name       string
	skipped    string // why it was left out
	recovered  bool   // runs again, or has run all the time
	person     bool   // after a person had said start, as clawtray had asked
	lost       time.Duration
	violations []string
}

func (r result) String() string {
	how := "does not run"
	switch {
	case r.recovered && r.person:
		how = "runs after a person's start"
	case r.recovered:
		how = "runs"
	}
	s := fmt.Sprintf("%-45s %s, %.1f s lost", r.name, how, r.lost.Seconds())
	for _, v := range r.violations {
		s += "\n    VIOLATION: " + v
	}
	return s
}

// table prints what became of each kind of fault, and returns the number of violations.
func table(results []result) (violations int) {
	kinds := map[string][]result{}
	for _, r := range results {
		kinds[r.name] = append(kinds[r.name], r)
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "fault\ttimes\trecovered\tof these by a person\tlost, median\tworst\tviolations")
	var all []result
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if why := kinds[name][0].skipped; why != "" {
			fmt.Fprintf(t, "%s\tleft out: %s\n", name, why)
			continue
		}
		violations += row(t, name, kinds[name])
		all = append(all, kinds[name]...)
	}
	row(t, "all", all)
	t.Flush()
	return violations
}

func row(t *tabwriter.Writer, name string, of []result) (violations int) {
	if len(of) == 0 {
		return 0
	}
	recovered, person := 0, 0
	for _, r := range of {
		violations += len(r.violations)
		if r.recovered {
			recovered++
		}
		if r.person {
			person++
		}
	}
	slices.SortFunc(of, func(a, b result) int { return cmp.Compare(a.lost, b.lost) })
	fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.1f s\t%.1f s\t%d\n", name, len(of), recovered, person, of[len(of)/2].lost.Seconds(), of[len(of)-1].lost.Seconds(), violations)
	return violations
}
