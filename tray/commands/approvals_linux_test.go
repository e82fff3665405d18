package commands

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"clawtray/rpc"
	"clawtray/supervisor"
	"clawtray/supervisor/requests"
)

// scripted is a model that wants to run one command after each message of a person.
type scripted struct {
	turn    atomic.Int64
	command func(turn int64) string
}

// ServeHTTP implements OpenAI's chat completions, streamed.
func (m *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Messages []struct {
			Role string `json:"role"`
		} `json:"messages"`
		Tools []any `json:"tools"`
	}
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&body) != nil {
		fmt.Fprint(w, `{"object":"list","data":[{"id":"scripted","object":"model"}]}`)
		return
	}
	turn := m.turn.Load()
	call := fmt.Sprintf("call_%d", turn)
	delta, finish := map[string]any{"role": "assistant", "content": "Done."}, "stop"
	results := int64(0) // number of results of tools; their ids are useless, because the gateway renames them
	for _, message := range body.Messages {
		if message.Role == "tool" {
			results++
		}
	}
	if len(body.Tools) > 0 && results < turn {
		arguments, _ := json.Marshal(map[string]string{"command": m.command(turn)})
		delta = map[string]any{"role": "assistant", "tool_calls": []any{map[string]any{"index": 0, "id": call, "type": "function",
			"function": map[string]any{"name": "exec", "arguments": string(arguments)}}}}
		finish = "tool_calls"
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for _, choice := range []map[string]any{{"index": 0, "delta": delta, "finish_reason": nil}, {"index": 0, "delta": map[string]any{}, "finish_reason": finish}} {
		chunk, _ := json.Marshal(map[string]any{"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": []any{choice}})
		fmt.Fprintf(w, "data: %s\n\n", chunk)
	}
	fmt.Fprint(w, "data: [DONE]\n\n")
}

const approvalsToken = "canary-token-of-approvals"

const asksConfig = `{gateway: {mode: "local", port: %d, bind: "loopback", auth: {mode: "token", token: "%s"}},
 agents: {defaults: {model: {primary: "scripted/scripted"}, models: {"scripted/scripted": {}}, workspace: %q}},
 models: {mode: "merge", providers: {scripted: {baseUrl: %q, apiKey: "none", api: "openai-completions", models: [{id: "scripted", name: "Scripted", reasoning: false,
  input: ["text"], cost: {input: 0, output: 0, cacheRead: 0, cacheWrite: 0}, contextWindow: 196608, maxTokens: 8192}]}}},
 tools: {exec: {host: "gateway", mode: "ask"}}}`

// asking is a person at a desktop whose assistant wants to run commands, with a second
// client of the gateway.
type asking struct {
	*user
	*desktop
	model *scripted
	icon  string
	other *rpc.Session
}

func newAsking(t *testing.T) *asking {
	u := withAnyGateway(t)
	a := &asking{user: u, model: &scripted{}}
	a.model.command = func(turn int64) string { return "touch " + a.trace(turn) }
	server := httptest.NewServer(a.model)
	t.Cleanup(server.Close)
	u.write("workspace/README.md", "x")
	u.write(".openclaw/openclaw.json", fmt.Sprintf(asksConfig, u.port, approvalsToken, filepath.Join(u.home, "workspace"), server.URL+"/v1"))
	a.desktop = newDesktop(t)
	u.env = append(u.env, "DBUS_SESSION_BUS_ADDRESS="+a.addr, "LANG=C.UTF-8", "LC_ALL=C.UTF-8")
	u.begin()
	a.icon = <-a.icons
	u.until("running", running)
	session, err := rpc.Dial(t.Context(), rpc.Options{Gateway: rpc.Gateway{URL: fmt.Sprintf("ws://127.0.0.1:%d", u.port), Trusted: true},
		Credentials: rpc.Credentials{Token: approvalsToken}, Limits: slowly})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	a.other = session
	return a
}

// trace returns the file that the command of a turn creates.
func (a *asking) trace(turn int64) string { return filepath.Join(a.home, fmt.Sprintf("ran-%d", turn)) }

func (a *asking) ran(turn int64) bool {
	_, err := os.Stat(a.trace(turn))
	return err == nil
}

