package requests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var began = time.UnixMilli(1_795_696_375_198)

func asked(id string, expires time.Duration) Request {
	r := Request{ID: id, Kind: Exec, Text: "ls", Asked: began}
	if expires != 0 {
		r.Expires = began.Add(expires)
	}
	return r
}

func ids(b *Book) string {
	var all []string
	for _, r := range b.Pending() {
		all = append(all, r.ID)
	}
	return strings.Join(all, " ")
}

// R1: a request from an event that arrives while the list is fetched is not lost, and a
// resolved one does not come back.
func TestR1_EventsAndListsAgree(t *testing.T) {
	var b Book
	b.Requested(asked("old", 0))
	b.Requested(asked("answered", 0))
	b.Requested(Request{ID: "other", Kind: Device, Text: "x", Asked: began.Add(1)})
	mark := b.Begin()
	b.Requested(asked("new", 0))
	b.Resolved(Exec, "answered")
	b.Resolved(Exec, "unknown yet")
	b.Listed(Exec, []Request{asked("answered", 0), asked("unknown yet", 0), asked("found", 0)}, mark)
	if got := ids(&b); got != "found new other" {
		t.Errorf("pending are %q", got)
	}
	b.Listed(Exec, []Request{asked("answered", 0)}, b.Begin()) // the gateway lists the request again
	if got := ids(&b); got != "answered other" {
		t.Errorf("pending are %q", got)
	}
	b.Listed(Exec, nil, b.Begin())
	if got := ids(&b); got != "other" || len(b.gone) != 0 {
		t.Errorf("pending are %q, gone are %v", got, b.gone)
	}
}

// R1: a request disappears when it expires, and an older list does not bring it back.
func TestR1_Expiry(t *testing.T) {
	var b Book
	b.Requested(asked("a", time.Minute))
	b.Requested(asked("b", time.Hour))
	b.Requested(asked("c", 0))
	mark := b.Begin()
	if next := b.Expire(began.Add(time.Minute - 1)); !next.Equal(began.Add(time.Minute)) || ids(&b) != "a b c" {
		t.Error(next, ids(&b))
	}
	if next := b.Expire(began.Add(time.Minute)); !next.Equal(began.Add(time.Hour)) || ids(&b) != "b c" {
		t.Error(next, ids(&b))
	}
	b.Listed(Exec, []Request{asked("a", time.Minute), asked("b", time.Hour), asked("c", 0)}, mark)
	if ids(&b) != "b c" {
		t.Error(ids(&b))
	}
	if next := b.Expire(began.Add(time.Hour)); !next.IsZero() || ids(&b) != "c" {
		t.Error(next, ids(&b))
	}
	if _, there := b.Find(Exec, "b"); there {
		t.Error("found an expired one")
	}
	if r, there := b.Find("", "c"); !there || r.ID != "c" {
		t.Error("lost one")
	}
}

// R1: the number of requests is limited, and requests from before a flood stay.
func TestR1_FloodIsBounded(t *testing.T) {
	var b Book
	b.Requested(Request{ID: "first", Kind: Exec, Text: "ls"})
	for n := range 100_000 {
		b.Requested(asked(fmt.Sprint(n), 0))
		b.Resolved(Plugin, fmt.Sprint(n))
	}
	if all := b.Pending(); len(all) != maxPending || all[0].ID != "first" || len(b.gone) > 10*maxPending {
		t.Error(len(all), len(b.gone))
	}
}

const execEvent = `{"approvalKind":"exec","id":"8eddcce4-f681","request":{"command":"touch /tmp/x","cwd":"/ws","host":"gateway","security":"allowlist","ask":"on-miss",
	"warningText":null,"commandAnalysis":{"warningLines":["Contains inline-eval: sh -c"]},"unavailableDecisions":["allow-always"],"allowedDecisions":["allow-once","deny"],
	"agentId":"main","resolvedPath":"/usr/bin/touch","envKeys":["A","B"],"sessionKey":"agent:main:main","turnSourceChannel":"webchat"},"createdAtMs":1795696375198,"expiresAtMs":1795698175198}`

