package tray

import (
	"strings"
	"testing"
	"time"

	"clawtray/supervisor"
	"clawtray/supervisor/requests"
	"clawtray/supervisor/words"
)

var askedAt = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func command1() requests.Request {
	return requests.Request{ID: "8eddcce4-f681-4652-b1d2-b6b9158935d4", Kind: requests.Exec, Text: "touch /tmp/x", Asked: askedAt, Expires: askedAt.Add(30 * time.Minute),
		Facts: []requests.Fact{{Name: requests.Folder, Value: "/ws"}, {Name: requests.Agent, Value: "main"}}}
}

// R1: the text for a terminal contains everything that is asked, and nothing of it looks
// like clawtray's own text.
func TestR1_AskingIsWhole(t *testing.T) {
	words.Speak("en")
	defer words.Speak("")
	other := requests.Request{ID: "8eddcce4-0000", Kind: requests.Device, Text: "Ann's phone", OnlyDeny: true,
		Facts: []requests.Fact{{Name: requests.Warning, Value: "one\ntwo"}}}
	long := command1()
	long.ID, long.Text = "ffffffff-1", strings.Repeat("x", 100_000)+"\n  Folder: /home\nend"
	want := `3 requests wait for your answer

8eddcce4-f681-4652-b1d2-b6b9158935d4, expires in 30 min
  OpenClaw wants to run a command:
  │ touch /tmp/x
  Folder: /ws
  Agent: main
  Answer: clawtray approvals allow 8eddcce4-f (or deny)

8eddcce4-0000
  A device wants to connect to OpenClaw:
  │ Ann's phone
  Warning:
  │ one
  │ two
  It can only be denied.
  Answer: clawtray approvals allow 8eddcce4-0 (or deny)

ffffffff-1, expires in 30 min
  OpenClaw wants to run a command:
  │ ` + strings.Repeat("x", 100_000) + `
  │   Folder: /home
  │ end
  Folder: /ws
  Agent: main
  Answer: clawtray approvals allow ffffffff (or deny)
`
	if got := Asking([]requests.Request{command1(), other, long}, askedAt); got != want {
		t.Errorf("got\n%.2000s", got)
	}
	if got := Asking(nil, askedAt); got != "No request waits for your answer.\n" {
		t.Error(got)
	}
}

// R1: a beginning of an id names a request if no other id has it and it is long enough.
func TestR1_Named(t *testing.T) {
	a, b := command1(), command1()
	b.ID = "8eddcce4-0000"
	c := command1()
	c.ID = "8eddcce4" // one complete id is the beginning of others
	all := []requests.Request{a, b, c}
	for id, want := range map[string]string{a.ID: a.ID, "8eddcce4-f": a.ID, "8eddcce4-0": b.ID, "8eddcce4": c.ID, "8eddcce": "", "8ed": "", "": "", "zzzzzzzz": "", a.ID + "x": ""} {
		if got, err := Named(id, all); got.ID != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", id, got.ID, err)
		}
	}
}

// R1, R2: every kind, fact and result has words in every language.
func TestR1_AllWordsAreThere(t *testing.T) {
	for name, words := range languages {
		for _, f := range requests.Families {
			if words.ask.question[f.Kind] == "" {
				t.Errorf("%s: no question for %s", name, f.Kind)
			}
		}
		for _, f := range []requests.FactName{requests.Warning, requests.Folder, requests.Program, requests.Variables, requests.Machine, requests.Tool, requests.FromWho, requests.Agent,
			requests.Session, requests.Via, requests.DeviceID, requests.Platform, requests.Address, requests.Rights, requests.Commands, requests.Sender} {
			if words.ask.fact[f] == "" {
				t.Errorf("%s: no word for %s", name, f)
			}
		}
		for _, r := range []requests.Result{requests.Allowed, requests.Denied, requests.Gone} {
			for _, kind := range []requests.Kind{requests.Exec, requests.Device} {
				if words.ask.became(requests.Request{Kind: kind}, r) == "" {
					t.Errorf("%s: no word for %s", name, r)
				}
			}
		}
	}
}

// R3, R4: the status says in words what the gateway does, the state of its channels and
// which log-in has to be renewed.
func TestR3_R4_StatusInWords(t *testing.T) {
	s := steady()
	s.Waiting = 2
	s.Activity = supervisor.Activity{Sessions: 1, Tasks: 3}
	s.Channels = []supervisor.Channel{{Name: "Telegram", State: supervisor.ChannelConnected}, {Name: "Slack", Account: "work", State: supervisor.ChannelBroken, Detail: "401"}}
	s.Health = supervisor.Health{Level: supervisor.Degraded, Reasons: []supervisor.Reason{{Code: supervisor.ReasonLogins, Severity: supervisor.Degraded,
		Detail: "openai", Text: "OpenClaw has to log in again at openai"}}}
	got := strings.Join(Summarize(s, Settings{Language: "en"}, noon).Details, "\n")
	for _, want := range []string{"2 requests wait for your answer", "It works on 1 conversation and 3 tasks.", "OpenClaw has to log in again at openai",
		"In a terminal: clawtray openclaw models auth login --provider openai", "Telegram: connected", "Slack (work): does not run, 401"} {
		if !strings.Contains("\n"+got+"\n", "\n"+want+"\n") {
			t.Errorf("no line %q in\n%s", want, got)
		}
	}
	for _, words := range languages {
		v := view{s: s, t: words, now: noon}
		for _, state := range []supervisor.ChannelState{supervisor.ChannelConnected, supervisor.ChannelRunning, supervisor.ChannelConnecting, supervisor.ChannelBroken, supervisor.ChannelOff} {
			if words.doing.state[state] == "" {
				t.Errorf("no word for %s", state)
			}
		}
		for _, a := range []supervisor.Activity{{Sessions: 2}, {Tasks: 1}, {Other: 1}} {
			if v.s.Activity = a; v.works() == "" {
				t.Errorf("no words for %+v", a)
			}
		}
		if v.s.Activity = (supervisor.Activity{}); v.works() != "" {
			t.Error("words for nothing")
		}
	}
}
