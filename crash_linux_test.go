package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"clawtray/supervisor"
)

// TestG1_KilledTenTimes: each kill is one incident and one new gateway, and
// nothing of the old one stays.
func TestG1_KilledTenTimes(t *testing.T) {
	u := withGateway(t, "[supervision]", "restart_budget = 10")
	u.run()
	s := u.until("running", running)
	for n := 1; n <= 10; n++ {
		s = u.crash(s)
		if len(s.Incidents) != n || s.Incidents[0].Open() || s.Incidents[0].ID != n {
			t.Fatalf("after kill %d the incidents are %+v", n, s.Incidents)
		}
		if n == 5 { // pauses double with each crash; a person's start forgets them (B2)
			u.must("start")
		}
	}
	u.must("quit")
	<-u.ended
	if pids := u.marked(); len(pids) != 0 || !portFree(u.port) {
		t.Errorf("after quit: processes %v, port free %v", pids, portFree(u.port))
	}
}

// crash kills the gateway of s and waits until another one runs and nothing of
// the old one is left.
func (u *user) crash(s supervisor.Status) supervisor.Status {
	u.t.Helper()
	old := u.marked()
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		u.t.Fatal(err)
	}
	next := u.until("running with a new process", func(next supervisor.Status) bool { return running(next) && next.PID != s.PID })
	eventually(u.t, "the old processes are gone", func() bool {
		left := u.marked()
		return !slices.ContainsFunc(old, func(pid int) bool { return slices.Contains(left, pid) })
	})
	if g := u.gateways(); !slices.Equal(g, []int{next.PID}) {
		u.t.Fatalf("the gateways are %v, the status says %d", g, next.PID)
	}
	return next
}

// gateways are the marked processes that are gateways, not their helpers.
func (u *user) gateways() []int {
	return slices.DeleteFunc(u.marked(), func(pid int) bool {
		title, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		return !strings.HasPrefix(string(title), "openclaw-gateway")
	})
}

// TestB10_ChannelsSuppressed: after three unclean ends in five minutes the
// gateway itself keeps its channels off. That is shown, with when it ends, until
// it has ended.
func TestB10_ChannelsSuppressed(t *testing.T) {
	u := withGateway(t)
	bots := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)                // only then is the end of the client noticed
		if strings.HasSuffix(r.URL.Path, "/getUpdates") { // waits for messages
			<-r.Context().Done()
			return
		}
		fmt.Fprint(w, `{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"x","username":"x_bot"}}`)
	}))
	defer bots.Close()
	u.write(".openclaw/openclaw.json", fmt.Sprintf(`{
		"gateway": {"mode": "local"},
		"channels": {"telegram": {"enabled": true, "botToken": "1:not-a-token", "apiRoot": "%s"}}
	}`, bots.URL))
	u.run() // channels stay off as in every test; an end counts from the moment the gateway listens, at the latest
	for n, last := 0, 0; n < 3; n++ {
		s := u.until("listening", func(s supervisor.Status) bool { return s.PID != last && slices.Contains(listening, s.Phase) })
		last = s.PID
		if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	u.must("quit")
	<-u.ended

	u.env = slices.DeleteFunc(u.env, func(v string) bool { return strings.HasPrefix(v, "OPENCLAW_SKIP_CHANNELS") })
	u.run()
	s := u.until("degraded", func(s supervisor.Status) bool { return slices.ContainsFunc(s.Health.Reasons, suppressed) })
	r := s.Health.Reasons[slices.IndexFunc(s.Health.Reasons, suppressed)]
	if !running(s) || s.Health.Level != supervisor.Degraded || !strings.Contains(r.Text, "telegram, until about ") {
		t.Errorf("status %+v", s)
	}
	if out := u.must("status"); !strings.Contains(out, r.Text) {
		t.Errorf("status says %s", out)
	}
	// The gateway's own way to end it early.
	if err := u.session().Call(t.Context(), "channels.start", map[string]any{"channel": "telegram"}, nil); err != nil {
		t.Fatal(err)
	}
	u.until("no longer suppressed", func(s supervisor.Status) bool { return !slices.ContainsFunc(s.Health.Reasons, suppressed) })
	u.must("quit")
	<-u.ended
}

