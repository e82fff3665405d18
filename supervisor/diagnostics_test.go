package supervisor

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc/gatewaytest"
)

func (s *scene) report() Report {
	s.t.Helper()
	r, err := s.Report(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func TestA3_DiagnosticsNameEachFact(t *testing.T) {
	deaf := behaviour{listen: time.Second, setup: func(gw *gatewaytest.Gateway) {
		gw.Handle("health", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return gatewaytest.NoAnswer, nil })
	}}
	play(t, behaving(deaf), nil, func(s *scene) {
		s.start()
		started := time.Now()
		d := s.report().Diagnostics
		if d.Command != `NODE_OPTIONS="--title=[redacted]" node openclaw.mjs gateway` || started.Sub(d.LastAlive).Abs() > time.Second || !d.LastRPCFailure.IsZero() || !d.LastHeartbeatTimeout.IsZero() || d.LastClose != nil {
			t.Errorf("after the start: %+v", d)
		}
		time.Sleep(200 * time.Second) // three calls of the health method have timed out
		d = s.report().Diagnostics
		if d.LastRPCFailureMethod != "health" || d.ConsecutiveRPCFailures != 3 || time.Since(d.LastRPCFailure) > 10*time.Second {
			t.Errorf("after calls without an answer: %+v", d)
		}
		s.host.current().gw.CloseAll(1008, "sorry "+testToken)
		s.until("lost", in(Reconnecting))
		s.until("running", in(Running))
		d = s.report().Diagnostics
		if d.LastClose == nil || d.LastClose.Code != 1008 || !strings.Contains(d.LastClose.Text, "sorry") || time.Since(d.LastClose.At) > time.Second {
			t.Errorf("the close: %+v", d.LastClose)
		}
		if d.LastRPCFailure.IsZero() || d.LastRPCFailureMethod != "health" {
			t.Errorf("what the old connection saw is gone: %+v", d)
		}
		s.host.current().gw.Silence(true)
		silent := time.Now()
		s.until("a missed heartbeat", hasReason(ReasonHeartbeatMissed))
		d = s.report().Diagnostics
		if d.ConsecutiveMisses != 1 || time.Since(d.LastHeartbeatTimeout) > time.Second || d.LastAlive.After(silent) {
			t.Errorf("after a silence: %+v", d)
		}
		s.host.current().gw.Silence(false)
		s.host.current().gw.Handle("health", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return map[string]any{"ok": true}, nil })
		time.Sleep(3 * time.Minute)
		d = s.report().Diagnostics
		if d.ConsecutiveMisses != 0 || d.ConsecutiveRPCFailures != 0 || time.Since(d.LastRPCSuccess) > callEvery*(DefaultPolicy().Tend+beatSlack) || time.Since(d.LastAlive) > time.Minute {
			t.Errorf("when all is well again: %+v", d)
		}
		text, err := json.Marshal(s.report())
		if err != nil || strings.Contains(string(text), testToken) {
			t.Errorf("the report has the token, or %v", err)
		}
	})
}

func TestA3_TheLastHundredTransitions(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		for range 30 {
			s.start()
			s.must(Request{Intent: Stop}, ResultStopped)
		}
		list := s.report().Diagnostics.Transitions
		if len(list) != 100 {
			t.Fatalf("%d transitions are kept", len(list))
		}
		for i, tr := range list {
			if tr.At.IsZero() || tr.Cause.Code == NoCause || i > 0 && (tr.At.Before(list[i-1].At) || tr.From != list[i-1].To || tr.After != tr.At.Sub(list[i-1].At)) {
				t.Fatalf("transition %d: %+v after %+v", i, tr, list[max(0, i-1)])
			}
		}
		if last := list[99]; last.To != Stopped || last.Cause.Code != UserStop {
			t.Errorf("the last one: %+v", last)
		}
	})
}

