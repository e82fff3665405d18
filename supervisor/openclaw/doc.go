// Package openclaw knows OpenClaw: where Node and the npm package "openclaw" are on this
// machine, how to download them when they are missing, how to start a Gateway (arguments
// and environment), where its files are, which token it expects, and how to run its doctor.
//
// Start with [Resolve]. It returns a [Runtime] and a [Trace] of everything that it looked
// at. [Runtime.Gateway] turns a [Launch] into the [Command] to start. [Install] puts a
// managed Runtime into the user's data directory: either the pinned version, for which this
// package knows the hash of every file to download, or another version, for which the
// registry sends the hashes over https. Keeping a process alive is the task of package
// supervisor.
//
// A [Reader] finds out which Gateway `openclaw gateway` would start for this user. Its
// answer is an [Effective] value: address, way to sign in, and where each value comes from.
//
// Facts about OpenClaw name the version on which they were measured.
package openclaw
