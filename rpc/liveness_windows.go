package rpc

import "time"

// The defaults are longer here, because Windows suspends and throttles background
// processes more often, so that longer silences are normal.
const (
	defaultPingInterval = 60 * time.Second
	defaultPongTimeout  = 25 * time.Second
)
