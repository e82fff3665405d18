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

// closeWait is how long a close frame may take to be written.
const closeWait = time.Second

// Conn is one socket.
type Conn struct {
	gw     *Gateway
	ws     *websocket.Conn
	origin string

	mu       sync.Mutex // guards writing, and seq with it
	seq      int64
	hello    bool
	scopes   map[string]bool
	handlers sync.WaitGroup
	ctx      context.Context // ends with the socket
	cancel   context.CancelFunc
	nonce    string
}

func newConn(gw *Gateway, ws *websocket.Conn, r *http.Request) *Conn {
	ctx, cancel := context.WithCancel(gw.ctx)
	pong := ws.PingHandler()
	ws.SetPingHandler(func(payload string) error {
		gw.mu.Lock()
		ignored := gw.noPongs
		gw.mu.Unlock()
		if ignored {
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

// serve runs a socket from challenge to close.
func (gw *Gateway) serve(c *Conn) {
	if !gw.enter(c) {
		return
	}
	defer gw.running.Done()
	defer func() {
		_ = c.ws.Close()
		c.cancel()
		gw.set(func() { delete(gw.all, c); delete(gw.conns, c) })
		c.handlers.Wait()
	}()
	accepted := gw.handshake(c)
	gw.opened.Add(-1)
	if !accepted {
		return
	}
	if gw.cfg.Tick > 0 {
		c.handlers.Go(func() { c.tick(gw.cfg.Tick) })
	}
	c.ws.SetReadLimit(gw.cfg.MaxPayload)
	for {
		_, b, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		c.received(b)
	}
}

// enter counts a socket in; false means that the gateway is closed.
func (gw *Gateway) enter(c *Conn) bool {
	gw.mu.Lock()
	defer gw.mu.Unlock()
	if gw.closed {
		_ = c.ws.Close()
		return false
	}
	gw.running.Add(1)
	gw.all[c] = struct{}{}
	return true
}

func (c *Conn) tick(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			c.Emit("tick", map[string]any{"ts": now.UnixMilli()})
		case <-c.ctx.Done():
			return
		}
	}
}

// received handles one frame after hello.
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
	r := &Request{Conn: c, ID: e.ID, Method: e.Method, Params: e.Params, At: time.Now()}
	handler, failed := c.gw.route(r)
	switch {
	case failed != nil:
		c.answer(e.ID, nil, failed)
	case handler == nil: // answered already
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

// Context ends when the socket is closed; handlers that block wait for it too.
func (r *Request) Context() context.Context { return r.Conn.ctx }

// Answer answers a request later, for handlers that returned NoAnswer.
func (r *Request) Answer(payload any, err *Error) { r.Conn.answer(r.ID, payload, err) }

func (c *Conn) answer(id json.RawMessage, payload any, failed *Error) {
	switch {
	case c.gw.cfg.JSONRPC && c.isHello() && failed != nil:
		code := any(failed.Code)
		if strings.HasPrefix(failed.Message, unknownMethod) {
			code = -32601 // JSON-RPC's own
		}
		c.send(map[string]any{"jsonrpc": "2.0", "id": id, "error": map[string]any{"code": code, "message": failed.Message, "data": failed.Details}})
	case c.gw.cfg.JSONRPC && c.isHello():
		c.send(map[string]any{"jsonrpc": "2.0", "id": id, "result": payload})
	case failed != nil:
		c.send(map[string]any{"type": "res", "id": id, "ok": false, "error": failed})
	default: // by hand: benchmarks shall not measure this side
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
	frame := map[string]any{"type": "event", "event": event, "payload": payload}
	if c.hello {
		c.seq++
		frame["seq"] = c.seq
		if c.gw.cfg.JSONRPC {
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

// write sends a frame; c.mu is held. Errors show in the reader.
func (c *Conn) write(frame any) {
	_ = c.ws.WriteMessage(websocket.TextMessage, encode(frame))
}

// Raw writes b as one text message, whatever it is.
func (c *Conn) Raw(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.ws.WriteMessage(websocket.TextMessage, b)
}

// RawBytes writes b to the connection under the WebSocket.
func (c *Conn) RawBytes(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.ws.NetConn().Write(b)
}

// Fragments writes the parts as the frames of one text message.
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

// frameHeader is the header of an unmasked frame (RFC 6455, 5.2).
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

// Close closes the socket with a close code; 1006 breaks it without a close frame.
func (c *Conn) Close(code int, reason string) {
	if code != websocket.CloseAbnormalClosure {
		_ = c.ws.WriteControl(websocket.CloseMessage, closePayload(code, reason), time.Now().Add(closeWait))
	}
	_ = c.ws.Close()
}

// closePayload is websocket.FormatCloseMessage, cut to what a control frame holds.
func closePayload(code int, reason string) []byte {
	b := websocket.FormatCloseMessage(code, reason)
	return b[:min(len(b), 125)]
}

// TextFrame is one unmasked text message as it goes over the wire, for RawBytes.
func TextFrame(message []byte) []byte {
	return append(frameHeader(0x80|websocket.TextMessage, len(message)), message...)
}

// OnPong calls f for every pong of the client, on the reading goroutine.
func (c *Conn) OnPong(f func(payload string)) {
	c.ws.SetPongHandler(func(payload string) error {
		f(payload)
		return nil
	})
}
