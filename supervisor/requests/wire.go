package requests

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"clawtray/rpc/redact"
)

// Family has the names of one kind of request in the gateway's protocol (measured and read,
// OpenClaw 2026.9.6).
type Family struct {
	Kind      Kind
	List      string // method
	Requested string // event; empty when there is none and only the list has the requests
	Resolved  string // event
	// ForSurfaces says that the gateway sends the events only to clients that declare
	// [Cap].
	ForSurfaces bool

	allow, deny string // methods
	read        func([]byte) (Request, bool)
	resolved    string // the name of the id in the event Resolved
	listed      string // the name of the list in the answer to List; empty when the answer itself is the list
}

// Cap is the capability with which a client declares, when it connects, that it shows
// requests to a person. Without such a client, a gateway denies some requests at once.
const Cap = "approvals"

// Families are all kinds.
var Families = []Family{
	{Exec, "exec.approval.list", "exec.approval.requested", "exec.approval.resolved", true, "exec.approval.resolve", "exec.approval.resolve", readExec, "id", ""},
	{Plugin, "plugin.approval.list", "plugin.approval.requested", "plugin.approval.resolved", true, "plugin.approval.resolve", "plugin.approval.resolve", readPlugin, "id", ""},
	{Device, "device.pair.list", "device.pair.requested", "device.pair.resolved", false, "device.pair.approve", "device.pair.reject", readDevice, "requestId", "pending"},
	{Node, "node.pair.list", "node.pair.requested", "node.pair.resolved", false, "node.pair.approve", "node.pair.reject", readNode, "requestId", "pending"},
	{Channel, "channels.pairing.list", "", "", false, "channels.pairing.approve", "channels.pairing.dismiss", readChannel, "requestId", "requests"},
}

// Events returns the names of all events about requests.
func Events() []string {
	var names []string
	for _, f := range Families {
		if f.Requested != "" {
			names = append(names, f.Requested, f.Resolved)
		}
	}
	return names
}

// Happened applies an event to the book. It reports whether that changed the book.
func (b *Book) Happened(event string, payload []byte) bool {
	for _, f := range Families {
		switch event {
		case "":
		case f.Requested:
			r, ok := f.read(payload)
			if ok {
				b.Requested(r)
			}
			return ok
		case f.Resolved:
			var ids map[string]json.RawMessage
			var id string
			if json.Unmarshal(payload, &ids) != nil || json.Unmarshal(ids[f.resolved], &id) != nil {
				return false
			}
			b.Resolved(f.Kind, id)
			return true
		}
	}
	return false
}

// Read parses the answer to List. It leaves out requests that cannot be parsed, because
// nobody could answer them.
func (f Family) Read(answer []byte) []Request {
	var list []json.RawMessage
	if f.listed == "" {
		_ = json.Unmarshal(answer, &list) // a missing list counts as an empty one
	} else {
		var lists map[string]json.RawMessage
		_ = json.Unmarshal(answer, &lists)
		_ = json.Unmarshal(lists[f.listed], &list)
	}
	var all []Request
	for _, one := range list {
		if r, ok := f.read(one); ok {
			all = append(all, r)
		}
	}
	return all
}

// Call returns the call that answers r. It always contains the complete id, because a
// gateway also accepts the beginning of an id.
func (r Request) Call(d Decision) (method string, params map[string]any) {
	i := slices.IndexFunc(Families, func(f Family) bool { return f.Kind == r.Kind })
	if i < 0 || d != Allow && d != Deny {
		return "", nil
	}
	method = Families[i].deny
	if d == Allow {
		method = Families[i].allow
	}
	switch r.Kind {
	case Exec, Plugin:
		return method, map[string]any{"id": r.ID, "decision": map[Decision]string{Allow: allowOnce, Deny: "deny"}[d]}
	case Channel:
		return method, map[string]any{"requestId": r.ID, "channel": r.Channel, "accountId": r.Account}
	}
	return method, map[string]any{"requestId": r.ID}
}

const allowOnce = "allow-once"

// maxID limits the length of an id; real ids have 36 to 43 characters.
const maxID = 200

func usable(id string) bool { return id != "" && len(id) <= maxID && redact.Unmistakable(id) == id }

// facts collects the known details; unknown ones are left out.
type facts []Fact

func (f *facts) add(name FactName, values ...string) {
	var known []string
	for _, v := range values {
		if v = strings.TrimSpace(redact.Unmistakable(v)); v != "" {
			known = append(known, v)
		}
	}
	if len(known) > 0 {
		*f = append(*f, Fact{name, strings.Join(known, ", ")})
	}
}

// prose adds a sentence, which may have quotes and dashes.
func (f *facts) prose(name FactName, text string) {
	if text = strings.TrimSpace(redact.UnmistakableProse(text)); text != "" {
		*f = append(*f, Fact{name, text})
	}
}

// millis converts a time of the gateway, in milliseconds since 1970; 0 becomes the zero
// time.
func millis(ms float64) time.Time {
	if ms <= 0 || ms > 1e15 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}

