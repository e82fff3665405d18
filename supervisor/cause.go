package supervisor

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Cause says why the gateway is in its state: a stable code, what it was about
// and the last meaningful line the gateway wrote. It is an error, so that
// [errors.As] finds it in what Do returns.
type Cause struct {
	Code     CauseCode `json:"code"`
	Detail   string    `json:"detail,omitempty"`   // names, numbers, versions: what the sentence is about; redacted
	LastLine string    `json:"lastLine,omitempty"` // last meaningful stderr line; redacted
	Tried    string    `json:"tried,omitempty"`    // of a final error: how often, on which port, with what command; redacted
	At       time.Time `json:"at,omitzero"`
	FreePort int       `json:"freePort,omitempty"` // when the port is taken: the next one that is free
}

// CauseCode is stable: programs and translations key on it.
type CauseCode string

// The causes. Those that need a person are marked in the table below.
const (
	NoCause CauseCode = ""

	// What somebody wanted.
	UserStart   CauseCode = "user-start"
	UserStop    CauseCode = "user-stop"
	UserRestart CauseCode = "user-restart"
	UserReload  CauseCode = "user-reload"
	UserRetry   CauseCode = "user-retry"
	UserQuit    CauseCode = "user-quit"
	AutoStart   CauseCode = "auto-start"  // clawtray itself has just started
	SessionEnd  CauseCode = "session-end" // logout or shutdown

	// What happened to a gateway that ran.
	Exited         CauseCode = "exited"          // ended by itself with an exit code
	Killed         CauseCode = "killed"          // ended by a signal that was not ours
	Disconnected   CauseCode = "disconnected"    // the connection closed, the process lives
	InPlaceRestart CauseCode = "restarting"      // the gateway restarts itself in the same process
	Hung           CauseCode = "unresponsive"    // silent on every path: a hang
	StoppedOutside CauseCode = "stopped-outside" // somebody else stopped it on purpose
	Woke           CauseCode = "woke"            // the machine slept
	AttachedGone   CauseCode = "attached-gone"   // somebody else's gateway went away

	// Why it cannot start or be used.
	PortConflict     CauseCode = "port-conflict"
	PortForeignUser  CauseCode = "port-foreign-user" // a gateway of another user of this machine
	NodeMissing      CauseCode = "node-missing"
	NodeTooOld       CauseCode = "node-unsuitable"
	OpenClawMissing  CauseCode = "openclaw-missing"
	RuntimeBroken    CauseCode = "runtime-broken"
	InstallFailed    CauseCode = "install-failed"
	SpawnDenied      CauseCode = "spawn-denied"
	ConfigInvalid    CauseCode = "config-invalid"
	StateDirOwned    CauseCode = "state-dir-owned"
	StateDirUnusable CauseCode = "state-dir-unusable" // read-only, a file, no permission
	DiskFull         CauseCode = "disk-full"
	Downgrade        CauseCode = "downgrade" // state written by a newer OpenClaw
	MigrationLock    CauseCode = "migration-lock"
	StartExit        CauseCode = "start-exit"    // ended before it was ready
	StartTimeout     CauseCode = "start-timeout" // hard limit
	KeepsCrashing    CauseCode = "keeps-crashing"
	GaveUp           CauseCode = "gave-up" // reconnect attempts used up

	// What the gateway said to our connect.
	TokenMismatch    CauseCode = "token-mismatch"
	TokenMissing     CauseCode = "token-missing"
	PairingRequired  CauseCode = "pairing-required"
	SignatureRefused CauseCode = "signature-refused"
	ClockSkew        CauseCode = "clock-skew"
	ProtocolMismatch CauseCode = "protocol-mismatch"
	ConnectRefused   CauseCode = "connect-refused" // another answer that a retry cannot heal
	IdentityBad      CauseCode = "identity-unreadable"

	Internal CauseCode = "internal" // a fault of clawtray
)

// Action is the next thing a person can do, offered as a menu entry.
type Action string

