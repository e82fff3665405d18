// Package supervisortest has fake machines for tests of packages that use a supervisor.
package supervisortest

import (
	"context"
	"errors"
	"net"
	"time"

	"clawtray/supervisor"
	"clawtray/supervisor/openclaw"
)

// Bare is a [supervisor.Host] on which nothing is installed and nobody listens. A start
// fails with [supervisor.NodeMissing]. Bare has each method itself instead of embedding an
// interface, so that the compiler reports a new method of the interface.
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

// Gateway implements supervisor.Host.
func (Bare) Gateway(context.Context) (openclaw.Effective, error) {
	e := openclaw.Effective{Mode: openclaw.Given[string]{Value: "local"}, Reload: openclaw.DefaultReload()}
	e.File.Exists, e.SignIn.Mode.Value = true, openclaw.SignInNone
	return e.At(18789, openclaw.SourceDefault), nil
}

// Ask implements supervisor.Host.
func (Bare) Ask(context.Context, openclaw.Runtime) error { return errBare }

// FirstRun implements supervisor.Host.
func (Bare) FirstRun(context.Context, openclaw.Runtime) (openclaw.Effective, error) {
	return openclaw.Effective{}, errBare
}

// Accepted implements supervisor.Host.
func (Bare) Accepted(context.Context, openclaw.Effective) {}

// LastAccepted implements supervisor.Host.
func (Bare) LastAccepted(context.Context, openclaw.Effective) openclaw.ConfigFile {
	return openclaw.ConfigFile{}
}

// StateOwner implements supervisor.Host.
func (Bare) StateOwner(context.Context, string) *supervisor.StateOwner { return nil }

// CheckPeer implements supervisor.Host.
func (Bare) CheckPeer(context.Context, net.Conn) error { return errBare }

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
func (Bare) FreePort(_ context.Context, p int) int { return p + 1 }

// Dial implements supervisor.Host.
func (Bare) Dial(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("connection refused")
}

// Repair implements supervisor.Host.
func (Bare) Repair(context.Context, openclaw.Runtime, openclaw.Effective) (supervisor.Repair, error) {
	return supervisor.Repair{}, errBare
}

// Restore implements supervisor.Host.
func (Bare) Restore(context.Context, openclaw.Effective) (time.Time, error) {
	return time.Time{}, errBare
}

// LastGood implements supervisor.Host.
func (Bare) LastGood(context.Context, openclaw.Effective) time.Time { return time.Time{} }

// PutLastGood implements supervisor.Host.
func (Bare) PutLastGood(context.Context, openclaw.Effective) error { return errBare }

// Missing implements supervisor.Host.
func (Bare) Missing(context.Context) []string { return nil }

// Wakes implements supervisor.Host.
func (Bare) Wakes(context.Context) <-chan struct{} { return nil }

// Space implements supervisor.Host.
func (Bare) Space(context.Context, string) []string { return nil }

// Obstacle implements supervisor.Host.
func (Bare) Obstacle(context.Context) error { return nil }
