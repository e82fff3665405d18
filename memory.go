package main

import (
	"context"
	"runtime/debug"
	"time"

	"clawtray/supervisor"
)

// restAfter is how long the gateway must have been in one state before clawtray
// gives back the memory that getting there took.
const restAfter = 10 * time.Second

// rest gives memory back each time things have settled, until the supervisor
// ends. Starting a gateway takes several times the memory that watching one does,
// and the runtime alone returns it over many minutes.
func rest(ctx context.Context, s *supervisor.Supervisor) {
	var state supervisor.State
	var timer *time.Timer
	for status := range s.Watch(ctx) {
		if status.State == state {
			continue
		}
		state = status.State
		if timer != nil {
			timer.Stop()
		}
		timer = time.AfterFunc(restAfter, func() {
			debug.FreeOSMemory()
			forgetProgram()
		})
	}
	if timer != nil {
		timer.Stop()
	}
}
