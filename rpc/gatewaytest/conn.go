package gatewaytest

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// closeWait bounds the writing of a close frame or a ping.
const closeWait = time.Second

// Conn is the connection of one client.
type Conn struct {
	gw     *Gateway
	ws     *websocket.Conn
	origin string // header of the upgrade

	mu       sync.Mutex      // guards writing, seq and hello
	seq      int64           // of the newest event
	hello    bool            // hello-ok was sent
	scopes   map[string]bool // that were granted with hello-ok
	handlers sync.WaitGroup
	ctx      context.Context // ends with the socket
	cancel   context.CancelFunc
	nonce    string
}

func newConn(gw *Gateway, ws *websocket.Conn, r *http.Request) *Conn {
	ctx, cancel := context.WithCancel(gw.life.ctx)
	pong := ws.PingHandler()
	ws.SetPingHandler(func(payload string) error {
		if gw.snapshot().noPongs {
			return nil
		}
		return pong(payload)
	})
	return &Conn{gw: gw, ws: ws, origin: r.Header.Get("Origin"), ctx: ctx, cancel: cancel}
}

// envelope is any frame a client may send.
type envelope struct {
	Type    string          `json:"type"`
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

// serve runs a connection from the challenge to its close.
func (gw *Gateway) serve(c *Conn) {
	if !gw.enter(c) {
		return
	}
	defer gw.life.running.Done()
	defer func() {
		_ = c.ws.Close()
		c.cancel()
		gw.set(func() { delete(gw.sockets.all, c); delete(gw.sockets.connected, c) })
		c.handlers.Wait()
	}()
	accepted := gw.handshake(c)
	gw.sockets.opened.Add(-1)
	if !accepted {
		return
	}
	if gw.cfg.Policy.Tick > 0 {
		c.handlers.Go(func() {
			c.every(gw.cfg.Policy.Tick, func(now time.Time) { c.Emit("tick", map[string]any{"ts": now.UnixMilli()}) })
		})
	}
	if !gw.cfg.Quirks.Quiet && gw.cfg.Protocol > 3 { // 2026.3 sends none (measured)
		c.handlers.Go(func() { c.every(pingEvery, func(time.Time) { c.Ping(nil) }) })
	}
	c.ws.SetReadLimit(gw.cfg.Policy.MaxPayload)
	for {
		_, b, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		c.received(b)
	}
}

// enter adds a connection to those that Close ends. It reports false when the gateway is
// closed already.
func (gw *Gateway) enter(c *Conn) bool {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	if gw.state.closed {
		_ = c.ws.Close()
		return false
	}
	gw.life.running.Add(1)
	gw.sockets.all[c] = struct{}{}
	return true
}

// every calls do at an interval, until the connection is closed.
func (c *Conn) every(interval time.Duration, do func(now time.Time)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			do(now)
		case <-c.ctx.Done():
			return
		}
	}
}

// received handles one message after hello-ok.
func (c *Conn) received(b []byte) {
	var e envelope
	if json.Unmarshal(b, &e) != nil {
		return // silently ignored (measured)
	}
	if e.Type != "req" || len(e.ID) == 0 || e.Method == "" {
		c.answer(json.RawMessage(`"invalid"`), nil, &Error{Code: "INVALID_REQUEST", Message: "invalid request frame: must have required property 'id'"})
		return
	}
	if e.ID[0] != '"' {
		c.answer(e.ID, nil, &Error{Code: "INVALID_REQUEST", Message: "invalid request frame: at /id: must be string"})
		return
	}
	if c.gw.breaksAt(e.Method) {
		c.Close(websocket.CloseAbnormalClosure, "")
		return
	}
	r := &Request{Conn: c, ID: e.ID, Method: e.Method, Params: e.Params, At: time.Now()}
	handler, failed := c.gw.route(r)
	switch {
	case failed != nil:
		c.answer(e.ID, nil, failed)
	case handler == nil: // route has answered
	default:
		c.handlers.Go(func() {
			defer c.gw.inFlight.Add(-1)
			payload, failed := handler(r)
			if payload != NoAnswer {
				c.answer(r.ID, payload, failed)
			}
		})
	}
}

// Context ends when the connection is closed. A handler that blocks has to return then.
func (r *Request) Context() context.Context { return r.Conn.ctx }

// Answer answers a request whose handler has returned NoAnswer.
func (r *Request) Answer(payload any, err *Error) { r.Conn.answer(r.ID, payload, err) }