func TestA6_MetricsAreCountedAndLogged(t *testing.T) {
	var log bytes.Buffer
	logged := func(c *Config) { c.Log = slog.New(slog.NewJSONHandler(&log, nil)) }
	ends := behaviour{listen: 2 * time.Second, sidecars: time.Second, dies: 5 * time.Second, exit: Exit{Code: 1}}
	play(t, behaving(ends), logged, func(s *scene) {
		s.start()
		m := s.report().Metrics
		if m.Launches != 1 || m.Reconnects != 0 || m.Restarts != 0 {
			t.Errorf("after the start: %+v", m)
		}
		s.until("an error", in(Failed))
		failed := time.Now()
		m = s.report().Metrics
		budget := DefaultPolicy().Governor.Budget
		attempts := m.Reconnects - budget // the last close may be noticed before the exit of the same failure
		if m.Launches != budget+1 || m.Restarts != budget || attempts < 0 || attempts > 1 || m.ReconnectSuccesses != budget || m.Suppressed != 1 {
			t.Errorf("when the budget was spent: %+v", m)
		}
		if len(m.Delays) != budget || m.Delays[1] <= 0 {
			t.Errorf("delays %v", m.Delays)
		}
		if in := m.Reopens.Sub(failed); in <= 0 || in > DefaultPolicy().Governor.Window {
			t.Errorf("reopens in %v", in)
		}
		s.must(Request{Intent: Retry}, ResultRunning)
		if m = s.report().Metrics; !m.Reopens.IsZero() || m.Suppressed != 1 {
			t.Errorf("after a click: %+v", m)
		}
		synctest.Wait()
		var record struct {
			Msg     string
			Metrics struct {
				Launches          int
				ReconnectAttempts int
				ReconnectRate     float64
				Suppressed        int `json:"suppressedRestarts"`
				Startup           struct{ Listen, Total time.Duration }
			}
		}
		found := false
		for line := range bytes.Lines(log.Bytes()) {
			if json.Unmarshal(line, &record) == nil && record.Msg == "metrics" {
				found = true
			}
		}
		if !found || record.Metrics.Launches != 0 && record.Metrics.Startup.Total == 0 {
			t.Errorf("the metrics were not logged as a record: %+v", record)
		}
		if !strings.Contains(log.String(), `"suppressedRestarts":1`) || !strings.Contains(log.String(), `"reconnectRate":`) {
			t.Error("the log has no suppressed restart, or no rate")
		}
	})
}

func TestA6_ALostSocketIsOneAttemptAndOneSuccess(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		s.host.current().gw.CloseAll(1006, "")
		s.until("lost", in(Reconnecting))
		s.until("running", in(Running))
		if m := s.report().Metrics; m.Reconnects != 1 || m.ReconnectSuccesses != 1 || m.ReconnectRate != 1 || m.Restarts != 0 {
			t.Errorf("got %+v", m)
		}
	})
}

func TestA6_AFailedAttemptLowersTheRate(t *testing.T) {
	dies := behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 1}}
	play(t, behaving(behaviour{listen: time.Second}, dies, dies, behaviour{listen: time.Second}), nil, func(s *scene) {
		s.start()
		s.host.current().finish(Exit{Code: 1})
		s.until("lost", in(Reconnecting))
		s.until("running", in(Running))
		if m := s.report().Metrics; m.Reconnects != 3 || m.ReconnectSuccesses != 1 || m.ReconnectRate != 1.0/3 || m.Restarts != 3 {
			t.Errorf("got %+v", m)
		}
	})
}

func TestJ4_TheTraceBecomesTheStartupTiming(t *testing.T) {
	traced := behaviour{listen: 2 * time.Second, sidecars: 3 * time.Second, lines: []string{
		"2026-11-22T01:43:14.265+00:00 startup trace: config.load 12.3ms total=45.6ms",
		"startup trace: plugins 1500ms total=1600ms", "startup trace: odd notANumber", "[gateway] ready"}}
	play(t, behaving(traced), nil, func(s *scene) {
		s.start()
		m := s.report().Metrics.Startup
		off := func(got, want time.Duration) bool { return (got - want).Abs() > readyPoll } // times are only exact to one poll
		if off(m.Listen, 2*time.Second) || off(m.Challenge, 0) || off(m.Ready, 3*time.Second) || off(m.Total, 5*time.Second) {
			t.Errorf("timing %+v", m)
		}
		want := []TraceStep{{"config.load", 12300 * time.Microsecond}, {"plugins", 1500 * time.Millisecond}}
		if len(m.Steps) != 2 || m.Steps[0] != want[0] || m.Steps[1] != want[1] {
			t.Errorf("steps %v, want %v", m.Steps, want)
		}
	})
}