// asks has the fields that requests of commands and plugins have in common.
type asks struct {
	ID      string  `json:"id"`
	Created float64 `json:"createdAtMs"`
	Expires float64 `json:"expiresAtMs"`
	Request struct {
		Command     string   `json:"command"`
		Folder      string   `json:"cwd"`
		Program     string   `json:"resolvedPath"`
		Host        string   `json:"host"`
		NodeID      string   `json:"nodeId"`
		Warning     string   `json:"warningText"`
		Env         []string `json:"envKeys"`
		Title       string   `json:"title"`
		Description string   `json:"description"`
		Detail      string   `json:"detail"`
		PluginID    string   `json:"pluginId"`
		Tool        string   `json:"toolName"`
		Agent       string   `json:"agentId"`
		Session     string   `json:"sessionKey"`
		Channel     string   `json:"turnSourceChannel"`
		Decisions   []string `json:"allowedDecisions"`
		Analysis    struct {
			Warnings []string `json:"warningLines"`
		} `json:"commandAnalysis"`
	} `json:"request"`
}

func (a asks) of(kind Kind, text string, known facts) (Request, bool) {
	q := a.Request
	known.add(Agent, q.Agent)
	known.add(Session, q.Session)
	known.add(Via, q.Channel)
	return Request{ID: a.ID, Kind: kind, Text: text, Facts: known, Asked: millis(a.Created), Expires: millis(a.Expires),
		OnlyDeny: len(q.Decisions) > 0 && !slices.Contains(q.Decisions, allowOnce)}, usable(a.ID) && strings.TrimSpace(text) != ""
}

func readExec(payload []byte) (Request, bool) {
	var a asks
	if json.Unmarshal(payload, &a) != nil {
		return Request{}, false
	}
	q := a.Request
	var known facts
	known.prose(Warning, q.Warning)
	known.prose(Warning, strings.Join(q.Analysis.Warnings, "\n"))
	known.add(Folder, q.Folder)
	known.add(Program, q.Program)
	known.add(Variables, q.Env...)
	known.add(Machine, q.Host, q.NodeID)
	return a.of(Exec, redact.Unmistakable(q.Command), known)
}

func readPlugin(payload []byte) (Request, bool) {
	var a asks
	if json.Unmarshal(payload, &a) != nil {
		return Request{}, false
	}
	q := a.Request
	var known facts
	known.add(FromWho, q.PluginID)
	known.add(Tool, q.Tool)
	var text []string
	for _, part := range []string{q.Title, q.Description, q.Detail} {
		if part = redact.UnmistakableProse(part); strings.TrimSpace(part) != "" {
			text = append(text, part)
		}
	}
	return a.of(Plugin, strings.Join(text, "\n"), known)
}

// devicePatience is how long a device waits to be paired.
const devicePatience = 5 * time.Minute

// wantsIn has the fields that requests of devices and nodes have in common.
type wantsIn struct {
	ID       string   `json:"requestId"`
	Device   string   `json:"deviceId"`
	Node     string   `json:"nodeId"`
	Name     string   `json:"displayName"`
	Client   string   `json:"clientId"`
	Platform string   `json:"platform"`
	Family   string   `json:"deviceFamily"`
	Address  string   `json:"remoteIp"`
	Role     string   `json:"role"`
	Roles    []string `json:"roles"`
	Scopes   []string `json:"scopes"`
	Caps     []string `json:"caps"`
	Commands []string `json:"commands"`
	At       float64  `json:"ts"`
}

func readDevice(payload []byte) (Request, bool) { return readWantsIn(Device, payload) }
func readNode(payload []byte) (Request, bool)   { return readWantsIn(Node, payload) }

func readWantsIn(kind Kind, payload []byte) (Request, bool) {
	var w wantsIn
	if json.Unmarshal(payload, &w) != nil {
		return Request{}, false
	}
	id := w.Device + w.Node
	name := w.Name
	for _, other := range []string{w.Client, id} {
		if strings.TrimSpace(name) == "" {
			name = other
		}
	}
	if w.Role != "" && !slices.Contains(w.Roles, w.Role) {
		w.Roles = append(w.Roles, w.Role)
	}
	var known facts
	known.add(DeviceID, id)
	known.add(Platform, w.Platform, w.Family)
	known.add(Address, w.Address)
	known.add(Rights, append(w.Roles, w.Scopes...)...)
	known.add(Commands, append(w.Commands, w.Caps...)...)
	r := Request{ID: w.ID, Kind: kind, Text: redact.Unmistakable(name), Facts: known, Asked: millis(w.At)}
	if kind == Device && !r.Asked.IsZero() {
		r.Expires = r.Asked.Add(devicePatience)
	}
	return r, usable(w.ID) && r.Text != ""
}

func readChannel(payload []byte) (Request, bool) {
	var c struct {
		ID       string            `json:"requestId"`
		Channel  string            `json:"channel"`
		Label    string            `json:"channelLabel"`
		Account  string            `json:"accountId"`
		Sender   string            `json:"senderId"`
		Metadata map[string]string `json:"metadata"`
		Created  time.Time         `json:"createdAt"`
		Expires  time.Time         `json:"expiresAt"`
	}
	if json.Unmarshal(payload, &c) != nil {
		return Request{}, false
	}
	var known facts
	known.add(Sender, c.Sender, c.Metadata["name"], c.Metadata["username"])
	known.add(Via, c.Label, c.Account)
	return Request{ID: c.ID, Kind: Channel, Text: redact.Unmistakable(c.Sender), Facts: known, Asked: c.Created, Expires: c.Expires,
		Channel: c.Channel, Account: c.Account}, usable(c.ID) && c.Sender != "" && c.Channel != ""
}
