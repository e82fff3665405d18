// Package supervisortest has machines for tests of what stands around a
// supervisor.
package supervisortest

import (
	"context"
	"errors"
	"net"

	"clawtray/supervisor"
	"clawtray/supervisor/openclaw"
)

// Bare is a [supervisor.Host] on which nothing is installed and nobody listens:
// a start fails, with [supervisor.NodeMissing]. Each method is here, so that one
// more in the interface is noticed when this is compiled.
type Bare struct{}

var _ supervisor.Host = Bare{}

var errBare = errors.New("there is nothing on this machine")

// Runtime implements supervisor.Host.
func (Bare) Runtime(context.Context) (openclaw.Runtime, error) {
	return openclaw.Runtime{}, &openclaw.MissingError{Kind: openclaw.NodeMissing, Sentence: "no Node"}
}

// AwaitUpgrade implements supervisor.Host.
func (Bare) AwaitUpgrade(context.Context, func()) {}

// Install implements supervisor.Host.
func (Bare) Install(context.Context, bool, func(supervisor.InstallProgress)) error { return errBare }

// Token implements supervisor.Host.
func (Bare) Token() (openclaw.Token, error) { return openclaw.Token{}, errBare }

// Launch implements supervisor.Host.
func (Bare) Launch(context.Context, openclaw.Runtime, supervisor.Spawn) (supervisor.Process, error) {
	return nil, errBare
}

// Orphan implements supervisor.Host.
func (Bare) Orphan(context.Context) (supervisor.Process, error) { return nil, nil }

// Listener implements supervisor.Host.
func (Bare) Listener(context.Context, int, int) (supervisor.Listener, error) {
	return supervisor.Listener{}, supervisor.ErrNoListener
}

// FreePort implements supervisor.Host.
func (Bare) FreePort(p int) int { return p + 1 }

// Dial implements supervisor.Host.
func (Bare) Dial(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("connection refused")
}

// Repair implements supervisor.Host.
func (Bare) Repair(context.Context, openclaw.Runtime) (string, error) { return "", errBare }

// GatewayConfig implements supervisor.Host.
func (Bare) GatewayConfig() (openclaw.Config, error) { return openclaw.Config{}, nil }

// Missing implements supervisor.Host.
func (Bare) Missing(context.Context) []string { return nil }

// Wakes implements supervisor.Host.
func (Bare) Wakes(context.Context) <-chan struct{} { return nil }

// Obstacle implements supervisor.Host.
func (Bare) Obstacle() (supervisor.Cause, bool) { return supervisor.Cause{}, false }
