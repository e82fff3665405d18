package supervisor

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Cause says why the gateway is in its state: a stable code, the details and the last
// meaningful line that the gateway wrote. It is an error, so that callers of
// [Supervisor.Do] can find it with [errors.As].
type Cause struct {
	Code     CauseCode `json:"code"`
	Detail   string    `json:"detail,omitempty"`   // names, numbers, versions for the sentence; redacted
	LastLine string    `json:"lastLine,omitempty"` // last meaningful line of the gateway's output; redacted
	Tried    string    `json:"tried,omitempty"`    // set in a final error: how often, on which port and with what command; redacted
	At       time.Time `json:"at,omitzero"`
	FreePort int       `json:"freePort,omitempty"` // set when the port is taken: the next free port
	// Until is when another process's lease for a migration ends, if the gateway printed
	// that time. The process that holds the lease extends it while it works.
	Until time.Time `json:"until,omitzero"`
	// LastGood is when a gateway accepted the configuration that the intent [LastGood]
	// restores; zero when none is known or it would not help.
	LastGood time.Time `json:"lastGood,omitzero"`
}

// CauseCode is the stable name of a cause. Programs and translations depend on it.
type CauseCode string

// The causes. The table below says which of them need a person.
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

	// What happened to a running gateway.
	Exited         CauseCode = "exited"          // the process ended by itself with an exit code
	Killed         CauseCode = "killed"          // the process was ended by a signal that we did not send
	Disconnected   CauseCode = "disconnected"    // the connection closed, but the process still runs
	InPlaceRestart CauseCode = "restarting"      // the gateway restarts itself in the same process
	Hung           CauseCode = "unresponsive"    // the gateway answers in no way: it hangs
	StoppedOutside CauseCode = "stopped-outside" // somebody else stopped the gateway on purpose
	Woke           CauseCode = "woke"            // the machine slept
	AttachedGone   CauseCode = "attached-gone"   // somebody else's gateway has ended

	// Why the gateway cannot start or cannot be used.
	PortConflict      CauseCode = "port-conflict"
	PortForeignUser   CauseCode = "port-foreign-user" // a gateway of another user of this machine
	NodeMissing       CauseCode = "node-missing"
	NodeTooOld        CauseCode = "node-unsuitable"
	OpenClawMissing   CauseCode = "openclaw-missing"
	RuntimeBroken     CauseCode = "runtime-broken"
	InstallFailed     CauseCode = "install-failed"
	SpawnDenied       CauseCode = "spawn-denied"
	SpawnFailed       CauseCode = "spawn-failed" // the system had no memory or no file descriptors at that moment
	ConfigInvalid     CauseCode = "config-invalid"
	ConfigUnreadable  CauseCode = "config-unreadable" // permissions, an I/O error, a file system that hangs
	ConfigForeign     CauseCode = "config-foreign"    // not readable, and owned by another user
	ConfigBroken      CauseCode = "config-broken"     // incomplete, or not JSON5
	ConfigLost        CauseCode = "config-lost"       // a gateway had accepted the file, and now it is empty or gone
	ConfigClobbered   CauseCode = "config-clobbered"  // the file has no gateway.mode
	ConfigConflict    CauseCode = "config-conflict"   // values that exclude each other, or that cannot be used
	RestoreFailed     CauseCode = "restore-failed"    // an earlier configuration could not be restored
	SetUpFailed       CauseCode = "set-up-failed"     // OpenClaw could not write its first configuration
	SecretUnresolved  CauseCode = "secret-unresolved" // the configuration refers to a variable or secret that does not exist
	SecretOpaque      CauseCode = "secret-opaque"     // only OpenClaw can read the secret that the gateway wants
	RemoteGateway     CauseCode = "remote-gateway"    // the configuration is for a gateway on another machine
	RemoteUnreachable CauseCode = "remote-unreachable"
	WrongCertificate  CauseCode = "wrong-certificate"
	PasswordRefused   CauseCode = "password-refused"
	ProxyOnly         CauseCode = "proxy-only" // trusted-proxy without a password, and our device is not paired
	BadNodeOptions    CauseCode = "bad-node-options"
	BindFailed        CauseCode = "bind-failed" // the address of gateway.bind does not exist, or is not allowed
	CertificateBad    CauseCode = "certificate-bad"
	FileWatchers      CauseCode = "file-watchers" // the system's limit for watched files
	TooManyFiles      CauseCode = "too-many-files"
	Migrating         CauseCode = "migrating" // another process migrates the state to a newer version
	MigrationRefused  CauseCode = "migration-refused"
	StateDamaged      CauseCode = "state-damaged" // the integrity check of the database failed
	StateBusy         CauseCode = "state-busy"    // the integrity check took too long, or another program uses the database
	PackageBroken     CauseCode = "package-broken"
	ProxyAuth         CauseCode = "proxy-auth-conflict" // gateway.auth.mode is trusted-proxy, and there is a token, too
	StateDirOwned     CauseCode = "state-dir-owned"
	StateDirUnusable  CauseCode = "state-dir-unusable" // read-only, not a folder, or no permission
	NoPermission      CauseCode = "no-permission"
	DiskFull          CauseCode = "disk-full"
	DiskError         CauseCode = "disk-error" // a full disk or quota, or a disk with a fault
	Downgrade         CauseCode = "downgrade"  // state written by a newer OpenClaw
	MigrationLock     CauseCode = "migration-lock"
	OutOfMemory       CauseCode = "out-of-memory" // V8's heap is used up
	CouldNotEnd       CauseCode = "could-not-end" // a process survives SIGKILL
	StartExit         CauseCode = "start-exit"    // the process ended before it was ready
	StartRefused      CauseCode = "start-refused" // exit code 78 without a known reason
	StartTimeout      CauseCode = "start-timeout" // the start took longer than Policy.HardStart
	KeepsCrashing     CauseCode = "keeps-crashing"
	GaveUp            CauseCode = "gave-up" // reconnect attempts used up

	// How the gateway refused our sign-in.
	TokenMismatch    CauseCode = "token-mismatch"
	TokenMissing     CauseCode = "token-missing"
	PairingRequired  CauseCode = "pairing-required"
	PairingThere     CauseCode = "pairing-required-there" // the gateway is on another machine
	SignatureRefused CauseCode = "signature-refused"
	ClockSkew        CauseCode = "clock-skew"
	ProtocolMismatch CauseCode = "protocol-mismatch"
	ConnectRefused   CauseCode = "connect-refused" // another refusal that a retry cannot heal
	IdentityBad      CauseCode = "identity-unreadable"

	Internal CauseCode = "internal" // a bug in clawtray
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

