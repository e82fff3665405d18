//go:build !linux

package machine

import "context"

// watchSleep returns nil, because this system does not tell. Package supervisor compares
// clocks instead.
func watchSleep(context.Context) <-chan struct{} { return nil }
