package gatewaytest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"clawtray/rpc/gatewaytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "shared-token"

// raw is a client that sends whatever a test wants.
type raw struct {
	t  *testing.T
	ws *websocket.Conn
}

// client opens a socket in memory and reads the challenge.
func client(t *testing.T, gw *gatewaytest.Gateway) *raw {
	t.Helper()
	return clientOf(t, websocket.Dialer{NetDialContext: gw.Dial}, gatewaytest.URL)
}

func clientOf(t *testing.T, dialer websocket.Dialer, url string) *raw {
	t.Helper()
	ws, _, err := dialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	c := &raw{t, ws}
	if first := c.read(); first["event"] != "connect.challenge" {
		t.Fatal(first)
	}
	return c
}

func (c *raw) send(text string) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *raw) read() map[string]any {
	c.t.Helper()
	var frame map[string]any
	if err := c.ws.ReadJSON(&frame); err != nil {
		c.t.Fatal(err)
	}
	return frame
}

// closed reads until the socket is closed.
func (c *raw) closed() (code int, reason string) {
	c.t.Helper()
	for {
		_, _, err := c.ws.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			return closed.Code, closed.Text
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

// connect is an accepted connect without a device.
const connect = `{"type":"req","id":"1","method":"connect","params":{"minProtocol":3,"maxProtocol":4,"role":"operator","scopes":["operator.read"],` +
	`"caps":[],"client":{"id":"gateway-client","version":"1","platform":"linux","mode":"backend"},"auth":{"token":"` + token + `"}}}`

func connected(t *testing.T, gw *gatewaytest.Gateway) *raw {
	t.Helper()
	return client(t, gw).connect()
}

func (c *raw) connect() *raw {
	c.t.Helper()
	c.send(connect)
	if hello := c.read(); hello["ok"] != true {
		c.t.Fatal(hello)
	}
	return c
}

// TestBeforeHello: what a gateway does with a first message that is not connect (measured, all
// versions).
func TestBeforeHello(t *testing.T) {
	for name, c := range map[string]struct {
		send, reason string
		code         int
	}{
		"invalid JSON":    {`{{{`, "", 1000},
		"no request":      {`{"type":"event","event":"x"}`, "invalid request frame", 1008},
		"another method":  {`{"type":"req","id":"1","method":"health"}`, "invalid handshake: first request must be connect", 1008},
		"over 64 KiB":     {`"` + strings.Repeat("x", 65<<10) + `"`, "", 1009},
		"unknown field":   {strings.Replace(connect, `"caps"`, `"surprise":1,"caps"`, 1), "invalid connect params: at root: json: unknown field \"surprise\"", 1008},
		"protocol 5 only": {strings.Replace(connect, `"minProtocol":3,"maxProtocol":4`, `"minProtocol":5,"maxProtocol":5`, 1), "protocol mismatch", 1002},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gw := gatewaytest.New(gatewaytest.Config{Token: token})
				defer gw.Close()
				raw := client(t, gw)
				raw.send(c.send)
				if code, reason := raw.closed(); code != c.code || reason != c.reason {
					t.Error(code, reason)
				}
			})
		})
	}
}

func TestSocketThatNeverConnects(t *testing.T) {
	for protocol, limit := range map[int]time.Duration{3: 3 * time.Second, 4: 15 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			gw := gatewaytest.New(gatewaytest.Config{Protocol: protocol})
			defer gw.Close()
			start := time.Now()
			if code, _ := client(t, gw).closed(); code != 1000 || time.Since(start) != limit {
				t.Error(code, time.Since(start))
			}
		})
	}
}

// TestAfterHello: what a gateway does with wrong messages after hello-ok (measured, all
// versions).
func TestAfterHello(t *testing.T) {
	gw := gatewaytest.New(gatewaytest.Config{Token: token, Quirks: gatewaytest.Quirks{Quiet: true}})
	c := clientOf(t, websocket.Dialer{}, gw.Listen(t)).connect() // real sockets: it sends several frames before it reads
	c.send(`{{{ ignored`)
	c.send(`{"type":"req","method":"health"}`)
	if got := c.read(); got["id"] != "invalid" || got["ok"] != false {
		t.Error(got)
	}
	c.send(`{"type":"req","id":5,"method":"health"}`)
	if got := c.read(); got["id"] != 5.0 || got["ok"] != false {
		t.Error(got)
	}
	c.send(connect)
	if got := fmt.Sprint(c.read()); !strings.Contains(got, "connect is only valid as the first request") {
		t.Error(got)
	}
	c.send(`{"type":"req","id":"7","method":"health"}`)
	c.send(`{"type":"req","id":"7","method":"health"}`)
	for range 2 { // duplicate ids: both are answered
		if got := c.read(); got["id"] != "7" || got["ok"] != true {
			t.Error(got)
		}
	}
	gw.Emit("tick", map[string]int{"ts": 1})
	gw.Emit("tick", map[string]int{"ts": 2})
	for seq := 1.0; seq <= 2; seq++ {
		if got := c.read(); got["event"] != "tick" || got["seq"] != seq {
			t.Error(got)
		}
	}
	received := gw.Received()
	if len(received) != 4 || received[0].Method != "connect" || !json.Valid(received[0].Params) {
		t.Error(received)
	}
}

func TestHandlersMayBlockAndEndWithTheSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: token, Quirks: gatewaytest.Quirks{Quiet: true}})
		defer gw.Close()
		ended := make(chan struct{})
		gw.Handle("block", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
			<-r.Context().Done()
			close(ended)
			return nil, nil
		})
		c := connected(t, gw)
		c.send(`{"type":"req","id":"2","method":"block"}`)
		c.send(`{"type":"req","id":"3","method":"health"}`)
		if got := c.read(); got["id"] != "3" {
			t.Error(got)
		}
		c.ws.Close()
		<-ended
	})
}

func TestClosedGatewayRefuses(t *testing.T) {
	gw := gatewaytest.New(gatewaytest.Config{})
	gw.Close()
	if _, err := gw.Dial(context.Background(), "", ""); err == nil {
		t.Error("no error")
	}
	gw.Close()
}

// TestXR2_WhatFollowsHello: what a gateway sends directly after hello-ok, and the pings of all
// versions but the oldest (measured).
func TestXR2_WhatFollowsHello(t *testing.T) {
	for protocol, want := range map[int]string{3: "health 1", 4: "presence 1 health 2"} {
		synctest.Test(t, func(t *testing.T) {
			gw := gatewaytest.New(gatewaytest.Config{Token: token, Protocol: protocol})
			defer gw.Close()
			c := client(t, gw)
			c.send(strings.Replace(connect, "backend", "ui", 1))
			if hello := c.read(); hello["ok"] != true {
				t.Fatal(hello)
			}
			var got []string
			for range strings.Count(want, " ")/2 + 1 {
				e := c.read()
				got = append(got, fmt.Sprint(e["event"], " ", e["seq"]))
			}
			if strings.Join(got, " ") != want {
				t.Errorf("protocol %d: %q, want %q", protocol, got, want)
			}
			if protocol == 3 {
				return
			}
			start, pings := time.Now(), 0
			c.ws.SetPingHandler(func(string) error {
				if pings++; pings == 3 {
					return io.EOF // ends ReadMessage
				}
				return nil
			})
			if _, _, err := c.ws.ReadMessage(); pings != 3 || time.Since(start) != 75*time.Second {
				t.Errorf("%d pings after %v: %v", pings, time.Since(start), err)
			}
		})
	}
}