var listening = []supervisor.Phase{supervisor.Listening, supervisor.Challenged, supervisor.Sidecars, supervisor.Ready}

func suppressed(r supervisor.Reason) bool { return r.Code == supervisor.ReasonSafeMode }

// blockScript makes a gateway work on one thing until it answers nothing else,
// once, when a file names its process.
const blockScript = `
const fs = require("node:fs");
const trigger = %q;
if (require("node:worker_threads").isMainThread) {
	setInterval(() => {
		if (!fs.existsSync(trigger) || fs.readFileSync(trigger, "utf8") !== String(process.pid)) return;
		fs.unlinkSync(trigger);
		for (const end = Date.now() + %d * 1000; Date.now() < end;);
	}, 200).unref();
}
`

// TestF2_BlockedEventLoop: a gateway that is busy for longer than it takes to
// call one that sleeps dead is left alone.
func TestF2_BlockedEventLoop(t *testing.T) {
	const busy = 130 // seconds; the third heartbeat is missed after 102 to 104, a restart would follow within 10
	u := withGateway(t)
	u.configure("node_options = " + fmt.Sprintf("%q", "--require "+filepath.Join(u.home, "block.cjs")))
	trigger := filepath.Join(u.home, "block")
	u.write("block.cjs", fmt.Sprintf(blockScript, trigger, busy))
	u.run()
	first := u.until("running", running)
	u.write("block.new", fmt.Sprint(first.PID))
	if err := os.Rename(filepath.Join(u.home, "block.new"), trigger); err != nil {
		t.Fatal(err)
	}
	undisturbed := func(s supervisor.Status) {
		if !running(s) || s.PID != first.PID || s.Launches != first.Launches || len(s.Incidents) != 0 {
			t.Fatalf("while it was busy: %+v", s)
		}
	}
	said := u.until("too busy to answer", func(s supervisor.Status) bool {
		undisturbed(s)
		return slices.ContainsFunc(s.Health.Reasons, func(r supervisor.Reason) bool { return r.Code == supervisor.ReasonBusy })
	})
	if said.Health.Level != supervisor.Degraded {
		t.Errorf("while it was busy: %+v", said.Health)
	}
	u.until("healthy again", func(s supervisor.Status) bool {
		undisturbed(s)
		return s.Health.Level == supervisor.Healthy
	})
	u.must("quit")
	<-u.ended
}

// TestG2_RestartedBySomebodyElse: a restart in place that we did not order keeps
// the process, spawns nothing and is no failure.
func TestG2_RestartedBySomebodyElse(t *testing.T) {
	u := withGateway(t)
	u.run()
	first := u.until("running", running)
	launches := first.Launches
	for name, restart := range map[string]func() error{
		"over the protocol": func() error {
			return u.session().Call(t.Context(), "gateway.restart.request", map[string]any{"reason": "somebody else"}, nil)
		},
		"by its signal": func() error { return syscall.Kill(first.PID, syscall.SIGUSR2) }, // measured, OpenClaw 2026.9.6
	} {
		launches++
		if err := restart(); err != nil {
			t.Fatal(name, err)
		}
		s := u.until("reconnecting", func(s supervisor.Status) bool {
			return s.State == supervisor.Reconnecting || s.Launches == launches
		})
		if s.State == supervisor.Reconnecting && (s.Cause.Code != supervisor.InPlaceRestart || s.PID != first.PID) {
			t.Errorf("%s: %+v", name, s)
		}
		s = u.until("running again", func(s supervisor.Status) bool { return running(s) && s.Launches == launches })
		if s.PID != first.PID || s.Attempts != 0 || len(s.Incidents) != 0 {
			t.Errorf("%s: %+v", name, s)
		}
		if g := u.gateways(); !slices.Equal(g, []int{first.PID}) {
			t.Errorf("%s: the gateways are %v, not only %d", name, g, first.PID)
		}
	}
	u.must("quit")
	<-u.ended
}
