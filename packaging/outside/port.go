package outside

import (
	"errors"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

// FreePort returns ports from this range. The system gives ports from 32768 on to programs
// that ask for any port, so it could give away a gateway's port between two of its lives.
const firstPort, ports = 10000, 20000

// apart is the distance between two ports of FreePort, because programs under test use the
// ports above theirs, too: OpenClaw derives further ports, so its guide wants 120 between
// two gateways, and clawtray looks for the next free port when its own is taken.
const apart = 120

// usedPorts is a counter whose first value differs between processes.
var usedPorts atomic.Int64

func init() { usedPorts.Store(int64(os.Getpid()) * 100) }

// FreePort returns a loopback port on which nobody listens now. Each of the first 500 calls
// in a process returns another port, at least 40 away from the others.
func FreePort() (int, error) {
	for range ports {
		if port := firstPort + int(usedPorts.Add(apart)%ports); PortFree(port) {
			return port, nil
		}
	}
	return 0, errors.New("no port is free")
}

// PortFree reports whether nobody listens on a loopback port.
func PortFree(port int) bool {
	l, err := net.Listen("tcp", Address(port))
	if err == nil {
		l.Close()
	}
	return err == nil
}

// Address returns the address of a loopback port as package net writes it.
func Address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