// The actions.
const (
	NoAction       Action = ""
	ActStart       Action = "start"
	ActRetry       Action = "retry"
	ActInstall     Action = "install"
	ActOpenConfig  Action = "open-config"
	ActOpenLogs    Action = "open-logs"
	ActUseFreePort Action = "use-free-port"
	ActApprove     Action = "approve-device"
	ActTakeOver    Action = "take-over"
)

// causeText is one row per code: the sentence (its %s is Detail, if any), the
// next thing to do, whether a person has to do it, and the menu action.
type causeText struct {
	sentence string
	remedy   string
	person   bool
	action   Action
}

var causes = map[CauseCode]causeText{
	NoCause:     {},
	UserStart:   {sentence: "Started by you"},
	UserStop:    {sentence: "Stopped by you", action: ActStart},
	UserRestart: {sentence: "Restarted by you"},
	UserReload:  {sentence: "Configuration reloaded by you"},
	UserRetry:   {sentence: "Retried by you"},
	UserQuit:    {sentence: "clawtray is quitting"},
	AutoStart:   {sentence: "Started with clawtray"},
	SessionEnd:  {sentence: "The session is ending"},

	Exited:         {sentence: "The gateway ended by itself (%s)"},
	Killed:         {sentence: "The gateway was killed (%s)"},
	Disconnected:   {sentence: "The connection to the gateway was lost (%s)"},
	InPlaceRestart: {sentence: "The gateway is restarting itself"},
	Hung:           {sentence: "The gateway stopped answering (%s)"},
	StoppedOutside: {sentence: "The gateway was stopped from outside", remedy: "Start it again when you want it.", action: ActStart},
	Woke:           {sentence: "The computer was asleep"},
	AttachedGone:   {sentence: "The gateway that somebody else runs went away", remedy: "Wait for its owner to bring it back, or start one here.", action: ActTakeOver},

	PortConflict:     {sentence: "The port is taken by another program: %s", remedy: "Quit that program or choose another port.", person: true, action: ActUseFreePort},
	PortForeignUser:  {sentence: "The port belongs to a gateway of another user: %s", remedy: "Choose another port.", person: true, action: ActUseFreePort},
	NodeMissing:      {sentence: "Node.js was not found", remedy: "Run `clawtray install`.", person: true, action: ActInstall},
	NodeTooOld:       {sentence: "No suitable Node.js was found: %s", remedy: "Run `clawtray install`.", person: true, action: ActInstall},
	OpenClawMissing:  {sentence: "OpenClaw was not found", remedy: "Run `clawtray install`.", person: true, action: ActInstall},
	RuntimeBroken:    {sentence: "The installed OpenClaw cannot be used: %s", remedy: "Run `clawtray install`.", person: true, action: ActInstall},
	InstallFailed:    {sentence: "Installing the runtime failed: %s", remedy: "Run `clawtray install` again.", person: true, action: ActInstall},
	SpawnDenied:      {sentence: "The system refused to start Node.js: %s", remedy: "Check the file's permissions and your antivirus or policy software.", person: true, action: ActOpenLogs},
	ConfigInvalid:    {sentence: "OpenClaw rejects its configuration: %s", remedy: "Correct the file, then retry.", person: true, action: ActOpenConfig},
	StateDirOwned:    {sentence: "Another OpenClaw process uses the same state directory (%s)", remedy: "Stop that one, or give this one a state directory of its own.", person: true, action: ActRetry},
	StateDirUnusable: {sentence: "The state directory cannot be written: %s", remedy: "Correct its permissions, then retry.", person: true, action: ActRetry},
	DiskFull:         {sentence: "The disk is full: %s", remedy: "Free some space, then retry.", person: true, action: ActRetry},
	Downgrade:        {sentence: "The state was written by a newer OpenClaw: %s", remedy: "Update OpenClaw.", person: true, action: ActInstall},
	MigrationLock:    {sentence: "An OpenClaw migration holds its lock: %s", remedy: "Wait for it to end, then retry.", person: true, action: ActRetry},
	StartExit:        {sentence: "The gateway ended while starting (%s)", action: ActRetry},
	StartTimeout:     {sentence: "The gateway was not ready in time (%s)", remedy: "Look at the log, then retry.", person: true, action: ActOpenLogs},
	KeepsCrashing:    {sentence: "The gateway keeps crashing (%s)", remedy: "Look at the log, then start it again.", person: true, action: ActRetry},
	GaveUp:           {sentence: "The gateway could not be brought back (%s)", remedy: "Look at the log, then retry.", person: true, action: ActRetry},

	TokenMismatch:    {sentence: "The gateway refuses the token%s", remedy: "Make both use the same token, then retry.", person: true, action: ActOpenConfig},
	TokenMissing:     {sentence: "The gateway wants a token and none is known", remedy: "Set one in OpenClaw's or clawtray's configuration.", person: true, action: ActOpenConfig},
	PairingRequired:  {sentence: "This device has to be approved first: %s", remedy: "Approve it on a paired device or in a terminal, then retry.", person: true, action: ActApprove},
	SignatureRefused: {sentence: "The gateway refuses this device's signature: %s", remedy: "Look at the log, then retry.", person: true, action: ActRetry},
	ClockSkew:        {sentence: "The gateway's clock and this computer's differ too much", remedy: "Set the computer's clock, then retry.", person: true, action: ActRetry},
	ProtocolMismatch: {sentence: "clawtray and the gateway speak different protocol versions: %s", remedy: "Update the older of the two.", person: true},
	ConnectRefused:   {sentence: "The gateway refuses the connection: %s", remedy: "Look at the log, then retry.", person: true, action: ActOpenLogs},
	IdentityBad:      {sentence: "The device identity cannot be used: %s", remedy: "Correct the file's permissions, then retry.", person: true, action: ActRetry},

	Internal: {sentence: "clawtray has a fault: %s", remedy: "Please report it with the diagnostics.", person: true, action: ActOpenLogs},
}

