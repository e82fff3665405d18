// Package supervisor keeps one OpenClaw Gateway alive, connected and explained.
//
// Start reading at [Supervisor.Run]: one goroutine, the owner, holds all
// lifecycle state. Everybody else sends it a [Request] with [Supervisor.Do] and
// reads [Status] values with [Supervisor.Watch].
//
// One life of the gateway is a generation (generation.go), read top to bottom:
// find the runtime, claim the port, spawn, wait until ready, serve, wind down.
// Cancelling its context is how a newer intent supersedes it, and its end is a
// value, [Outcome]. The pure function [Decide] turns the outcome and what
// happened before into a [Decision]: what to do next, when, and why.
//
// What touches the machine (processes, the port table, the runtime's files)
// stands behind [Host], so that every rule with a clock in it is tested in
// virtual time.
package supervisor
