//go:build linux

package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"clawtray/packaging/figures"
	"clawtray/supervisor/openclaw"
)

const (
	restSettling = 2 * time.Minute
	restTime     = 3 * time.Minute
)

// used is what a process and its descendants without the supervised program use.
type used struct {
	memory  float64 // MB of proportional memory
	cpu     float64 // s
	wakeups int64
}

func look(pid int) (u used, err error) {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return u, err
	}
	if u.cpu, err = cpuOf(p); err != nil {
		return u, err
	}
	maps, err := p.MemoryMaps(true)
	if err != nil {
		return u, err
	}
	for _, m := range *maps {
		u.memory += float64(m.Pss) / 1024
	}
	threads, err := p.Threads()
	for id := range threads {
		thread, err := process.NewProcess(id)
		if err != nil {
			continue // it has ended
		}
		if switches, err := thread.NumCtxSwitches(); err == nil {
			u.wakeups += switches.Voluntary
		}
	}
	return u, err
}

// cpuOf is the processor time that a process has used, in seconds.
func cpuOf(p *process.Process) (float64, error) {
	times, err := p.Times()
	if err != nil {
		return 0, err
	}
	return times.User + times.System, nil
}

// atRest compares clawtray, connected to a quiet gateway, with other supervisors of a
// program that sleeps. They keep no connection and look at nothing but the process.
func atRest(ctx context.Context, program string, peers []peer) ([]figures.Row, error) {
	return inWorld(program, func(dir string, w *world) ([]figures.Row, error) {
		pids := []int{w.pid()}
		for _, p := range peers {
			pid, stop, err := p.start(ctx, dir, openclaw.Command{Path: "sleep", Args: []string{"100000"}, Env: os.Environ()})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			defer func() { _ = stop() }()
			pids = append(pids, pid)
		}
		log.Printf("at rest: %v from now", restSettling+restTime)
		w.tickFor(restSettling)
		before, err := lookAll(pids)
		if err != nil {
			return nil, err
		}
		w.tickFor(restTime)
		after, err := lookAll(pids)
		if err != nil {
			return nil, err
		}
		var rows []figures.Row
		for i, p := range peers {
			rows = append(rows, beside(p.name, before[0], after[0], before[i+1], after[i+1])...)
		}
		return rows, nil
	})
}

// beside are the rows for a peer: what clawtray and the peer used from before to after.
func beside(peer string, ours, oursAfter, its, itsAfter used) (rows []figures.Row) {
	row := func(name, unit string, value func(before, after used) float64) {
		rows = append(rows, figures.Row{Part: "At rest", Name: name + ", beside " + peer, Unit: unit, Peer: peer, Ours: value(ours, oursAfter), Its: value(its, itsAfter)})
	}
	row("memory", "MB", func(_, a used) float64 { return a.memory })
	row("processor time a minute", "ms", func(b, a used) float64 { return (a.cpu - b.cpu) * 1000 / restTime.Minutes() })
	row("wake-ups a second", "", func(b, a used) float64 { return float64(a.wakeups-b.wakeups) / restTime.Seconds() })
	return rows
}

func lookAll(pids []int) (all []used, err error) {
	for _, pid := range pids {
		u, err := look(pid)
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
}
