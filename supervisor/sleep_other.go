//go:build !linux

package supervisor

import "context"

// watchSleep: here only the clock tells (see watchClock).
func watchSleep(context.Context) <-chan struct{} { return nil }