// causeText is the row of one code in causes.
type causeText struct {
	sentence string // its %s, if any, becomes Detail
	remedy   string // what a person can do, as sentences
	person   bool   // a person has to act: no retry heals it
	action   Action // the menu entry that helps
	config   bool   // another configuration may help
	safe     bool   // a start without channels and plugins may help
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

	PortConflict:      {sentence: "The port is taken by another program: %s", remedy: "Quit that program, and the gateway starts by itself. Or choose another port.", person: true, action: ActUseFreePort},
	PortForeignUser:   {sentence: "The port belongs to a gateway of another user: %s", remedy: "Choose another port. When that gateway ends, yours starts by itself.", person: true, action: ActUseFreePort},
	NodeMissing:       {sentence: "Node.js was not found", remedy: "Run `clawtray install`.", person: true, action: ActInstall},
	NodeTooOld:        {sentence: "No suitable Node.js was found: %s", remedy: "Run `clawtray install`.", person: true, action: ActInstall},
	OpenClawMissing:   {sentence: "OpenClaw was not found", remedy: "Run `clawtray install`.", person: true, action: ActInstall},
	RuntimeBroken:     {sentence: "The installed OpenClaw cannot be used: %s", remedy: "Run `clawtray install`.", person: true, action: ActInstall},
	InstallFailed:     {sentence: "Installing the runtime failed: %s", remedy: "Run `clawtray install` again.", person: true, action: ActInstall},
	SpawnDenied:       {sentence: "The system refused to start Node.js: %s", remedy: "Check the file's permissions and your antivirus or policy software.", person: true, action: ActOpenLogs},
	SpawnFailed:       {sentence: "The system could not start Node.js just now: %s", action: ActRetry},
	OutOfMemory:       {sentence: "The gateway ran out of memory (%s)", remedy: "Close other programs, or give Node.js more memory with node_options in clawtray's settings.", action: ActRetry, safe: true},
	CouldNotEnd:       {sentence: "Some processes of the gateway could not be ended: %s", remedy: "Restart the computer if they do not end by themselves.", person: true, action: ActRetry},
	ConfigInvalid:     {sentence: "OpenClaw rejects its configuration: %s", remedy: "Correct the file, then retry.", person: true, action: ActOpenConfig, config: true},
	ConfigUnreadable:  {sentence: "OpenClaw's configuration cannot be read: %s", remedy: "See to it that you can read it, as a plain file. The gateway then starts by itself.", person: true, action: ActOpenConfig},
	ConfigForeign:     {sentence: "OpenClaw's configuration belongs to another user: %s", remedy: "Give the file back to your user. The gateway then starts by itself.", person: true, action: ActOpenConfig},
	ConfigBroken:      {sentence: "OpenClaw's configuration has a mistake: %s", remedy: "Correct the file, or put a good one in its place. The gateway then starts by itself.", person: true, action: ActOpenConfig, config: true},
	ConfigLost:        {sentence: "OpenClaw's configuration is damaged or gone: %s", remedy: "Repair the file or put it back; the gateway then starts by itself. If you removed it yourself, retry to begin anew.", person: true, action: ActOpenConfig, config: true},
	ConfigClobbered:   {sentence: "OpenClaw's configuration seems to have lost its contents: %s", remedy: "Put the file back, or set gateway.mode to local in it. The gateway then starts by itself.", person: true, action: ActOpenConfig, config: true},
	ConfigConflict:    {sentence: "OpenClaw's configuration cannot be used: %s", remedy: "Correct the file. The gateway then starts by itself.", person: true, action: ActOpenConfig, config: true},
	RestoreFailed:     {sentence: "The earlier configuration could not be put in place: %s", remedy: "Correct the file by hand, then retry.", person: true, action: ActOpenConfig},
	SetUpFailed:       {sentence: "OpenClaw could not write its first configuration: %s", remedy: "Run `clawtray openclaw setup`, then retry.", person: true, action: ActRetry},
	SecretUnresolved:  {sentence: "OpenClaw's configuration refers to something that is not there: %s", remedy: "Set it, for example in .env in OpenClaw's state folder: what only a shell sets does not count. The gateway then starts.", person: true, action: ActOpenConfig, config: true},
	SecretOpaque:      {sentence: "clawtray cannot sign in to the gateway: the secret is %s", remedy: "Unlock what keeps it, or give clawtray the same token in its settings, then retry.", person: true, action: ActOpenConfig},
	RemoteGateway:     {sentence: "OpenClaw is set up for a gateway on another machine: %s", remedy: "Start the connection to it, or set gateway.mode to local to run one here.", person: true, action: ActOpenConfig},
	RemoteUnreachable: {sentence: "The gateway on another machine cannot be reached at %s", remedy: "Look at that machine and at the network; clawtray connects by itself when it answers.", action: ActRetry},
	WrongCertificate:  {sentence: "The gateway at %s has another certificate than the one that is expected", remedy: "Make sure that it is the right gateway, correct the fingerprint, then retry.", person: true, action: ActOpenConfig},
	PasswordRefused:   {sentence: "The gateway refuses the password%s", remedy: "Make both use the same password, then retry.", person: true, action: ActOpenConfig},
	ProxyOnly:         {sentence: "The gateway lets in only who comes through its proxy", remedy: "Set gateway.auth.password in OpenClaw's configuration, with which clients of this computer may sign in; then retry.", person: true, action: ActOpenConfig},
	BadNodeOptions:    {sentence: "Node.js does not take its options: %s", remedy: "Correct node_options in clawtray's settings, then retry.", person: true, action: ActRetry},
	BindFailed:        {sentence: "The gateway cannot listen where it is to: %s", remedy: "Look at gateway.bind and gateway.auth in OpenClaw's configuration, then retry.", person: true, action: ActOpenConfig, config: true},
	CertificateBad:    {sentence: "The gateway's TLS certificate cannot be used: %s", remedy: "Look at gateway.tls in OpenClaw's configuration, then retry.", person: true, action: ActOpenConfig, config: true},
	FileWatchers:      {sentence: "The system lets no more files be watched: %s", remedy: "Raise fs.inotify.max_user_watches and max_user_instances, or close other programs, then retry.", person: true, action: ActRetry},
	TooManyFiles:      {sentence: "The system lets no more files be opened: %s", remedy: "Close other programs, or raise the limit (ulimit -n), then retry.", person: true, action: ActRetry},
	Migrating:         {sentence: "Another OpenClaw process is bringing the state up to date: %s", action: ActRetry},
	MigrationRefused:  {sentence: "OpenClaw does not bring its state up to date: %s", remedy: "Run `clawtray openclaw doctor` in a terminal and follow what it says, then retry.", person: true, action: ActOpenLogs},
	StateDamaged:      {sentence: "OpenClaw's state is damaged: %s", remedy: "Restore it from a backup, or run `clawtray openclaw doctor` in a terminal, then retry.", person: true, action: ActOpenLogs},
	StateBusy:         {sentence: "OpenClaw's state could not be opened in time: %s", action: ActRetry},
	PackageBroken:     {sentence: "The installed OpenClaw is not whole: %s", remedy: "Run `clawtray install`.", person: true, action: ActInstall},
	ProxyAuth:         {sentence: "OpenClaw's configuration contradicts itself: %s", remedy: "With gateway.auth.mode trusted-proxy there must be no token: take it out of the configuration and of .env, then retry.", person: true, action: ActOpenConfig, config: true},
	StateDirOwned:     {sentence: "Another OpenClaw process uses the same state directory (%s)", remedy: "Stop that one, or give this one a state directory of its own.", person: true, action: ActRetry},
	StateDirUnusable:  {sentence: "The state directory cannot be written: %s", remedy: "Correct its permissions, then retry.", person: true, action: ActRetry},
	NoPermission:      {sentence: "The gateway may not use a file or folder: %s", remedy: "Correct its permissions, then retry.", person: true, action: ActRetry},
	DiskFull:          {sentence: "The disk is full: %s", remedy: "Free some space, then retry.", person: true, action: ActRetry},
	DiskError:         {sentence: "OpenClaw's state cannot be read or written: %s", remedy: "See whether the disk or your quota is full, or the disk has a fault, then retry.", person: true, action: ActRetry},
	Downgrade:         {sentence: "The state was written by a newer OpenClaw: %s", remedy: "Update OpenClaw.", person: true, action: ActInstall},
	MigrationLock:     {sentence: "An OpenClaw migration holds its lock: %s", remedy: "Wait for it to end, then retry.", person: true, action: ActRetry},
	StartExit:         {sentence: "The gateway ended while starting (%s)", action: ActRetry, safe: true},
	StartRefused:      {sentence: "OpenClaw refuses to start: %s", remedy: "Look at the log, then retry.", person: true, action: ActOpenLogs, config: true},
	StartTimeout:      {sentence: "The gateway was not ready in time (%s)", remedy: "Look at the log, then retry.", person: true, action: ActOpenLogs, safe: true},
	KeepsCrashing:     {sentence: "The gateway keeps crashing (%s)", remedy: "Look at the log, then start it again.", person: true, action: ActRetry, safe: true},
	GaveUp:            {sentence: "The gateway could not be brought back (%s)", remedy: "Look at the log, then retry.", person: true, action: ActRetry, safe: true},

	TokenMismatch:    {sentence: "The gateway refuses the token%s", remedy: "Make both use the same token, then retry.", person: true, action: ActOpenConfig},
	TokenMissing:     {sentence: "The gateway wants a token and none is known", remedy: "Set one in OpenClaw's or clawtray's configuration.", person: true, action: ActOpenConfig, config: true},
	PairingThere:     {sentence: "The gateway's machine has to approve this device first: %s", remedy: "Run the command in a terminal of that machine, or approve it on a paired device; then clawtray signs in by itself.", person: true, action: ActApprove},
	PairingRequired:  {sentence: "This device has to be approved first: %s", remedy: "Approve it on a paired device or in a terminal; then clawtray signs in by itself.", person: true, action: ActApprove},
	SignatureRefused: {sentence: "The gateway refuses this device's signature: %s", remedy: "Look at the log, then retry.", person: true, action: ActRetry},
	ClockSkew:        {sentence: "The gateway's clock and this computer's differ too much", remedy: "Set the computer's clock, then retry.", person: true, action: ActRetry},
	ProtocolMismatch: {sentence: "clawtray and the gateway speak different protocol versions: %s", remedy: "Update the older of the two.", person: true},
	ConnectRefused:   {sentence: "The gateway refuses the connection: %s", remedy: "Look at the log, then retry.", person: true, action: ActOpenLogs},
	IdentityBad:      {sentence: "The device identity cannot be used: %s", remedy: "Correct the file's permissions, then retry.", person: true, action: ActRetry},

	Internal: {sentence: "clawtray has a fault: %s", remedy: "Please report it with the diagnostics.", person: true, action: ActOpenLogs},
}