// R1, R2: each kind of request is parsed as OpenClaw 2026.9.6 sends it (measured), and has
// its own method for answers.
func TestR1_R2_Families(t *testing.T) {
	for _, c := range []struct {
		event, payload string
		kind           Kind
		text           string
		facts          string
		expires        time.Duration
		allow, deny    string
	}{
		{"exec.approval.requested", execEvent, Exec, "touch /tmp/x",
			"[{warning Contains inline-eval: sh -c} {folder /ws} {program /usr/bin/touch} {variables A, B} {machine gateway} {agent main} {session agent:main:main} {channel webchat}]",
			30 * time.Minute, "exec.approval.resolve map[decision:allow-once id:8eddcce4-f681]", "exec.approval.resolve map[decision:deny id:8eddcce4-f681]"},
		{"plugin.approval.requested", `{"id":"plugin:1","request":{"pluginId":"mail","title":"Send","description":"to Ann","detail":"Hello","toolName":"send","agentId":"main"},"createdAtMs":1795696375198,"expiresAtMs":1795696435198}`,
			Plugin, "Send\nto Ann\nHello", "[{plugin mail} {tool send} {agent main}]", time.Minute, "plugin.approval.resolve map[decision:allow-once id:plugin:1]", "plugin.approval.resolve map[decision:deny id:plugin:1]"},
		{"device.pair.requested", `{"requestId":"d1","deviceId":"ab12","displayName":"Ann's phone","platform":"ios","remoteIp":"10.0.0.2","role":"operator","scopes":["operator.read"],"ts":1795696375198}`,
			Device, "Ann's phone", "[{device ab12} {platform ios} {address 10.0.0.2} {rights operator, operator.read}]", devicePatience, "device.pair.approve map[requestId:d1]", "device.pair.reject map[requestId:d1]"},
		{"node.pair.requested", `{"requestId":"n1","nodeId":"cd34","displayName":"Evil \u202e Box","platform":"linux","deviceFamily":"Linux","caps":["system"],"commands":["system.run"],"silent":true,"ts":1795696375198}`,
			Node, `Evil \u202e Box`, "[{device cd34} {platform linux, Linux} {commands system.run, system}]", 0, "node.pair.approve map[requestId:n1]", "node.pair.reject map[requestId:n1]"},
	} {
		var b Book
		if !b.Happened(c.event, []byte(c.payload)) || len(b.Pending()) != 1 {
			t.Errorf("%s was not understood", c.event)
			continue
		}
		r := b.Pending()[0]
		var expires time.Duration
		if !r.Expires.IsZero() {
			expires = r.Expires.Sub(began)
		}
		if r.Kind != c.kind || r.Text != c.text || fmt.Sprint(r.Facts) != c.facts || !r.Asked.Equal(began) || expires != c.expires || r.OnlyDeny {
			t.Errorf("%s became %+v", c.event, r)
		}
		for d, want := range map[Decision]string{Allow: c.allow, Deny: c.deny, "always": " map[]", "": " map[]"} {
			if method, params := r.Call(d); fmt.Sprint(method, " ", params) != want {
				t.Errorf("%s %s is %s %v", c.event, d, method, params)
			}
		}
		resolved := strings.Replace(c.event, "requested", "resolved", 1)
		if !b.Happened(resolved, []byte(c.payload)) || len(b.Pending()) != 0 {
			t.Errorf("%s did not take it away", resolved)
		}
	}
}

// R2: pairing requests of message senders come only from the list.
func TestR2_ChannelPairing(t *testing.T) {
	f := Families[slices.IndexFunc(Families, func(f Family) bool { return f.Kind == Channel })]
	list := f.Read([]byte(`{"accounts":[],"requests":[{"requestId":"c1","channel":"telegram","channelLabel":"Telegram","accountId":"default","senderId":"4711","metadata":{"username":"ann"},
		"createdAt":"2026-11-26T12:00:00.000Z","expiresAt":"2026-11-26T13:00:00.000Z"},{"requestId":""},7]}`))
	if len(list) != 1 || list[0].Text != "4711" || fmt.Sprint(list[0].Facts) != "[{sender 4711, ann} {channel Telegram, default}]" || list[0].Expires.Sub(list[0].Asked) != time.Hour {
		t.Fatalf("%+v", list)
	}
	if method, params := list[0].Call(Allow); fmt.Sprint(method, params) != "channels.pairing.approvemap[accountId:default channel:telegram requestId:c1]" {
		t.Error(method, params)
	}
}

// R1: a request without "allow once" can only be denied, and a hostile text stays complete
// and is safe.
func TestR1_HostileRequests(t *testing.T) {
	long := strings.Repeat("echo x; ", 100_000/8) + "p\u0440ice\u202e\x1b[2J<b>&"
	payload := fmt.Sprintf(`{"id":"a","request":{"command":%q,"allowedDecisions":["deny"]}}`, long)
	payload = strings.ReplaceAll(strings.ReplaceAll(payload, `\x1b`, `\u001b`), `\u202e`, "\u202e")
	var b Book
	if !b.Happened("exec.approval.requested", []byte(payload)) {
		t.Fatal("not understood")
	}
	r := b.Pending()[0]
	if !r.OnlyDeny || !r.Expires.IsZero() || len(r.Text) < 100_000 || !strings.HasSuffix(r.Text, `p\u0440ice\u202e\u001b[2J<b>&`) {
		t.Errorf("%v %v %s", r.OnlyDeny, r.Expires, r.Text[len(r.Text)-60:])
	}
	for _, bad := range []string{``, `null`, `[]`, `7`, `{"id":""}`, `{"id":"x","request":{"command":" "}}`, `{"id":"a\u202eb","request":{"command":"ls"}}`, `{"id":7,"request":{"command":"ls"}}`,
		`{"id":"` + strings.Repeat("x", 1000) + `","request":{"command":"ls"}}`} {
		for _, f := range Families {
			if f.Requested != "" && b.Happened(f.Requested, []byte(bad)) {
				t.Errorf("%s took %s", f.Requested, bad)
			}
			if got := f.Read([]byte(bad)); len(got) != 0 {
				t.Errorf("%s took %s", f.List, bad)
			}
			b.Happened(f.Resolved, []byte(bad))
		}
	}
	if len(b.Pending()) != 1 || b.Happened("", nil) || b.Happened("tick", nil) {
		t.Error(b.Pending())
	}
}
