package commands

import (
	"fmt"
	"slices"
	"strings"

	"clawtray/rpc"
	"clawtray/supervisor"
)

// wantsIn connects a new node to the real gateway and returns its device id. A gateway
// lets a node of its own machine connect, and asks before the assistant may use it
// (measured, OpenClaw 2026.9.6).
func (a *asking) wantsIn() (device string) {
	t := a.user.t
	t.Helper()
	identity, err := rpc.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	s, err := rpc.Dial(t.Context(), rpc.Options{Gateway: rpc.Gateway{URL: fmt.Sprintf("ws://127.0.0.1:%d", a.port), Trusted: true},
		Credentials: rpc.Credentials{Token: approvalsToken, Identity: identity}, Client: rpc.ClientInfo{ID: "node-host", Mode: "node", Role: "node", Scopes: []string{}}, Limits: slowly})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return identity.DeviceID()
}

// nodes are the gateway's nodes, those that wait and those that may be used.
func (a *asking) nodes() (waiting, paired []string) {
	t := a.user.t
	t.Helper()
	type node struct {
		ID string `json:"nodeId"`
	}
	var list struct{ Pending, Paired []node }
	if err := a.other.Call(t.Context(), "node.pair.list", nil, &list); err != nil {
		t.Fatal(err)
	}
	for _, n := range list.Pending {
		waiting = append(waiting, n.ID)
	}
	for _, n := range list.Paired {
		paired = append(paired, n.ID)
	}
	return waiting, paired
}

// nodesWantIn: a node that wants in is rejected in the menu, another one is allowed by the
// command; both are right at the gateway (R2).
func (a *asking) nodesWantIn() {
	t := a.user.t
	t.Helper()
	for _, answer := range []struct {
		how    string
		answer func(id string)
		paired bool
	}{
		// In the menu first: after an answer its row is still there for a moment.
		{"in the menu", func(string) {
			a.chooses(a.icon, "1 request waits", "A device offers commands to OpenClaw", "Reject")
		}, false},
		{"by the command", func(id string) { a.must("approvals", "allow", id[:8]) }, true},
	} {
		device := a.wantsIn()
		a.until("a request", func(s supervisor.Status) bool { return s.Waiting == 1 })
		all, err := a.client.Requests(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("%s: what waits is %+v, %v", answer.how, all, err)
		}
		if out := a.must("approvals"); !strings.Contains(out, device) {
			t.Errorf("%s: approvals printed %s", answer.how, out)
		}
		answer.answer(all[0].ID)
		a.until("no request", func(s supervisor.Status) bool { return s.Waiting == 0 })
		waiting, paired := a.nodes()
		if len(waiting) != 0 || slices.Contains(paired, device) != answer.paired {
			t.Errorf("%s: at the gateway %v wait and %v are paired; the node is %s", answer.how, waiting, paired, device)
		}
	}
}