// Sentence is the cause in words a user understands, without a full stop.
func (c Cause) Sentence() string {
	t, ok := causes[c.Code]
	if !ok {
		return string(c.Code)
	}
	return fill(t.sentence, c.Detail)
}

// Remedy is the next thing to do, as a sentence; empty when there is nothing.
func (c Cause) Remedy() string { return causes[c.Code].remedy }

// Action is the menu entry that helps, if any.
func (c Cause) Action() Action { return causes[c.Code].action }

// requestID is what may stand in a command line unquoted.
var requestID = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]*$`)

// Command is what a person can run in a terminal to heal it, empty when there is
// nothing. The gateway chooses the request's id, so only a harmless one is used.
func (c Cause) Command() string {
	switch {
	case c.Code != PairingRequired:
		return ""
	case requestID.MatchString(c.Detail):
		return "openclaw devices approve " + c.Detail
	}
	return "openclaw devices list"
}

// NeedsPerson reports whether no retry can heal it.
func (c Cause) NeedsPerson() bool { return causes[c.Code].person }

// Error is the sentence with the remedy and the last line, for logs and commands.
func (c Cause) Error() string {
	s := c.Sentence() + "."
	if c.Tried != "" {
		s += " " + c.Tried + "."
	}
	if c.LastLine != "" {
		s += fmt.Sprintf(" Last line: %q.", c.LastLine)
	}
	if r := c.Remedy(); r != "" {
		s += " " + r
	}
	return s
}

// tried is what a final error says about the starts before it (BEHAVIOUR B8).
func tried(starts, port int, command string) string {
	times := fmt.Sprintf("%d times", starts)
	if starts == 1 {
		times = "once"
	}
	s := fmt.Sprintf("Tried %s on port %d", times, port)
	if command != "" {
		s += ": " + command
	}
	return s
}

// fill puts detail into a sentence's %s; without detail the placeholder goes,
// together with the punctuation that would have introduced it.
func fill(sentence, detail string) string {
	head, tail, has := strings.Cut(sentence, "%s")
	switch {
	case !has:
		return sentence
	case detail != "":
		return head + detail + tail
	}
	return strings.TrimRight(head, " :(") + strings.TrimLeft(tail, ")")
}
