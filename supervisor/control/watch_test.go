package control

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/supervisor"
	"clawtray/supervisor/supervisortest"
)

// pipes is a listener in memory, for bubbles.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	p.conns <- there
	return here, nil
}

// inBubble runs f beside a served supervisor, in virtual time.
func inBubble(t *testing.T, f func(t *testing.T, l *pipes, c *Client)) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		s := supervisor.New(supervisor.Config{Port: 1}, supervisortest.Bare{})
		ctx, stop := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() { s.Run(ctx) })
		all.Go(func() { Serve(ctx, l, s) })
		c := &Client{http.Client{Transport: &http.Transport{DialContext: l.dial}}}
		f(t, l, c)
		c.http.CloseIdleConnections()
		stop()
		all.Wait()
	})
}

// Bad input: whoever does not read loses the connection and delays nobody.
func TestAClientThatNeverReads(t *testing.T) {
	inBubble(t, func(t *testing.T, l *pipes, c *Client) {
		stuck, _ := l.dial(t.Context(), "", "")
		fmt.Fprint(stuck, "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
		synctest.Wait()
		began := time.Now()
		for range 200 {
			if _, err := c.Do(t.Context(), supervisor.Request{Intent: supervisor.Start}); err == nil {
				t.Fatal("it started")
			}
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("200 requests took %v beside it", took)
		}
		time.Sleep(writeTimeout)
		synctest.Wait()
		if got, err := io.ReadAll(stuck); err != nil || len(got) > 64<<10 {
			t.Errorf("%d bytes, then %v; want the end", len(got), err)
		}
		if r, _, err := c.Report(t.Context()); err != nil || r.State != supervisor.Failed {
			t.Errorf("afterwards: %v, %v", r.State, err)
		}
	})
}

func TestAClientThatNeverFinishesItsRequest(t *testing.T) {
	for name, start := range map[string]string{
		"headers": "POST /v1/do HTTP/1.1\r\nHost: x\r\n",
		"body":    "POST /v1/do HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, l *pipes, c *Client) {
				stuck, _ := l.dial(t.Context(), "", "")
				began := time.Now()
				fmt.Fprint(stuck, start)
				io.Copy(io.Discard, stuck) // until it is dropped
				if took := time.Since(began); took > writeTimeout+5*time.Second {
					t.Errorf("dropped after %v", took)
				}
			})
		})
	}
}

func TestAnAnswerMayTakeMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		ctx, stop := context.WithCancel(context.Background())
		s := supervisor.New(supervisor.Config{Port: 1}, supervisortest.Bare{})
		var all sync.WaitGroup
		all.Go(func() { Serve(ctx, l, s) })
		time.AfterFunc(5*time.Minute, func() { all.Go(func() { s.Run(ctx) }) })
		c := &Client{http.Client{Transport: &http.Transport{DialContext: l.dial}}}
		if _, err := c.Do(t.Context(), supervisor.Request{Intent: supervisor.Stop}); err != nil {
			t.Errorf("got %v", err)
		}
		c.http.CloseIdleConnections()
		stop()
		all.Wait()
	})
}

func TestA2_TheStreamHasEveryTransitionWithCausePhaseAndTimes(t *testing.T) {
	inBubble(t, func(t *testing.T, l *pipes, c *Client) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var last supervisor.Status
		n := 0
		for s, err := range c.Watch(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				go c.Do(t.Context(), supervisor.Request{Intent: supervisor.Start})
			} else if s.Seq != last.Seq+1 || s.Since.IsZero() || s.PhaseSince.IsZero() || s.PhaseSince.Before(s.Since) || s.Cause.Code == "" || s.Cause.At.IsZero() {
				t.Errorf("after %+v: %+v", last, s)
			}
			if n++; s.State == supervisor.Failed {
				break
			}
			last = s
		}
		if last.Phase != supervisor.Resolving || n < 3 {
			t.Errorf("%d statuses, the last before the error %+v", n, last)
		}
	})
}

func TestStatusWatchIsALogForPeople(t *testing.T) {
	inBubble(t, func(t *testing.T, l *pipes, c *Client) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		out, in := io.Pipe()
		go func() {
			for _, cmd := range Commands(func() *Client { return c }, nil) {
				if cmd.Name() == "status" {
					cmd.SetContext(ctx)
					cmd.SetOut(in)
					cmd.SetArgs([]string{"--watch"})
					in.CloseWithError(cmd.ExecuteContext(ctx))
				}
			}
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
				stop() // as Ctrl-C does
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
			s.Facts.PortOpen = true // no line shows it
			yield(s, nil)
			time.Sleep(time.Minute)
			yield(worse, nil) // the phase is old, the reason is new
		})
		if lines := strings.Split(out.String(), "\n"); len(lines) != 3 || !strings.Contains(lines[0], ":00:00.000  running") || !strings.Contains(lines[1], ":01:00.000  running; degraded: slow") {
			t.Errorf("got\n%s", out.String())
		}
	})
}
