package rpc

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// frameKind is what sort of frame has arrived.
type frameKind uint32

const (
	frameUnknown  frameKind = iota // kept for diagnosis
	frameResponse                  // {"type":"res"} or a JSON-RPC 2.0 response
	frameEvent                     // {"type":"event"} or a JSON-RPC 2.0 notification
	framePing                      // a WebSocket ping; never returned by parseFrame
	framePong                      // a WebSocket pong; never returned by parseFrame
)

func (k frameKind) String() string {
	return [...]string{"unknown", "response", "event", "ping", "pong"}[k]
}

// frame is the envelope of a message that arrived. Its slices point into the read buffer.
type frame struct {
	kind    frameKind
	id      uint64 // of the request that a response answers; 0 when no session sends such an id
	ok      bool
	deep    bool   // this response nests too deeply, so payload and err are not checked
	name    []byte // of an event
	seq     int64
	payload []byte // raw JSON; nil when absent
	err     []byte // raw JSON; nil when absent
}

// parseFrame reads the envelope of one message. It never fails: a message that it does
// not understand is frameUnknown.
func parseFrame(b []byte) frame {
	var e envelope
	object, deep := scanObject(b, e.member)
	switch {
	case !object:
	case is(e.typ, "res"):
		return frame{kind: frameResponse, id: parseID(e.id), ok: e.ok, deep: deep, payload: e.payload, err: e.err}
	case is(e.typ, "event") && e.event != nil:
		return frame{kind: frameEvent, name: e.event, seq: e.seq, payload: e.payload}.unless(deep)
	case is(e.jsonrpc, "2.0") && e.method != nil && e.id == nil:
		return frame{kind: frameEvent, name: e.method, payload: e.params}.unless(deep)
	case is(e.jsonrpc, "2.0") && e.method == nil && e.id != nil:
		failed := e.err != nil && !bytes.Equal(e.err, []byte("null"))
		return frame{kind: frameResponse, id: parseID(e.id), ok: !failed, deep: deep, payload: e.result, err: e.err}
	}
	return frame{}
}

// envelope has the members of a message that count. Names are unquoted, the rest is raw
// JSON; nil means that the member is absent.
type envelope struct {
	typ, jsonrpc, id             []byte // raw
	event, method                []byte // names
	payload, params, result, err []byte // raw
	ok                           bool
	seq                          int64
}

// member takes one member of a message. When a name comes twice, the last one counts.
func (e *envelope) member(key, value []byte) {
	if !e.set(key[1:len(key)-1], value) && bytes.IndexByte(key, '\\') >= 0 {
		name, _ := unquote(key)
		e.set(name, value)
	}
}

// set takes the member with this name. It reports false when the member does not count.
func (e *envelope) set(name, value []byte) bool {
	switch string(name) {
	case "type":
		e.typ = value
	case "id":
		e.id = value
	case "ok":
		e.ok = value[0] == 't'
	case "payload":
		e.payload = value
	case "error":
		e.err = value
	case "event":
		e.event, _ = unquote(value)
	case "seq":
		e.seq, _ = strconv.ParseInt(string(value), 10, 64)
	case "jsonrpc":
		e.jsonrpc = value
	case "method":
		e.method, _ = unquote(value)
	case "params":
		e.params = value
	case "result":
		e.result = value
	default:
		return false
	}
	return true
}

// is reports whether raw is the JSON string text.
func is(raw []byte, text string) bool {
	if len(raw) == len(text)+2 && raw[0] == '"' {
		return string(raw[1:len(raw)-1]) == text
	}
	unquoted, quoted := unquote(raw) // it may be written with escapes
	return quoted && string(unquoted) == text
}

// unless turns an event that nests too deeply into frameUnknown, because nobody could
// decode it.
func (f frame) unless(deep bool) frame {
	if deep {
		return frame{}
	}
	return f
}

// parseID reads the id of a request. A session sends a decimal number as a string, and a
// gateway may send it back as a number. Every other id gives 0, which no request has.
func parseID(raw []byte) uint64 {
	if s, quoted := unquote(raw); quoted {
		raw = s
	}
	if len(raw) == 0 || len(raw) > 19 || raw[0] == '0' {
		return 0
	}
	var id uint64
	for _, c := range raw {
		if !isDigit(c) {
			return 0
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}

// appendRequest appends a request frame. params must be valid JSON or empty.
func appendRequest(b []byte, id uint64, method string, params []byte) []byte {
	b = append(b, `{"type":"req","id":"`...)
	b = strconv.AppendUint(b, id, 10)
	b = append(b, `","method":`...)
	b = appendString(b, method)
	if len(params) > 0 {
		b = append(b, `,"params":`...)
		b = append(b, params...)
	}
	return append(b, '}')
}

// appendString appends s as a JSON string. It is fast for strings without escapes, which
// the names of methods are.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if !plain[s[i]] || s[i] >= 0x80 {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// marshalParams turns the params of a call into JSON; nil means that none are sent.
func marshalParams(params any) ([]byte, error) {
	switch p := params.(type) {
	case nil:
		return nil, nil
	case json.RawMessage:
		if len(p) == 0 || json.Valid(p) {
			return p, nil
		}
	}
	return json.Marshal(params)
}