// says writes to the assistant, and returns the turn and the request that follows.
func (a *asking) says() (turn int64, r requests.Request) {
	t := a.user.t
	t.Helper()
	eventually(t, "the end of the turn before", func() bool {
		var p struct {
			Safe bool `json:"safe"`
		}
		return a.other.Call(t.Context(), "gateway.restart.preflight", nil, &p) == nil && p.Safe
	})
	turn = a.model.turn.Add(1)
	if err := a.other.Call(t.Context(), "chat.send", map[string]any{"sessionKey": "main", "message": fmt.Sprint("do it ", turn), "idempotencyKey": fmt.Sprint("k", turn)}, nil); err != nil {
		t.Fatal(err)
	}
	a.until("a request", func(s supervisor.Status) bool { return s.Waiting == 1 })
	all, err := a.client.Requests(t.Context())
	if err != nil || len(all) != 1 || !strings.Contains(all[0].Text, a.trace(turn)) {
		t.Fatalf("what waits is %+v, %v", all, err)
	}
	r = all[0]
	return turn, r
}

// became waits until the gateway reports the result of a request.
func (a *asking) became(id, want string) {
	t := a.user.t
	t.Helper()
	var got struct {
		Approval struct {
			Status   string `json:"status"`
			Decision string `json:"decision"`
		} `json:"approval"`
	}
	eventually(t, "the end of "+id, func() bool {
		if err := a.other.Call(t.Context(), "approval.get", map[string]any{"id": id}, &got); err != nil {
			t.Fatal(err)
		}
		return got.Approval.Status != "pending"
	})
	if now := strings.TrimSpace(got.Approval.Status + " " + got.Approval.Decision); now != want {
		t.Errorf("at the gateway the request is %q, want %q", now, want)
	}
}

// TestRequestsOfARealGateway: what the assistant and devices ask for is answered by a
// person.
func TestRequestsOfARealGateway(t *testing.T) {
	long(t)
	a := newAsking(t)
	a.fiveOutcomes()
	a.nodesWantIn()
	a.quit()
}

// fiveOutcomes: requests are answered by a button of the notification, in the menu, by the
// command, in another client, and not at all. Each result must be right at the gateway (R1).
func (a *asking) fiveOutcomes() {
	t := a.user.t
	t.Helper()
	turn, r := a.says() // answered by the button
	id, toast := a.sees(a.trace(turn))
	if toast.title != "OpenClaw wants to run a command" || len(toast.buttons) != 3 {
		t.Errorf("%+v", toast)
	}
	a.press(id, toast.buttons["Allow once"])
	a.became(r.ID, "allowed allow-once")
	eventually(t, "the command runs", func() bool { return a.ran(turn) })
	a.loses(a.trace(turn))

	turn, r = a.says() // answered in the menu
	a.chooses(a.icon, "1 request waits", "OpenClaw wants to run a command", "Deny")
	a.became(r.ID, "denied deny")
	a.loses(a.trace(turn))
	if a.ran(turn) {
		t.Error("a denied command ran")
	}

	turn, r = a.says() // answered by the command
	if out := a.must("approvals"); !strings.Contains(out, "│ touch "+a.trace(turn)) || !strings.Contains(out, r.ID) {
		t.Errorf("approvals printed %s", out)
	}
	if out := a.must("approvals", "allow", r.ID[:8]); out != "Allowed, this once.\n" {
		t.Errorf("allow printed %q", out)
	}
	a.became(r.ID, "allowed allow-once")
	eventually(t, "the command runs", func() bool { return a.ran(turn) })
	if out, code := a.cli("approvals", "deny", r.ID); code != exitFailed {
		t.Errorf("a second answer: %d, %s", code, out)
	}

	turn, r = a.says() // answered in another client
	a.sees(a.trace(turn))
	if err := a.other.Call(t.Context(), "exec.approval.resolve", map[string]any{"id": r.ID, "decision": "deny"}, nil); err != nil {
		t.Fatal(err)
	}
	a.loses(a.trace(turn))
	a.became(r.ID, "denied deny")
	if a.ran(turn) {
		t.Error("a denied command ran")
	}

	a.expires()
}

// expires makes the request in the second client, because requests of the assistant wait
// for half an hour. A click on an expired request answers nothing, and the person is told
// so.
func (a *asking) expires() {
	t := a.user.t
	var asked struct {
		ID string `json:"id"`
	}
	if err := a.other.Call(t.Context(), "exec.approval.request",
		map[string]any{"command": "echo too late", "host": "gateway", "timeoutMs": 10000, "twoPhase": true}, &asked); err != nil {
		t.Fatal(err)
	}
	id, toast := a.sees("echo too late")
	a.loses("echo too late")
	a.press(id, toast.buttons["Allow once"]) // the server was slow, so the notification is still there
	a.became(asked.ID, "expired")
}
