package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/supervisor"
	"clawtray/supervisor/supervisortest"
)

// inBubble runs f beside a served supervisor, in virtual time.
func inBubble(t *testing.T, f func(t *testing.T, l *supervisortest.Listener, c *Client)) {
	onMachine(t, supervisortest.Bare{}, f)
}

func onMachine(t *testing.T, host supervisor.Host, f func(t *testing.T, l *supervisortest.Listener, c *Client)) {
	synctest.Test(t, func(t *testing.T) {
		l := supervisortest.Listen()
		s := supervisor.New(supervisor.Config{Port: 1}, host)
		ctx, stop := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() { s.Run(ctx) })
		all.Go(func() { Serve(ctx, l, s) })
		c := Dialing(l.Dial)
		f(t, l, c)
		c.Close()
		stop()
		all.Wait()
	})
}

// Bad input: a client that does not read loses its connection and delays nobody.
func TestAClientThatNeverReads(t *testing.T) {
	inBubble(t, func(t *testing.T, l *supervisortest.Listener, c *Client) {
		stuck, _ := l.Dial(t.Context())
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
			inBubble(t, func(t *testing.T, l *supervisortest.Listener, c *Client) {
				stuck, _ := l.Dial(t.Context())
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

// slow is a machine on which npm replaces OpenClaw for minutes.
type slow struct{ supervisortest.Bare }

func (slow) AwaitUpgrade(ctx context.Context, _ func()) {
	select {
	case <-time.After(5 * time.Minute):
	case <-ctx.Done():
	}
}

func TestAnAnswerMayTakeMinutes(t *testing.T) {
	onMachine(t, slow{}, func(t *testing.T, _ *supervisortest.Listener, c *Client) {
		began := time.Now()
		_, err := c.Do(t.Context(), supervisor.Request{Intent: supervisor.Start})
		if cause := new(supervisor.Cause); !errors.As(err, cause) || cause.Code != supervisor.NodeMissing || time.Since(began) < 5*time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// TestXP4_NobodyAnswers: a clawtray that accepts and never answers.
func TestXP4_NobodyAnswers(t *testing.T) {
	for name, ask := range map[string]func(context.Context, *Client) error{
		"status": func(ctx context.Context, c *Client) error { _, _, err := c.Report(ctx); return err },
		"open":   func(ctx context.Context, c *Client) error { _, err := c.Dashboard(ctx); return err },
		"stop": func(ctx context.Context, c *Client) error {
			_, err := c.Do(ctx, supervisor.Request{Intent: supervisor.Stop})
			return err
		},
		"watch": func(ctx context.Context, c *Client) error {
			for _, err := range c.Watch(ctx) {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := supervisortest.Listen()
				defer l.Close()
				go func() {
					if conn, err := l.Accept(); err == nil {
						io.Copy(io.Discard, conn) // until the client gives up
						conn.Close()
					}
				}()
				c := Dialing(l.Dial)
				defer c.Close()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				began := time.Now()
				err := ask(ctx, c)
				if took := time.Since(began); err == nil || !strings.Contains(err.Error(), "clawtray does not answer") || took != 5*time.Second {
					t.Errorf("after %v: %v", took, err)
				}
			})
		})
	}
}

// TestXP4_TheOwnerHangs: HTTP works, but the supervisor hangs. A command that waits for its
// work gives up.
func TestXP4_TheOwnerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := supervisortest.Listen()
		ctx, stop := context.WithCancel(context.Background())
		s := supervisor.New(supervisor.Config{Port: 1}, supervisortest.Bare{}) // nobody calls Run
		var all sync.WaitGroup
		all.Go(func() { Serve(ctx, l, s) })
		c := Dialing(l.Dial)
		patient, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := c.Do(patient, supervisor.Request{Intent: supervisor.Stop}); !errors.Is(err, errSilent) {
			t.Errorf("stop: %v", err)
		}
		var last error
		for _, err := range c.Watch(patient) {
			last = err
		}
		if !errors.Is(last, errSilent) {
			t.Errorf("watch: %v", last)
		}
		c.Close()
		stop()
		all.Wait()
	})
}

// TestXP4_AQuietGatewayIsNoSilence: nothing changes for a day, and Watch does not give up.
func TestXP4_AQuietGatewayIsNoSilence(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *supervisortest.Listener, c *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for _, err := range c.Watch(ctx) {
			if err != nil {
				t.Error(err)
			}
		}
		if ctx.Err() == nil {
			t.Error("it ended before")
		}
	})
}

// TestXP5_KilledWhileWatched: a stream that breaks is an error, a stream that clawtray closes
// is not.
func TestXP5_KilledWhileWatched(t *testing.T) {
	for name, killed := range map[string]bool{"killed": true, "in order": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := supervisortest.Listen()
				ctx, stop := context.WithCancel(context.Background())
				s := supervisor.New(supervisor.Config{Port: 1}, supervisortest.Bare{})
				var all sync.WaitGroup
				all.Go(func() { s.Run(ctx) })
				all.Go(func() { Serve(ctx, l, s) })
				var conn net.Conn
				c := Dialing(func(ctx context.Context) (net.Conn, error) {
					var err error
					conn, err = l.Dial(ctx)
					return conn, err
				})
				var last error
				for _, err := range c.Watch(t.Context()) {
					if last = err; err != nil {
						break
					}
					if killed {
						conn.Close() // as the kernel does for a process that was killed
					} else {
						stop()
					}
				}
				if killed != (last != nil) {
					t.Errorf("the stream ended with %v", last)
				}
				c.Close()
				stop()
				all.Wait()
			})
		})
	}
}

func TestA2_TheStreamHasEveryTransitionWithCausePhaseAndTimes(t *testing.T) {
	inBubble(t, func(t *testing.T, l *supervisortest.Listener, c *Client) {
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

// TestXS11_SlowClients: who sends a request byte by byte, or stops in the middle of one,
// loses the connection after ten seconds and delays nobody.
func TestXS11_SlowClients(t *testing.T) {
	inBubble(t, func(t *testing.T, l *supervisortest.Listener, c *Client) {
		var conns []net.Conn
		for range 100 {
			for _, part := range []string{"", "POST /v1/do HTTP/1.1\r\nHost: x\r\nX: ", "POST /v1/do HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{"} {
				conn, err := l.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if part != "" {
					if _, err := io.WriteString(conn, part); err != nil {
						t.Fatal(err)
					}
				}
				conns = append(conns, conn)
			}
		}
		synctest.Wait()
		if _, _, err := c.Report(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(writeTimeout + time.Second)
		synctest.Wait()
		for i, conn := range conns {
			conn.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("connection %d still lives", i)
			}
		}
	})
}
