//go:build unix

package rpc

import "time"

// With these a hung gateway is noticed after about 1 min 45 s (F1, F2).
const (
	defaultPingInterval = 30 * time.Second
	defaultPongTimeout  = 12 * time.Second
	defaultMaxMisses    = 3
)
