// Package supervisor keeps one OpenClaw Gateway running and connected, and explains its
// state.
//
// Start reading at [Supervisor.Run]. One goroutine, the owner, holds the whole lifecycle
// state. All other goroutines send the owner a [Request] with [Supervisor.Do] and read
// [Status] values with [Supervisor.Watch].
//
// A generation (generation.go) is one life of the gateway: find the runtime, claim the
// port, spawn the process, wait until it is ready, serve, wind down. When a newer intent
// replaces a generation, the owner cancels its context. A generation ends with a value,
// [Outcome]. The pure function [Decide] takes the outcome and the history and returns a
// [Decision]: what to do next, when, and why.
//
// The desk (desk.go) is independent of the lifecycle. It keeps the requests of the gateway
// that a person has to answer. [Supervisor.WatchRequests] reads them and
// [Supervisor.AnswerRequest] answers them.
//
// The supervisor reaches the machine (processes, ports, the files of the runtime) through
// the interface [Host], so that tests can check every rule about time in virtual time.
// Package machine has the real implementation.
package supervisor
