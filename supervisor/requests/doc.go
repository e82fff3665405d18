// Package requests has the requests that wait for a person: commands and plugins that ask
// before they act, and devices, nodes and senders of messages that want access (BEHAVIOUR
// R1, R2).
//
// A [Book] has the pending requests. It gets them from the gateway's events and lists.
// [Families] has the names of each kind in the gateway's protocol. This package has only
// values; package supervisor makes the calls.
//
// The texts of a request come from a model, a plugin or a stranger. They are kept
// completely, and their misleading characters are made visible when they are read. So no
// other package handles the original texts.
package requests

import "time"

// Kind is the kind of a request.
type Kind string

// The kinds.
const (
	Exec    Kind = "exec"    // the assistant wants to run a command
	Plugin  Kind = "plugin"  // a plugin asks before it does something
	Device  Kind = "device"  // a device wants to be paired
	Node    Kind = "node"    // a paired device wants to offer commands to the assistant
	Channel Kind = "channel" // somebody wants to talk to the assistant through a chat channel
)

// Request is one question to a person. Its texts are safe to show, and not shortened.
type Request struct {
	ID      string    `json:"id"` // given by the gateway
	Kind    Kind      `json:"kind"`
	Text    string    `json:"text"` // what is asked
	Facts   []Fact    `json:"facts,omitempty"`
	Asked   time.Time `json:"asked,omitzero"`
	Expires time.Time `json:"expires,omitzero"` // zero means never
	// OnlyDeny says that the gateway does not accept "allow once" for this request.
	OnlyDeny bool `json:"onlyDeny,omitempty"`

	// Channel is the chat channel of the sender. It is set when Kind is Channel.
	Channel string `json:"channel,omitempty"`
	Account string `json:"account,omitempty"`
}

// Fact is a further detail of a request.
type Fact struct {
	Name  FactName `json:"name"`
	Value string   `json:"value"`
}

// FactName is the stable name of a fact. Translations depend on it.
type FactName string

// The facts, in the sequence in which they are shown.
const (
	Warning   FactName = "warning"
	Folder    FactName = "folder"    // where the command runs
	Program   FactName = "program"   // the program that its first word means
	Variables FactName = "variables" // names of the environment variables that the command sets
	Machine   FactName = "machine"   // where the command runs: on the gateway's machine, in a sandbox, on a node
	Tool      FactName = "tool"
	FromWho   FactName = "plugin"
	Agent     FactName = "agent"
	Session   FactName = "session"
	Via       FactName = "channel" // the channel of the conversation
	DeviceID  FactName = "device"
	Platform  FactName = "platform"
	Address   FactName = "address"
	Rights    FactName = "rights"   // what the device would be allowed to do
	Commands  FactName = "commands" // the commands that the node offers
	Sender    FactName = "sender"
)

// Decision is a person's answer. There is no "always", because people set that in OpenClaw.
type Decision string

// The decisions.
const (
	Allow Decision = "allow" // for this one time
	Deny  Decision = "deny"
)

// Result is the effect of an answer.
type Result string

// The results.
const (
	Allowed Result = "allowed"
	Denied  Result = "denied"
	Gone    Result = "gone" // the request had expired or was answered elsewhere, so this answer had no effect
)
