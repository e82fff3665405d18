package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"clawtray/rpc"
)

// result is what a measuring client prints; times are in milliseconds.
type result struct {
	P50    float64 `json:"p50"`
	P99    float64 `json:"p99"`
	Total  float64 `json:"total"`
	Allocs float64 `json:"allocs"` // per call; only our client can tell
}

// measure runs one measurement of our client, driven over stdin and stdout.
func measure(ctx context.Context, url, token, mode string, count, flight int) error {
	o := rpc.Options{Gateway: rpc.Gateway{URL: url, Trusted: true}, Credentials: rpc.Credentials{Token: token}}
	var s *rpc.Session
	if mode != modeConnect {
		var err error
		if s, err = rpc.Dial(ctx, o); err != nil {
			return err
		}
		defer s.Close()
	}
	run := func(n int) ([]time.Duration, error) {
		switch mode {
		case modeCalls:
			return calls(ctx, s, n, flight)
		case modeConnect:
			return connects(ctx, o, n)
		}
		return events(ctx, s, n)
	}
	if _, err := run((count + 9) / 10); err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	in.Scan()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	times, err := run(count)
	if err != nil {
		return err
	}
	runtime.ReadMemStats(&after)
	r := summary(times)
	r.Allocs = float64(after.Mallocs-before.Mallocs) / float64(count)
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		return err
	}
	in.Scan()
	return nil
}

func summary(times []time.Duration) result {
	slices.Sort(times)
	var total time.Duration
	for _, t := range times {
		total += t
	}
	at := func(q float64) float64 { return ms(times[min(len(times)-1, int(q*float64(len(times))))]) }
	return result{P50: at(0.5), P99: at(0.99), Total: ms(total)}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// calls makes n calls, as many in flight as asked for.
func calls(ctx context.Context, s *rpc.Session, n, flight int) ([]time.Duration, error) {
	times := make([]time.Duration, n)
	failures := make(chan error, flight)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range flight {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				start := time.Now()
				var health json.RawMessage
				if err := s.Call(ctx, "health", nil, &health); err != nil || len(health) == 0 {
					failures <- errors.Join(err, errors.New("bad answer"))
					return
				}
				times[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	close(failures)
	return times, <-failures
}

func connects(ctx context.Context, o rpc.Options, n int) ([]time.Duration, error) {
	times := make([]time.Duration, n)
	for i := range times {
		start := time.Now()
		s, err := rpc.Dial(ctx, o)
		if err != nil {
			return nil, err
		}
		times[i] = time.Since(start)
		s.Close()
	}
	return times, nil
}

// eventBuffer is how many events may wait for the client.
const eventBuffer = 512

func events(ctx context.Context, s *rpc.Session, n int) ([]time.Duration, error) {
	sub := s.Subscribe(eventBuffer, "chat")
	defer sub.Close()
	start := time.Now()
	called := make(chan error, 1)
	go func() { called <- s.Call(ctx, methodFlood, flood{N: n}, nil) }() // answered after the last event
	for range n {
		if _, open := <-sub.C(); !open {
			return nil, s.Err()
		}
		if sub.Dropped() > 0 {
			return nil, errors.New("events were lost")
		}
	}
	took := time.Since(start)
	return []time.Duration{took}, <-called
}