// Sentence returns the cause in words for people, without a full stop.
func (c Cause) Sentence() string {
	t, ok := causes[c.Code]
	if !ok {
		return string(c.Code)
	}
	return fill(t.sentence, c.Detail)
}

// Remedy returns what a person can do, as sentences; empty when there is nothing.
func (c Cause) Remedy() string { return causes[c.Code].remedy }

// Action returns the menu entry that helps; NoAction when there is none.
func (c Cause) Action() Action { return causes[c.Code].action }

// requestID matches ids that are safe in a command line without quotes.
var requestID = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]*$`)

// Command returns the command line that heals the cause; empty when there is none. The
// gateway chooses the id of a request, so an id with unsafe characters is left out.
func (c Cause) Command() string {
	switch {
	case c.Offer() == LastGood:
		return "clawtray start --last-good"
	case c.Offer() == SafeStart:
		return "clawtray start --safe"
	case c.Action() != ActApprove:
		return ""
	}
	command := "openclaw devices list"
	if requestID.MatchString(c.Detail) {
		command = "openclaw devices approve " + c.Detail
	}
	if c.Code == PairingThere { // that machine may have no clawtray
		return command
	}
	return "clawtray " + command // on most machines, openclaw is not in PATH
}

// NeedsPerson reports whether a person has to act, because no retry can heal the cause.
func (c Cause) NeedsPerson() bool { return causes[c.Code].person }

// Error returns the sentence with the remedy and the last line, for logs and commands.
func (c Cause) Error() string {
	s := c.Sentence() + "."
	if c.Tried != "" {
		s += " " + c.Tried + "."
	}
	if c.LastLine != "" {
		s += fmt.Sprintf(" Last line: %q.", c.LastLine)
	}
	for _, what := range []string{c.kept(), c.Remedy(), c.safeStart()} {
		if what != "" {
			s += " " + what
		}
	}
	return s
}

// tried returns what a final error says about the starts before it (BEHAVIOUR B8).
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

// fill replaces the %s of a sentence by detail. Without detail, it removes the placeholder
// together with the punctuation before it.
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
