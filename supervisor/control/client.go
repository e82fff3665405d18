package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"clawtray/supervisor"
)

// ErrNotRunning says that no clawtray of this user and profile is running.
var ErrNotRunning = errors.New("clawtray is not running")

const (
	firstAnswer = 5 * time.Second       // from the connection to the first bytes of an answer
	silence     = 5 * lifeSign          // between two parts of an answer
	comes       = 3 * time.Second       // until a clawtray that starts has its socket
	lookForIt   = 50 * time.Millisecond // between two looks at the lock or the socket
	ends        = time.Second           // until a process that has closed its connections has freed its lock
)

var (
	// errSilent ends a request that gets no answer.
	errSilent = errors.New("clawtray does not answer")
	errEnded  = errors.New("clawtray ended before it had answered")
	errKilled = errors.New("clawtray ended without a word: it crashed, or somebody killed it")
)

// Client talks to a running clawtray. Its errors are sentences for people.
type Client struct {
	http http.Client
	dir  string // the state folder; empty in tests
}

// NewClient returns a client of the instance whose state folder is dir. It connects with
// the first request.
func NewClient(dir string) *Client {
	c := Dialing(func(ctx context.Context) (net.Conn, error) { return connect(ctx, dir) })
	c.dir = dir
	return c
}

// Dialing returns a client that connects with dial. It is for tests.
func Dialing(dial func(context.Context) (net.Conn, error)) *Client {
	return &Client{http: http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}}
}

// Close closes the connections that are kept for the next request.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call sends a request and returns its answer. The caller has to close that.
func (c *Client) call(ctx context.Context, method, path string, in any) (*answer, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	limited, cancel := context.WithCancelCause(ctx)
	a := &answer{client: c, caller: ctx, limited: limited, cancel: cancel}
	a.watchdog = time.AfterFunc(comes+firstAnswer, func() { cancel(errSilent) })
	connected := httptrace.WithClientTrace(limited, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { a.watchdog.Reset(firstAnswer) }})
	req, err := http.NewRequestWithContext(connected, method, "http://clawtray"+path, body)
	if err != nil {
		a.stop()
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		defer a.stop()
		return nil, a.explain(err)
	}
	a.body = resp.Body
	a.watchdog.Stop() // from now on it runs only while a Read waits
	if resp.StatusCode != http.StatusOK {
		defer a.Close()
		text, _ := io.ReadAll(io.LimitReader(a, maxRequest))
		if resp.StatusCode == http.StatusConflict { // the request was right, but cannot be carried out now
			return nil, errors.New(strings.TrimSpace(string(text)))
		}
		return nil, fmt.Errorf("clawtray refused the request: %s", strings.TrimSpace(string(text)))
	}
	return a, nil
}

// answer is the body of an answer. Read fails when nothing comes for too long, because
// clawtray sends an empty line every few seconds while it works.
type answer struct {
	client   *Client
	caller   context.Context
	limited  context.Context
	cancel   context.CancelCauseFunc
	watchdog *time.Timer
	body     io.ReadCloser
}

func (a *answer) Read(p []byte) (int, error) {
	a.watchdog.Reset(silence)
	n, err := a.body.Read(p)
	a.watchdog.Stop()
	if err != nil && err != io.EOF {
		err = a.explain(err)
	}
	return n, err
}

func (a *answer) Close() error {
	a.stop()
	return a.body.Close()
}

func (a *answer) stop() {
	a.watchdog.Stop()
	a.cancel(nil)
}

// explain returns a sentence that says why no answer came, or only a part of it.
func (a *answer) explain(err error) error {
	if a.caller.Err() != nil {
		return a.caller.Err()
	}
	if said, ok := errors.AsType[*sentence](err); ok {
		return said.error
	}
	owner, running := a.client.owner()
	if errors.Is(context.Cause(a.limited), errSilent) {
		return fmt.Errorf("%w%s", errSilent, owner.process())
	}
	for giveUp := time.Now().Add(ends); running && time.Now().Before(giveUp); time.Sleep(lookForIt) {
		_, running = a.client.owner()
	}
	if running {
		return fmt.Errorf("clawtray%s broke the connection off: %w", owner.process(), inner(err))
	}
	return errEnded
}

