// Package openclaw holds everything that is OpenClaw's and not ours: where Node and the npm
// package "openclaw" live on this machine, how to fetch them when they are missing, how a
// Gateway is started (arguments and environment), where its files are, which token it expects,
// and how its doctor is run.
//
// Start with [Resolve], which answers with a [Runtime] and a [Trace] of everything it looked at;
// [Runtime.Gateway] turns a [Launch] into the [Command] to spawn. [Install] puts a managed
// Runtime under the user's data directory. Nothing here keeps a process alive; that is package
// supervisor's work.
//
// Facts about OpenClaw are marked with the version they were measured on.
package openclaw
