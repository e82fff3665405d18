// Package machine has all that the life cycle needs of the operating system: the gateway
// process with all that it starts, its output files, the run file by which a later
// clawtray finds the process again, the owners of TCP ports, and the end of sleep.
//
// Start reading at [Machine], which package supervisor uses as its Host. This package
// looks and acts; package supervisor decides.
package machine
