//go:build unix

package rpc

import "time"

const (
	defaultPingInterval = 30 * time.Second
	defaultPongTimeout  = 12 * time.Second
)
