package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"clawtray/supervisor"
)

// restAfter is how long the gateway must have been in one state before clawtray
// gives back the memory that getting there took.
const restAfter = 10 * time.Second

// garbageAtRest is how much may gather, in bytes, until it is collected while
// nothing happens. The runtime's own way, every two minutes, wakes the program for
// a few kilobytes more often than the gateway does.
const garbageAtRest = 512 << 10

// collectorsShare is what the collector keeps free below a limit, in bytes
// (memoryLimitMinHeapGoalHeadroom, Go 1.21 to 1.26). A limit that forgets it leaves
// no room for garbage, and each kilobyte can set the collector off.
const collectorsShare = 1 << 20

// rest gives memory back each time things have settled, until the supervisor
// ends. Starting a gateway takes several times the memory that watching one does,
// and the runtime alone returns it over many minutes.
func rest(ctx context.Context, s *supervisor.Supervisor) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	var mu sync.Mutex // of state, and of the collector's settings, which belong to it
	var state supervisor.State
	enter := func(next supervisor.State) {
		mu.Lock()
		defer mu.Unlock()
		state = next
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
	settle := func(in supervisor.State) {
		mu.Lock()
		defer mu.Unlock()
		if state != in {
			return
		}
		debug.FreeOSMemory()
		forgetProgram()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		debug.SetGCPercent(-1)
		debug.SetMemoryLimit(min(limit, int64(m.Sys-m.HeapReleased)+collectorsShare+garbageAtRest))
	}
	var timer *time.Timer
	for status := range s.Watch(ctx) {
		if status.State == state {
			continue
		}
		if timer != nil {
			timer.Stop()
		}
		enter(status.State)
		if state == supervisor.Starting || state == supervisor.Reconnecting {
			continue // at work, however long it takes
		}
		timer = time.AfterFunc(restAfter, func() { settle(status.State) })
	}
	if timer != nil {
		timer.Stop()
	}
	enter("")
}
