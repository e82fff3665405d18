package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"clawtray/rpc"
	"clawtray/supervisor"
)

// model is an OpenAI-compatible endpoint whose answers take as long as a test wants, which
// keeps an agent run active.
type model struct {
	*httptest.Server
	asked  chan struct{} // receives once for each answer that has begun
	finish chan struct{} // lets one answer end
}

func newModel(t *testing.T) *model {
	m := &model{asked: make(chan struct{}, 9), finish: make(chan struct{})}
	m.Server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(func() {
		m.CloseClientConnections()
		m.Close()
	})
	return m
}

func (m *model) serve(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	if !strings.HasSuffix(r.URL.Path, "/chat/completions") {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	m.say(w, `{"role":"assistant","content":"All "}`, "null")
	m.asked <- struct{}{}
	select {
	case <-m.finish:
		m.say(w, `{"content":"done."}`, `"stop"`)
		fmt.Fprint(w, "data: [DONE]\n\n")
	case <-r.Context().Done():
	}
}

// say sends one part of an answer.
func (m *model) say(w http.ResponseWriter, delta, end string) {
	fmt.Fprintf(w, `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"scripted","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}`+"\n\n", delta, end)
	w.(http.Flusher).Flush()
}

// config returns an openclaw.json whose agents use the model.
func (m *model) config() string {
	return fmt.Sprintf(`{
		"gateway": {"mode": "local", "controlUi": {"enabled": false}},
		"agents": {"defaults": {"model": {"primary": "scripted/scripted"}}},
		"models": {"providers": {"scripted": {"baseUrl": "%s/v1", "apiKey": "none", "api": "openai-completions",
			"models": [{"id": "scripted", "name": "Scripted", "reasoning": false, "input": ["text"], "contextWindow": 128000, "maxTokens": 4096}]}}}
	}`, m.URL)
}

// slowly are the limits of other clients: on a busy machine a gateway needs minutes.
var slowly = rpc.Limits{ChallengeTimeout: patience, ConnectTimeout: patience, CallTimeout: patience}

// session returns a connection of another client of the user to the gateway.
func (u *user) session() *rpc.Session {
	u.t.Helper()
	s, err := rpc.Dial(u.t.Context(), rpc.Options{Gateway: rpc.Gateway{URL: fmt.Sprintf("ws://127.0.0.1:%d", u.port), Trusted: true}, Credentials: rpc.Credentials{Token: u.token()}, Limits: slowly})
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { s.Close() })
	return s
}

// chat starts an agent run and waits until the model is at work.
func (u *user) chat(m *model, text string) *rpc.Session {
	u.t.Helper()
	s := u.session()
	if err := s.Call(u.t.Context(), "chat.send", map[string]any{"sessionKey": "main", "message": text, "idempotencyKey": text}, nil); err != nil {
		u.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(u.t.Context(), patience)
	defer cancel()
	select {
	case <-m.asked:
	case <-ctx.Done():
		u.t.Fatal("the model was never asked")
	}
	return s
}

// inBackground runs a command that takes long. result waits for its end. Call it before the
// test ends, because the end of the test kills the command.
func (u *user) inBackground(args ...string) (result func() (out string, code int)) {
	var out string
	var code int
	done := make(chan struct{})
	go func() {
		defer close(done) // also when cli fails the test, because that ends this goroutine
		out, code = u.cli(args...)
	}()
	return func() (string, int) { <-done; return out, code }
}

// later is inBackground for a command that must succeed.
func (u *user) later(args ...string) (ended func()) {
	result := u.inBackground(args...)
	return func() {
		u.t.Helper()
		if out, code := result(); code != 0 {
			u.t.Errorf("clawtray %v: exit %d\n%s", args, code, out)
		}
	}
}

func draining(s supervisor.Status) bool { return s.Phase == supervisor.Draining && s.ActiveWork >= 1 }

// TestC4_StopDuringARun: a stop waits for active work, and the status shows that. When a
// person does not want to wait any longer, the work is aborted and everything ends.
func TestC4_StopDuringARun(t *testing.T) {
	long(t)
	u := withAnyGateway(t, "[supervision]", `drain_stop = "1h"`)
	m := newModel(t)
	u.write(".openclaw/openclaw.json", m.config())
	u.run()
	u.until("running", running)

	u.chat(m, "the first task")
	first := u.later("stop")
	s := u.until("draining", draining)
	if s.StoppingFor != "stop" || s.PID == 0 || time.Until(s.Deadline) < time.Minute {
		t.Errorf("while the work is waited for: %+v", s)
	}
	var shown struct{ ActiveWork int }
	if err := json.Unmarshal([]byte(u.must("status", "--json")), &shown); err != nil || shown.ActiveWork < 1 {
		t.Errorf("status --json says %+v, %v", shown, err)
	}
	u.must("stop") // a second stop does not wait
	first()
	u.nothingIsLeft("after the stop")

	u.must("start")
	u.chat(m, "the second task")
	u.must("stop", "--now")
	u.nothingIsLeft("after stop --now")
	if s := u.until("stopped", func(s supervisor.Status) bool { return s.State == supervisor.Stopped }); s.ActiveWork != 0 || len(s.Incidents) != 0 {
		t.Errorf("stopped as %+v", s)
	}
	u.quit()
}

// TestD_RestartDuringARun: a restart waits for active work, and happens when the work ends
// by itself. When somebody else ends a gateway that works, the status says so.
func TestD_RestartDuringARun(t *testing.T) {
	long(t)
	u := withAnyGateway(t, "[supervision]", `drain_restart = "1h"`)
	m := newModel(t)
	u.write(".openclaw/openclaw.json", m.config())
	u.run()
	first := u.until("running", running)

	s := u.chat(m, "the task")
	events := s.Subscribe(64, "chat")
	restarted := u.later("restart")
	if s := u.until("draining", draining); s.PID != first.PID || s.Launches != first.Launches {
		t.Errorf("while the work is waited for: %+v", s)
	}
	m.finish <- struct{}{}
	restarted()
	if s := u.until("running", running); s.PID != first.PID || s.Launches != first.Launches+1 || len(s.Incidents) != 0 {
		t.Errorf("after the restart: %+v", s)
	}
	var said string
	for e := range events.C() {
		said += string(e.Payload)
	}
	if !strings.Contains(said, "All done.") {
		t.Errorf("the run was cut off: %s", said)
	}

	u.chat(m, "another task")
	st := u.until("running", running)
	if err := syscall.Kill(st.PID, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	u.until("the status says that the gateway is to stop", func(s supervisor.Status) bool {
		return running(s) && slices.ContainsFunc(s.Health.Reasons, func(r supervisor.Reason) bool { return r.Code == supervisor.ReasonDraining })
	})
	m.finish <- struct{}{}
	u.quit()
}
