package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"path/filepath"
	"strings"

	"clawtray/supervisor"
)

// ErrNotRunning says that no clawtray of this user and profile is running.
var ErrNotRunning = errors.New("clawtray is not running")

// Client talks to a running clawtray.
type Client struct{ http http.Client }

// NewClient returns a client of the instance whose socket is in dir. Nothing is
// connected yet.
func NewClient(dir string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, socketName))
		if err != nil && ctx.Err() == nil {
			return nil, errors.Join(ErrNotRunning, err)
		}
		return conn, err
	}
	return &Client{http.Client{Transport: &http.Transport{DialContext: dial}}}
}

func (c *Client) call(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://clawtray"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if errors.Is(err, ErrNotRunning) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxRequest))
		if resp.StatusCode == http.StatusConflict { // the request was right, the moment is not
			return nil, errors.New(strings.TrimSpace(string(text)))
		}
		return nil, fmt.Errorf("clawtray refused the request: %s", strings.TrimSpace(string(text)))
	}
	return resp.Body, nil
}

// Report fetches the status with its diagnostics, also as the JSON it came in.
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

// Dashboard is the address of the dashboard, signed in. It is a secret: never log it.
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

// Do hands over a request and waits for its end. A failure of the gateway is a
// supervisor.Cause.
func (c *Client) Do(ctx context.Context, r supervisor.Request) (supervisor.Answer, error) {
	body, err := c.call(ctx, http.MethodPost, "/v1/do", r)
	if err != nil {
		return supervisor.Answer{}, err
	}
	defer body.Close()
	var out reply
	if err := json.NewDecoder(body).Decode(&out); err != nil {
		return supervisor.Answer{}, fmt.Errorf("clawtray ended before it answered: %w", err)
	}
	switch {
	case out.Error != nil:
		return out.Answer, *out.Error
	case out.Text != "":
		return out.Answer, errors.New(out.Text)
	}
	return out.Answer, nil
}

// Watch yields the newest status and every later one, until ctx or clawtray ends.
func (c *Client) Watch(ctx context.Context) iter.Seq2[supervisor.Status, error] {
	return func(yield func(supervisor.Status, error) bool) {
		body, err := c.call(ctx, http.MethodGet, "/v1/events", nil)
		if err != nil {
			yield(supervisor.Status{}, err)
			return
		}
		defer body.Close()
		for lines := json.NewDecoder(bufio.NewReader(body)); ; {
			var s supervisor.Status
			if lines.Decode(&s) != nil { // the end of clawtray, or of ctx
				return
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}
