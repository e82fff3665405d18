package machine

// Kind says what can be done about an error of the system.
type Kind uint8

// The kinds.
const (
	Final            Kind = iota // another try does not help
	Retry                        // the system lacks something for a moment, or the file is in use: try again
	DiskFull                     // no space is left
	StateDirUnusable             // the state directory cannot be written
)

// LaunchError is the error of a launch that left no process.
type LaunchError struct {
	Kind Kind // Final, Retry or DiskFull
	Err  error
}

func (e *LaunchError) Error() string { return e.Err.Error() }
func (e *LaunchError) Unwrap() error { return e.Err }

// launchError wraps an error of the system in a *LaunchError; nil stays nil.
func launchError(err error) error {
	if err == nil {
		return nil
	}
	return &LaunchError{kindOf(err), err}
}
