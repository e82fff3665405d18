package rpc

import "time"

// Windows suspends and throttles background processes more freely, so silence
// is given more time there (F1).
const (
	defaultPingInterval = 60 * time.Second
	defaultPongTimeout  = 25 * time.Second
	defaultMaxMisses    = 5
)
