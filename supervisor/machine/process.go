package machine

import (
	"context"
	"time"

	"clawtray/supervisor/openclaw"
)

// Spawn is what a launch needs, besides the runtime.
type Spawn struct {
	Port  int
	Child openclaw.Child
	Safe  bool           // without channels and plugins (BEHAVIOUR Q3); then Paths is needed
	Paths openclaw.Paths // of the configuration
}

// Exit is how a process ended.
type Exit struct {
	Code   int    // exit code; -1 when a signal ended the process, or when the system does not tell
	Signal string // name of the signal, for example "SIGKILL"; empty for an exit code
}

// Line is one line of a gateway's output, without the line end.
type Line struct {
	Text   string
	Stderr bool
}

// InstallProgress is a step of fetching the managed runtime.
type InstallProgress struct {
	Step  string `json:"step"`            // what is being fetched, such as "Node 24.21.0"
	Done  int64  `json:"done,omitempty"`  // bytes
	Total int64  `json:"total,omitempty"` // bytes; 0 when unknown
	Items int    `json:"items,omitempty"` // packages that npm has fetched; npm does not know how many there will be
}

// Process is one gateway process that belongs to this clawtray, with all its descendants.
// A method with a context returns when that ends; the error then says what hangs.
type Process interface {
	PID() int
	StartedAt() time.Time
	Command() string // redacted command line, for messages
	// Port is the TCP port that it was started with; 0 when the run file does not say.
	Port() int
	// Safe reports whether it was started without channels and plugins.
	Safe() bool
	// Lines carries the process's output, and is closed after the last line. A slow reader
	// does not block the process: the lines wait in the output file.
	Lines() <-chan Line
	// Done is closed when the process has ended.
	Done() <-chan struct{}
	// Exit is how the process ended. It is valid after Done.
	Exit() Exit
	// Owns reports whether pid is the process or one of its descendants.
	Owns(ctx context.Context, pid int) bool
	// Activity is the CPU time that the process has used so far, plus the time that it
	// waited for a processor where the system tells that; and whether it is stopped by
	// SIGSTOP or a debugger.
	Activity(ctx context.Context) (cpu time.Duration, stopped bool, err error)
	// Terminate asks the process, not its descendants, to end: with SIGTERM, or with Ctrl-C
	// on Windows.
	Terminate(ctx context.Context) error
	// Kill ends the process and all its descendants by force.
	Kill(ctx context.Context) error
	// Remains lists the pids that are still alive, of the process and its descendants. An
	// error says that the system did not let us look at all, so there may be more.
	Remains(ctx context.Context) ([]int, error)
	// Release waits until the last line is taken, and removes the run file. It fails for a
	// process that has not ended, and then the run file stays.
	Release(ctx context.Context) error
}
