package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// row compares one figure of both clients with its goal.
type row struct {
	name      string
	unit      string
	ours      float64
	reference float64
	goal      float64 // for ours / reference; 0: none
	more      bool    // more is better
}

func table(w io.Writer, all map[measurement][2]figures) error {
	one, many, connect, flood := all[measurements[0]], all[measurements[1]], all[measurements[2]], all[measurements[3]]
	perSecond := func(f figures) float64 { return float64(measurements[3].count) / f.Total * 1000 }
	rows := []row{
		{"CPU per 100,000 calls, 1 in flight", "s", one[0].cpu, one[1].cpu, 0.75, false},
		{"CPU per 100,000 calls, 64 in flight", "s", many[0].cpu, many[1].cpu, 0.40, false},
		{"latency p50, 1 in flight", "ms", one[0].P50, one[1].P50, 0, false},
		{"latency p99, 1 in flight", "ms", one[0].P99, one[1].P99, 0, false},
		{"latency p50, 64 in flight", "ms", many[0].P50, many[1].P50, 0, false},
		{"latency p99, 64 in flight", "ms", many[0].P99, many[1].P99, 0.25, false},
		{"connect, median", "ms", connect[0].P50, connect[1].P50, 0.30, false},
		{"events received per second", "", perSecond(flood[0]), perSecond(flood[1]), 4, true},
		{"resident memory after the calls", "MiB", many[0].rss, many[1].rss, 1.0 / 6, false},
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tours\treference\tratio\tgoal\t\t")
	for _, r := range rows {
		ratio := r.ours / r.reference
		fmt.Fprintf(t, "%s\t%s\t%s\t%.2f\t%s\t\n", r.name, number(r.ours, r.unit), number(r.reference, r.unit), ratio, verdict(ratio, r.goal, r.more))
	}
	fmt.Fprintf(t, "allocations per call, 1 in flight\t%.1f\t\t\t%s\t\n", one[0].Allocs, verdict(one[0].Allocs, 5, false))
	return t.Flush()
}

func number(v float64, unit string) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f %s", v, unit)
	case v >= 1:
		return fmt.Sprintf("%.2f %s", v, unit)
	}
	return fmt.Sprintf("%.3f %s", v, unit)
}

func verdict(v, goal float64, more bool) string {
	switch {
	case goal == 0:
		return ""
	case more && v >= goal:
		return fmt.Sprintf(">= %.2f met", goal)
	case more:
		return fmt.Sprintf(">= %.2f MISSED", goal)
	case v <= goal:
		return fmt.Sprintf("<= %.2f met", goal)
	}
	return fmt.Sprintf("<= %.2f MISSED", goal)
}
