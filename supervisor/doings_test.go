package supervisor

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clawtray/rpc/gatewaytest"
)

// R3: there is one line for each channel that is set up, with its state, in the gateway's
// sequence.
func TestR3_Channels(t *testing.T) {
	var r channelReport
	const answer = `{"channelOrder":["telegram","slack","signal","irc","evil"],"channelLabels":{"telegram":"Telegram","slack":"Slack","evil":"T\u0435legram"},"channelAccounts":{
		"telegram":[{"accountId":"default","enabled":true,"configured":true,"running":true,"connected":true}],
		"slack":[{"accountId":"a","configured":true,"running":false},{"accountId":"b","running":true,"connected":false,"lastError":"401 canary-token-5f3a\u001b[2J"},{"accountId":"c","enabled":false}],
		"signal":[{"accountId":"default","configured":true,"running":false,"lastError":"no binary"}],"irc":[{"accountId":"default","configured":false}],
		"evil":[{"accountId":"default","running":true}]}}`
	if err := json.Unmarshal([]byte(answer), &r); err != nil {
		t.Fatal(err)
	}
	clean := func(s string) string { return strings.ReplaceAll(s, testToken, "[redacted]") }
	want := `[{telegram Telegram  connected } {slack Slack a off } {slack Slack b connecting 401 [redacted]\u001b[2J} {signal signal  broken no binary} {evil T\u0435legram  running }]`
	if got := fmt.Sprint(r.channels(clean)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// R3: log-ins that no longer work are a reason, with the command that renews them.
func TestR3_ModelLogins(t *testing.T) {
	var r loginReport
	const answer = `{"providers":[{"provider":"openai","status":"expired"},{"provider":"anthropic","status":"missing"},{"provider":"google","status":"ok"},
		{"provider":"xai","status":"expiring"},{"provider":"local","status":"static"},{"provider":"x; rm -rf ~","status":"expired"},{"provider":"--force","status":"expired"}]}`
	if err := json.Unmarshal([]byte(answer), &r); err != nil {
		t.Fatal(err)
	}
	why := r.reason()
	if why.Code != ReasonLogins || why.Severity != Degraded || why.Detail != "anthropic, openai" || why.LoginCommand() != "clawtray openclaw models auth login --provider anthropic" {
		t.Errorf("%+v, %q", why, why.LoginCommand())
	}
	if gone := (loginReport{}).reason(); gone.Severity != "" || gone.LoginCommand() != "" || (Reason{Code: ReasonDrift, Detail: "x"}).LoginCommand() != "" {
		t.Errorf("%+v", gone)
	}
}

// R3, R4: the status shows the gateway's activity, its channels and its missing log-ins,
// and forgets them when the gateway ends.
func TestR3_R4_StatusFollowsTheGateway(t *testing.T) {
	var busy atomic.Bool
	setup := func(gw *gatewaytest.Gateway) {
		gw.Handle("gateway.restart.preflight", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			if !busy.Load() {
				return map[string]any{"safe": true, "counts": map[string]any{"totalActive": 0}}, nil
			}
			return map[string]any{"safe": false, "counts": map[string]any{"queueSize": 2, "embeddedRuns": 1, "cronRuns": 1, "activeTasks": 2, "totalActive": 6}}, nil
		})
		gw.Handle("channels.status", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			return map[string]any{"channelOrder": []string{"telegram"}, "channelAccounts": map[string]any{"telegram": []any{map[string]any{"accountId": "default", "running": false}}}}, nil
		})
		gw.Handle("channels.start", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
			if string(r.Params) != `{"channel":"telegram"}` {
				return map[string]any{"started": false, "outcome": map[string]any{"status": "retry", "reason": "start-in-flight"}}, nil
			}
			return map[string]any{"started": true}, nil
		})
		gw.Handle("models.authStatus", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
			return map[string]any{"providers": []any{map[string]any{"provider": "openai", "status": "expired"}}}, nil
		})
	}
	play(t, behaving(behaviour{listen: time.Second, setup: setup}), nil, func(s *scene) {
		if err := s.StartChannel(s.t.Context(), "telegram", ""); err == nil {
			t.Error("started without a gateway")
		}
		s.start()
		st := s.until("the log-in", func(st Status) bool { return textOf(st, ReasonLogins) != "" })
		if len(st.Channels) != 1 || st.Channels[0].State != ChannelOff || !st.Activity.Idle() || textOf(st, ReasonLogins) != "OpenClaw has to log in again at openai" {
			t.Errorf("%+v", st)
		}
		if err := s.StartChannel(s.t.Context(), "telegram", ""); err != nil {
			t.Error(err)
		}
		if err := s.StartChannel(s.t.Context(), "slack", "a"); err == nil || !strings.Contains(err.Error(), "start-in-flight") {
			t.Error(err)
		}
		busy.Store(true)
		for range 100 {
			s.host.current().gw.Emit("sessions.changed", map[string]any{})
		}
		st = s.until("work", func(st Status) bool { return !st.Activity.Idle() })
		if st.Activity != (Activity{Sessions: 1, Tasks: 3}) {
			t.Errorf("%+v", st.Activity)
		}
		busy.Store(false)
		s.until("rest", func(st Status) bool { return st.Activity.Idle() })
		s.must(Request{Intent: Stop}, ResultStopped)
		if st := s.Status(); len(st.Channels) != 0 || !st.Activity.Idle() {
			t.Errorf("%+v", st)
		}
	})
}
