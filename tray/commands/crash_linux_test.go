package commands

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

	"clawtray/packaging/outside"
	"clawtray/supervisor"
)

// TestEndsOfAGateway is one life with a restart by somebody else and each kind of end,
// because each start takes ten seconds of a processor. Nothing is left after it.
func TestEndsOfAGateway(t *testing.T) {
	long(t) // TestFirstLight has one kill
	u := withAnyGateway(t, "[supervision]", "restart_budget = 10")
	u.run()
	u.until("running", running)
	u.isRestartedBySomebodyElse()
	u.isKilledAgainAndAgain()
	u.isSuspended()
	u.isStoppedFromOutside()
	u.quit()
	u.nothingIsLeft("after quit")
}

// isKilledAgainAndAgain: each kill is one incident and leads to one new gateway, and
// nothing of the old gateway is left (G1). There are two kills, with -every-row ten.
func (u *user) isKilledAgainAndAgain() {
	u.t.Helper()
	kills := 2
	if *everyRow {
		kills = 10
	}
	s := u.until("running", running)
	for n := 1; n <= kills; n++ {
		s = u.crash(s)
		if len(s.Incidents) != n || s.Incidents[0].Open() || s.Incidents[0].ID != n {
			u.t.Fatalf("after kill %d the incidents are %+v", n, s.Incidents)
		}
		if n%5 == 0 || n == kills { // the pauses double with each crash; a person's start resets them (B2)
			u.must("start")
		}
	}
}

// crash kills the gateway of s and waits until another one runs and nothing of the old one
// is left.
func (u *user) crash(s supervisor.Status) supervisor.Status {
	u.t.Helper()
	old := outside.Marked(u.home)
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		u.t.Fatal(err)
	}
	next := u.until("running with a new process", func(next supervisor.Status) bool { return running(next) && next.PID != s.PID })
	eventually(u.t, "the old processes are gone", func() bool {
		left := outside.Marked(u.home)
		return !slices.ContainsFunc(old, func(pid int) bool { return slices.Contains(left, pid) })
	})
	if g := outside.Gateways(u.home); !slices.Equal(g, []int{next.PID}) {
		u.t.Fatalf("the gateways are %v, the status says %d", g, next.PID)
	}
	return next
}

// isRestartedBySomebodyElse: a restart in place that we did not order keeps the process,
// starts no new one and is not a failure (G2).
func (u *user) isRestartedBySomebodyElse() {
	t := u.t
	t.Helper()
	first := u.until("running", running)
	launches := first.Launches
	ways := map[string]func() error{
		"over the protocol": func() error {
			return u.session().Call(t.Context(), "gateway.restart.request", map[string]any{"reason": "somebody else"}, nil)
		},
	}
	if *everyRow { // OpenClaw 2026.9.6 takes the signal; 2026.8.2 dies of it (measured)
		ways["by its signal"] = func() error { return syscall.Kill(first.PID, syscall.SIGUSR2) }
	}
	for name, restart := range ways {
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
		if g := outside.Gateways(u.home); !slices.Equal(g, []int{first.PID}) {
			t.Errorf("%s: the gateways are %v, not only %d", name, g, first.PID)
		}
	}
}

// isSuspended: with the default limits, a process that was stopped with SIGSTOP is replaced
// within two minutes (F2).
func (u *user) isSuspended() {
	t := u.t
	t.Helper()
	first := u.until("running", running)
	if err := syscall.Kill(first.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s := u.until("running with a new process", func(s supervisor.Status) bool { return running(s) && s.PID != first.PID })
	if s.Incidents[0].Cause.Code != supervisor.Hung {
		t.Errorf("shown as %+v", s.Incidents)
	}
}

// isStoppedFromOutside: after a SIGTERM by somebody else, the gateway is started again
// once. After a second one it stays stopped, until a person starts it (G4).
func (u *user) isStoppedFromOutside() {
	t := u.t
	t.Helper()
	first := u.until("running", running)
	syscall.Kill(first.PID, syscall.SIGTERM)
	second := u.until("running again", func(s supervisor.Status) bool { return running(s) && s.PID != first.PID })
	if second.Incidents[0].Cause.Code != supervisor.StoppedOutside {
		t.Errorf("shown as %+v", second.Incidents)
	}
	syscall.Kill(second.PID, syscall.SIGTERM)
	if s := u.until("stopped", func(s supervisor.Status) bool { return s.State == supervisor.Stopped }); s.Cause.Code != supervisor.StoppedOutside {
		t.Errorf("stopped as %+v", s)
	}
	u.must("start")
}

// TestB10_ChannelsSuppressed: after three unclean ends in five minutes, the gateway itself
// keeps its channels off. The status shows that and when it ends, until it has ended.
func TestB10_ChannelsSuppressed(t *testing.T) {
	long(t)
	u := withAnyGateway(t)
	bots := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)                // after reading the body, the server notices the end of the client
		if strings.HasSuffix(r.URL.Path, "/getUpdates") { // a request that waits for messages
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
	u.run() // the channels stay off as in every test; the end of a gateway that listens always counts
	for n, last := 0, 0; n < 3; n++ {
		s := u.until("listening", func(s supervisor.Status) bool { return s.PID != last && slices.Contains(listening, s.Phase) })
		last = s.PID
		if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	u.quit()

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
	// The gateway's own way to start a channel earlier.
	if err := u.session().Call(t.Context(), "channels.start", map[string]any{"channel": "telegram"}, nil); err != nil {
		t.Fatal(err)
	}
	u.until("no longer suppressed", func(s supervisor.Status) bool { return !slices.ContainsFunc(s.Health.Reasons, suppressed) })
	u.quit()
}

var listening = []supervisor.Phase{supervisor.Listening, supervisor.Challenged, supervisor.Sidecars, supervisor.Ready}

func suppressed(r supervisor.Reason) bool { return r.Code == supervisor.ReasonSafeMode }

// blockScript makes a gateway block its event loop once, when a file contains its process
// id.
const blockScript = `
const fs = require("node:fs");
const trigger = %q;
if (require("node:worker_threads").isMainThread) {
	setInterval(() => {
		if (!fs.existsSync(trigger) || fs.readFileSync(trigger, "utf8") !== String(process.pid)) return;
		fs.unlinkSync(trigger);
		const end = Date.now() + %d * 1000;
		while (Date.now() < end) { // work half of the time, which is enough
			const before = process.cpuUsage().user;
			while (process.cpuUsage().user - before < 20_000);
			Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
		}
	}, 200).unref();
}
`

// TestF2_BlockedEventLoop: a gateway that is busy for longer than an idle one may be silent
// is not restarted.
func TestF2_BlockedEventLoop(t *testing.T) {
	long(t)
	const busy = 130 // seconds; the third heartbeat is missed after 102 to 104, a restart would follow within 10
	u := withAnyGateway(t)
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
	u.quit()
}
