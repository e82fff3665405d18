package main

import (
	"io"

	"clawtray/packaging/figures"
)

// rows compares the figures of both clients, with the goals.
func rows(all map[measurement][2]measured) []figures.Row {
	one, many, connect, flood := all[measurements[0]], all[measurements[1]], all[measurements[2]], all[measurements[3]]
	perSecond := func(f measured) float64 { return float64(measurements[3].count) / f.Total * 1000 }
	row := func(name, unit string, ours, reference, goal float64) figures.Row {
		return figures.Row{Part: "Protocol", Name: name, Unit: unit, Ours: ours, Peer: "reference client", Its: reference, Goal: goal}
	}
	events := row("events received a second", "", perSecond(flood[0]), perSecond(flood[1]), 4)
	events.More = true
	return []figures.Row{
		row("processor time of 100,000 calls, 1 in flight", "s", one[0].cpu, one[1].cpu, 0.75),
		row("processor time of 100,000 calls, 64 in flight", "s", many[0].cpu, many[1].cpu, 0.40),
		row("latency p50, 1 in flight", "ms", one[0].P50, one[1].P50, 0),
		row("latency p99, 1 in flight", "ms", one[0].P99, one[1].P99, 0),
		row("latency p50, 64 in flight", "ms", many[0].P50, many[1].P50, 0),
		row("latency p99, 64 in flight", "ms", many[0].P99, many[1].P99, 0.25),
		row("connecting, median", "ms", connect[0].P50, connect[1].P50, 0.30),
		events,
		row("processor time of 200,000 events", "s", flood[0].cpu, flood[1].cpu, 0.25),
		row("memory after the calls", "MiB", many[0].rss, many[1].rss, 0.17),
		{Part: "Protocol", Name: "allocations a call, 1 in flight", Ours: one[0].Allocs, Goal: 5},
	}
}

// show writes the rows for people, or for packaging/bench.
func show(w io.Writer, rows []figures.Row, json bool) error {
	if json {
		return figures.Print(w, rows...)
	}
	return figures.Table(w, rows)
}