// owner is the instance that is running now.
func (c *Client) owner() (Owner, bool) {
	if c.dir == "" {
		return Owner{}, false
	}
	o, running, err := Look(c.dir)
	return o, running && err == nil
}

// AwaitEnd waits until the process of a clawtray that has answered a request to quit has
// ended: it sends that answer before it closes its log.
func (c *Client) AwaitEnd(ctx context.Context) error {
	for giveUp := time.Now().Add(firstAnswer); ; {
		owner, running := c.owner()
		switch {
		case !running:
			return nil
		case time.Now().After(giveUp):
			return fmt.Errorf("clawtray%s has stopped working, but its process has not ended", owner.process())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookForIt):
		}
	}
}

// process is " (process 123)", or "" when the pid is not known.
func (o Owner) process() string {
	if o.PID == 0 {
		return ""
	}
	return fmt.Sprintf(" (process %d)", o.PID)
}

// inner is the innermost error, without what the HTTP client says about its request.
func inner(err error) error {
	for wrapped := err; wrapped != nil; wrapped = errors.Unwrap(wrapped) {
		err = wrapped
	}
	return err
}

// Report fetches the status with its diagnostics, decoded and as the JSON that came.
func (c *Client) Report(ctx context.Context) (report supervisor.Report, raw []byte, err error) {
	body, err := c.call(ctx, http.MethodGet, "/v1/status", nil)
	if err != nil {
		return report, nil, err
	}
	defer body.Close()
	if raw, err = io.ReadAll(body); err != nil {
		return report, nil, err
	}
	return report, raw, json.Unmarshal(raw, &report)
}

// Dashboard is the address of the dashboard with its sign-in. It is a secret: do not log it.
func (c *Client) Dashboard(ctx context.Context) (url string, err error) {
	body, err := c.call(ctx, http.MethodGet, "/v1/dashboard", nil)
	if err != nil {
		return "", err
	}
	defer body.Close()
	var out dashboard
	err = json.NewDecoder(body).Decode(&out)
	return out.URL, err
}

// Do sends a request and waits until it is carried out, as long as clawtray shows that it
// is alive. When the gateway has failed, the error is a supervisor.Cause.
func (c *Client) Do(ctx context.Context, r supervisor.Request) (supervisor.Answer, error) {
	body, err := c.call(ctx, http.MethodPost, "/v1/do", r)
	if err != nil {
		return supervisor.Answer{}, err
	}
	defer body.Close()
	var out reply
	if err := json.NewDecoder(body).Decode(&out); err != nil {
		return supervisor.Answer{}, body.ended(err)
	}
	switch {
	case out.Error != nil:
		return out.Answer, *out.Error
	case out.Text != "":
		return out.Answer, errors.New(out.Text)
	}
	return out.Answer, nil
}

// ended is the error for an answer that ends too early.
func (a *answer) ended(err error) error {
	if errors.Is(err, io.EOF) {
		return errEnded
	}
	return err
}

// Watch yields the current status and every later one, until ctx or clawtray ends. The last
// value is an error when clawtray hangs, or has ended without closing the stream.
func (c *Client) Watch(ctx context.Context) iter.Seq2[supervisor.Status, error] {
	return func(yield func(supervisor.Status, error) bool) {
		body, err := c.call(ctx, http.MethodGet, "/v1/events", nil)
		if err != nil {
			yield(supervisor.Status{}, err)
			return
		}
		defer body.Close()
		for lines := json.NewDecoder(body); ; {
			var s supervisor.Status
			err := lines.Decode(&s)
			switch {
			case errors.Is(err, io.EOF), ctx.Err() != nil:
				return
			case errors.Is(err, errEnded):
				yield(s, errKilled)
				return
			case err != nil:
				yield(s, err)
				return
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}