func (c *Conn) answer(id json.RawMessage, payload any, failed *Error) {
	switch {
	case c.gw.cfg.Quirks.JSONRPC && c.isHello() && failed != nil:
		code := any(failed.Code)
		if strings.HasPrefix(failed.Message, unknownMethod) {
			code = -32601 // JSON-RPC's own
		}
		c.send(map[string]any{"jsonrpc": "2.0", "id": id, "error": map[string]any{"code": code, "message": failed.Message, "data": failed.Details}})
	case c.gw.cfg.Quirks.JSONRPC && c.isHello():
		c.send(map[string]any{"jsonrpc": "2.0", "id": id, "result": payload})
	case failed != nil:
		c.send(map[string]any{"type": "res", "id": id, "ok": false, "error": failed})
	default: // written by hand, because benchmarks measure the client, not this side
		b := append([]byte(`{"type":"res","id":`), id...)
		b = append(b, `,"ok":true,"payload":`...)
		c.Raw(append(append(b, encode(payload)...), '}'))
	}
}

// encode turns a test's payload into JSON.
func encode(payload any) []byte {
	if raw, ok := payload.(json.RawMessage); ok && len(raw) > 0 {
		return raw
	}
	b, err := json.Marshal(payload)
	if err != nil {
		panic(err) // the test's payload is no JSON
	}
	return b
}

func (c *Conn) isHello() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hello
}

// Emit sends an event to this client.
func (c *Conn) Emit(event string, payload any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.emit(event, payload)
}

// emit is Emit for a caller that holds c.mu.
func (c *Conn) emit(event string, payload any) {
	frame := map[string]any{"type": "event", "event": event, "payload": payload}
	if c.hello {
		c.seq++
		frame["seq"] = c.seq
		if c.gw.cfg.Quirks.JSONRPC {
			frame = map[string]any{"jsonrpc": "2.0", "method": event, "params": payload}
		}
	}
	c.write(frame)
}

func (c *Conn) send(frame any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write(frame)
}

// write sends a frame. The caller holds c.mu. When it fails, the next read fails, too.
func (c *Conn) write(frame any) {
	_ = c.ws.WriteMessage(websocket.TextMessage, encode(frame))
}

// Raw sends b as one text message, whatever its content is.
func (c *Conn) Raw(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.ws.WriteMessage(websocket.TextMessage, b)
}

// RawBytes writes b to the connection below the WebSocket.
func (c *Conn) RawBytes(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.ws.NetConn().Write(b)
}

// Fragments sends one text message, with each part in a frame of its own.
func (c *Conn) Fragments(parts ...[]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, part := range parts {
		var first byte // 0 is a continuation
		if i == 0 {
			first = websocket.TextMessage
		}
		if i == len(parts)-1 {
			first |= 0x80 // FIN
		}
		_, _ = c.ws.NetConn().Write(append(frameHeader(first, len(part)), part...))
	}
}

// frameHeader is the header of an unmasked frame of n bytes (RFC 6455, 5.2).
func frameHeader(first byte, n int) []byte {
	switch {
	case n < 126:
		return []byte{first, byte(n)}
	case n < 1<<16:
		return []byte{first, 126, byte(n >> 8), byte(n)}
	}
	h := []byte{first, 127, 0, 0, 0, 0, 0, 0, 0, 0}
	for i := range 8 {
		h[9-i] = byte(n >> (8 * i))
	}
	return h
}

// Ping sends a WebSocket ping.
func (c *Conn) Ping(payload []byte) {
	_ = c.ws.WriteControl(websocket.PingMessage, payload, time.Now().Add(closeWait))
}

// Close closes the connection with a close code; 1006 closes it without a close frame.
func (c *Conn) Close(code int, reason string) {
	if code != websocket.CloseAbnormalClosure {
		_ = c.ws.WriteControl(websocket.CloseMessage, closePayload(code, reason), time.Now().Add(closeWait))
	}
	_ = c.ws.Close()
}

// closePayload is websocket.FormatCloseMessage, cut to the 125 bytes of a control frame.
func closePayload(code int, reason string) []byte {
	b := websocket.FormatCloseMessage(code, reason)
	return b[:min(len(b), 125)]
}

// TextFrame returns a text message as the bytes of an unmasked frame, for RawBytes.
func TextFrame(message []byte) []byte {
	return append(frameHeader(0x80|websocket.TextMessage, len(message)), message...)
}

// OnPong calls f for every pong of the client, on the goroutine that reads.
func (c *Conn) OnPong(f func(payload string)) {
	c.ws.SetPongHandler(func(payload string) error {
		f(payload)
		return nil
	})
}
