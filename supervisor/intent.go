package supervisor

// Intent is what somebody wants of the gateway. The supervisor's owner loop is
// the only one that acts on it.
type Intent string

// The intents.
const (
	Start    Intent = "start"
	Stop     Intent = "stop"
	Restart  Intent = "restart"
	Reload   Intent = "reload"
	Retry    Intent = "retry"     // wake a waiting retry, or start again after an error
	TakeOver Intent = "take-over" // start our own after an attached gateway went away
	Install  Intent = "install"   // fetch the managed runtime (BEHAVIOUR N3), then start
	Quit     Intent = "quit"      // stop what is ours, then end clawtray
)

// Request is an intent with what goes with it.
type Request struct {
	Intent Intent `json:"intent"`
	// Now skips waiting for active work. A second Stop, Restart or Quit while
	// one is under way does the same and goes to the ladder's next rung.
	Now bool `json:"now,omitempty"`
	// Automatic marks a request that no person made: it passes the governor.
	Automatic bool `json:"-"`
	// Cause overrides what the status says about why; zero is "by the user".
	Cause Cause `json:"-"`
}

// Answer is how a request ended. Every request gets one.
type Answer struct {
	// Result is the stable part, for programs.
	Result Result `json:"result"`
	// Message is the same for a person.
	Message string `json:"message"`
	Status  Status `json:"status"`
}

// Result is the stable part of an [Answer].
type Result string

// The results.
const (
	ResultRunning          Result = "running"
	ResultAlreadyRunning   Result = "already-running"
	ResultStopped          Result = "stopped"
	ResultAlreadyStopped   Result = "already-stopped"
	ResultLeftRunning      Result = "left-running" // attached: not ours to stop
	ResultRestarted        Result = "restarted"
	ResultApplied          Result = "applied"
	ResultAppliedByRestart Result = "applied-by-restart"
	ResultRejected         Result = "rejected"
	ResultNothingToDo      Result = "nothing-to-do"
	ResultSuperseded       Result = "superseded" // a newer intent won
)
