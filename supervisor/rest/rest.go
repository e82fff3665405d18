// Package rest keeps clawtray's memory small while nothing happens. [Watch] follows the
// gateway's state. Some seconds after the last change, it returns memory to the system and
// makes the garbage collector wait until some garbage exists. The next change restores the
// usual settings of the collector.
package rest

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"clawtray/supervisor"
)

// restAfter is how long the gateway must have been in one state before clawtray returns
// memory that it needed to reach that state.
const restAfter = 10 * time.Second

// garbageAtRest is how much garbage may exist while nothing happens, in bytes, before the
// collector runs. By default, the runtime would collect every two minutes. That would wake
// the program more often than the gateway does, for a few kilobytes.
const garbageAtRest = 512 << 10

// collectorsShare is what the collector keeps free below a memory limit, in bytes
// (memoryLimitMinHeapGoalHeadroom, Go 1.21 to 1.26). Without it, a limit leaves no room for
// garbage, and each kilobyte can start the collector.
const collectorsShare = 1 << 20

// Watch returns memory to the system each time the gateway's state has settled. It ends
// with ctx or the supervisor. Starting a gateway needs several times the memory that
// watching one does, and the runtime alone would return it over many minutes.
func Watch(ctx context.Context, s *supervisor.Supervisor) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	var mu sync.Mutex // guards state and the settings of the collector, which depend on it
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
			continue // the gateway is not at rest until it leaves these states
		}
		timer = time.AfterFunc(restAfter, func() { settle(status.State) })
	}
	if timer != nil {
		timer.Stop()
	}
	enter("")
}
