package commands

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/supervisortest"
)

func TestStatusWatchIsALogForPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := supervisortest.Listen()
		s := supervisor.New(supervisor.Config{Port: 1}, supervisortest.Bare{})
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer all.Wait()
		defer stop()
		all.Go(func() { s.Run(ctx) })
		all.Go(func() { control.Serve(ctx, l, s) })
		c := control.Dialing(l.Dial)
		defer c.Close()
		out, in := io.Pipe()
		go func() {
			cmd := status(&app{client: func() *control.Client { return c }})
			cmd.SetOut(in)
			cmd.SetArgs([]string{"--watch"})
			in.CloseWithError(cmd.ExecuteContext(ctx))
		}()
		go func() {
			synctest.Wait()
			time.Sleep(time.Minute)
			c.Do(ctx, supervisor.Request{Intent: supervisor.Start})
		}()
		var text strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(&text, lines.Text())
			if strings.Contains(lines.Text(), "  error") {
				stop() // Ctrl-C does the same
			}
		}
		want := regexp.MustCompile(`^\d\d:00:00\.000  stopped
\d\d:01:00\.000  starting: Started by you
\d\d:01:00\.000  starting \(resolving\): Started by you
(\d\d:01:00\.000  starting \(resolving\) managed: Started by you
)?\d\d:01:00\.000  error managed: Node.js was not found
$`)
		if !want.MatchString(text.String()) {
			t.Errorf("got\n%s", text.String())
		}
	})
}

func TestLine(t *testing.T) {
	at := time.Date(2026, 1, 1, 12, 30, 15, 0, time.Local)
	for want, s := range map[string]supervisor.Status{
		"stopped: Stopped by you": {State: supervisor.Stopped, Cause: supervisor.Cause{Code: supervisor.UserStop}},
		"running (ready) managed pid 7: Started by you; degraded: too slow": {State: supervisor.Running, Phase: supervisor.Ready, Mode: supervisor.Managed, PID: 7, Cause: supervisor.Cause{Code: supervisor.UserStart},
			Health: supervisor.Health{Level: supervisor.Degraded, Reasons: []supervisor.Reason{{Severity: supervisor.Degraded, Text: "too slow"}}}},
		"reconnecting (waiting): The gateway was killed (SIGKILL); next try at 12:30:15, attempt 2 of 10": {State: supervisor.Reconnecting, Phase: supervisor.Waiting, NextRetryAt: at, Attempts: 2, MaxAttempts: 10,
			Cause: supervisor.Cause{Code: supervisor.Killed, Detail: "SIGKILL"}},
		"running (draining); 2 still active; until 12:30:15 at the latest": {State: supervisor.Running, Phase: supervisor.Draining, ActiveWork: 2, Deadline: at},
		"running (draining); until 12:30:15 at the latest":                 {State: supervisor.Running, Phase: supervisor.Draining, ActiveWork: -1, Deadline: at},
		"starting (listening); slower than usual: loading plugins":         {State: supervisor.Starting, Phase: supervisor.Listening, SlowStart: true, LastLine: "loading plugins"},
	} {
		if got := line(s); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestFollowSaysEachThingOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := supervisor.Status{State: supervisor.Running, PhaseSince: began}
		worse := s
		worse.Health.Reasons = []supervisor.Reason{{Severity: supervisor.Degraded, Text: "slow"}}
		var out strings.Builder
		follow(&out, func(yield func(supervisor.Status, error) bool) {
			yield(s, nil)
			s.Facts.PortOpen = true // no line shows this fact
			yield(s, nil)
			time.Sleep(time.Minute)
			yield(worse, nil) // the same phase with a new reason
		})
		if lines := strings.Split(out.String(), "\n"); len(lines) != 3 || !strings.Contains(lines[0], ":00:00.000  running") || !strings.Contains(lines[1], ":01:00.000  running; degraded: slow") {
			t.Errorf("got\n%s", out.String())
		}
	})
}
