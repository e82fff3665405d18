package supervisor

// Intent is what somebody wants of the gateway. Only the owner acts on it.
type Intent string

// The intents.
const (
	Start    Intent = "start"
	Stop     Intent = "stop"
	Restart  Intent = "restart"
	Reload   Intent = "reload"
	Retry    Intent = "retry"     // make the next attempt now, or start again after an error
	TakeOver Intent = "take-over" // start our own gateway after an attached one has gone
	Install  Intent = "install"   // fetch the managed runtime (BEHAVIOUR N3), then start
	Quit     Intent = "quit"      // stop a gateway that is ours, then end clawtray

	LastGood      Intent = "last-good"  // restore the configuration that a gateway accepted last, then start (BEHAVIOUR Q2)
	SafeStart     Intent = "safe-start" // start without channels and plugins (BEHAVIOUR Q3)
	RestoreConfig Intent = "restore"    // undo the changes that OpenClaw's doctor made to the configuration (BEHAVIOUR Q1)
)

// Request is an intent with its options.
type Request struct {
	Intent Intent `json:"intent"`
	// Now does not wait for active work. Without Now, a second Stop or Quit ends the
	// current step of the first one, and a second Restart ends the first one's wait for
	// active work.
	Now bool `json:"now,omitempty"`
	// WhenIdle makes a Restart or Quit wait for active work without the usual limit. A
	// second request, or one with Now, ends the wait.
	WhenIdle bool `json:"whenIdle,omitempty"`
	// Automatic marks a request that no person made. The governor may delay or reject it.
	Automatic bool `json:"-"`
	// Cause is the reason that the status shows. When it is zero, the status says that a
	// person asked.
	Cause Cause `json:"-"`
}

// Answer is the result of a request.
type Answer struct {
	// Result is for programs. Its values do not change.
	Result Result `json:"result"`
	// Message says the same in words for people.
	Message string `json:"message"`
	Status  Status `json:"status"`
}

// Result names how a request ended. Its values are stable.
type Result string

// The results.
const (
	ResultRunning          Result = "running"
	ResultAlreadyRunning   Result = "already-running"
	ResultStopped          Result = "stopped"
	ResultAlreadyStopped   Result = "already-stopped"
	ResultLeftRunning      Result = "left-running" // the gateway is attached, so we do not stop it
	ResultRestarted        Result = "restarted"
	ResultApplied          Result = "applied"            // the gateway uses the configuration on disk, without a restart
	ResultAppliedByRestart Result = "applied-by-restart" // a restart made the gateway use the configuration on disk
	ResultRejected         Result = "rejected"           // the request was refused and has changed nothing; the error says why
	ResultNothingToDo      Result = "nothing-to-do"
	ResultSuperseded       Result = "superseded" // a newer request replaced it
	ResultRestored         Result = "restored"   // the configuration is as it was before OpenClaw's doctor changed it
)
